"""Signing in and out, and who one is."""

from typing import Any

from django.conf import settings
from django.contrib.auth import authenticate, login, logout
from django.middleware.csrf import get_token
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from backend.accounts.models import User
from backend.accounts.roles import actions_of, roles_of
from backend.accounts.services import profile_update
from backend.common.errors import DomainError


class SignInInput(serializers.Serializer[Any]):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=1000, trim_whitespace=False)


class ProfileInput(serializers.Serializer[Any]):
    language = serializers.CharField(max_length=10, required=False, allow_blank=True)
    theme = serializers.CharField(max_length=10, required=False)


class NamedRow(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()


class PersonOutput(serializers.ModelSerializer[User]):
    display_name = serializers.CharField(source="__str__")
    department = NamedRow(allow_null=True)
    roles = serializers.SerializerMethodField()
    may = serializers.SerializerMethodField()

    class Meta:
        model = User
        fields = (
            "id",
            "username",
            "display_name",
            "department",
            "language",
            "theme",
            "roles",
            "may",
        )

    def get_roles(self, user: User) -> list[str]:
        return sorted(role.value for role in roles_of(user))

    def get_may(self, user: User) -> list[str]:
        return sorted(action.value for action in actions_of(user))


class SessionOutput(serializers.Serializer[Any]):
    user = PersonOutput(allow_null=True)
    four_eyes = serializers.BooleanField()
    embedded = serializers.BooleanField()
    version = serializers.CharField()


class SignInFailed(DomainError):
    """Wrong name or password; it does not say which."""

    default_code = "sign_in_failed"


class SignInThrottle(SimpleRateThrottle):
    """Twenty tries a minute for one address and name: enough for people, little for guessing."""

    scope = "sign_in"

    def get_cache_key(self, request: Request, view: APIView) -> str | None:  # noqa: ARG002
        if request.method != "POST":
            return None
        data = request.data if isinstance(request.data, dict) else {}
        name = str(data.get("username", ""))[:150].casefold()
        return f"sign-in:{self.get_ident(request)}:{name.encode().hex()}"


@method_decorator(never_cache, name="dispatch")
class SessionView(APIView):
    permission_classes = (AllowAny,)
    throttle_classes = (SignInThrottle,)

    @extend_schema(operation_id="session_get", responses=SessionOutput)
    def get(self, request: Request) -> Response:
        return _answer(request)

    @extend_schema(operation_id="session_create", request=SignInInput, responses=SessionOutput)
    def post(self, request: Request) -> Response:
        given = SignInInput(data=request.data)
        given.is_valid(raise_exception=True)
        _check_csrf(request)
        user = authenticate(request._request, **given.validated_data)
        if user is None:
            raise SignInFailed(_("Name or password is wrong."))
        login(request._request, user)
        request.user = user
        return _answer(request)

    @extend_schema(operation_id="session_update", request=ProfileInput, responses=SessionOutput)
    def patch(self, request: Request) -> Response:
        if not isinstance(request.user, User):
            raise SignInFailed(_("Sign in first."))
        given = ProfileInput(data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        profile_update(user=request.user, **given.validated_data)
        return _answer(request)

    @extend_schema(operation_id="session_delete", responses={204: None})
    def delete(self, request: Request) -> Response:
        logout(request._request)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _check_csrf(request: Request) -> None:
    """DRF checks CSRF only for who is signed in; signing in needs it too (login CSRF)."""

    @csrf_protect
    def passes(_request: object) -> None:
        return None

    # DRF marked the outer view exempt; the check looks at this request alone.
    refused = passes(request._request)
    if refused is not None:
        raise DomainError(
            _("This page is out of date. Load it again and repeat what you did."), code="csrf"
        )


def _answer(request: Request) -> Response:
    get_token(request._request)  # sets the CSRF cookie
    user = request.user if isinstance(request.user, User) else None
    shown = {
        "user": user,
        "four_eyes": settings.FOUR_EYES,
        "embedded": settings.EMBEDDED,
        "version": settings.VERSION,
    }
    return Response(SessionOutput(shown).data)
