"""Who is calling: a key within its scope, or a signed-in browser."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from django.utils.translation import gettext as _
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import NotAuthenticated

from backend.accounts.models import ApiKey, User
from backend.accounts.selectors import person_by_name
from backend.api.authentication import ApiKeyAuthentication
from backend.common.errors import Invalid, NotAllowed

if TYPE_CHECKING:
    from django.http import HttpRequest
    from rest_framework.request import Request


@dataclass(frozen=True, kw_only=True)
class Caller:
    """The person with whose rights a request runs; ``key`` is None for a browser."""

    user: User
    key: ApiKey | None


def caller_of(request: "HttpRequest") -> Caller:
    """The caller of a request to the chat's routes. In a thread: it reads the database.

    Raises:
        AuthenticationFailed, NotAuthenticated: a wrong key, or nobody.
        NotAllowed: the key may not chat.
        PermissionDenied: a browser without its CSRF token.
        TooMany: the key has used up its minute.
    """
    # Only the headers are read, which Django's request has like DRF's.
    as_drf = cast("Request", request)
    if (found := ApiKeyAuthentication().authenticate(as_drf)) is not None:
        user, key = found
        if ApiKey.Scope.CHAT not in key.scopes:
            raise NotAllowed(
                _("This key does not have the scope for that."),
                code="scope",
                scope=ApiKey.Scope.CHAT.value,
            )
        return Caller(user=user, key=key)
    if not isinstance(request.user, User) or not request.user.is_active:
        raise _nobody()
    if request.method not in {"GET", "HEAD"}:
        SessionAuthentication().enforce_csrf(as_drf)
    # The row itself, not the request's lazy stand-in for it.
    return Caller(user=User.objects.select_related("department").get(pk=request.user.pk), key=None)


def acting_for(caller: Caller, label: str) -> User:
    """For whom it is asked: ``label`` names somebody only where the key may act for others.

    Raises:
        Invalid: the key may, and there is nobody of that name.
    """
    if not label or caller.key is None or ApiKey.Scope.ACT_AS not in caller.key.scopes:
        return caller.user
    person = person_by_name(username=label)
    if person is None:
        raise Invalid(
            _("There is nobody with the user name “%(name)s”.") % {"name": label[:150]},
            code="unknown_user",
            param="user",
        )
    return person


def _nobody() -> NotAuthenticated:
    error = NotAuthenticated(_("Send an API key as “Authorization: Bearer ldk_…”, or sign in."))
    attributes: dict[str, Any] = {"auth_header": "Bearer"}  # Any: DRF sets it so, too
    vars(error).update(attributes)
    return error
