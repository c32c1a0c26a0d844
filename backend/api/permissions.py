"""Closed by default: signed in, and with a key only within its scopes."""

from typing import TYPE_CHECKING, Any

from rest_framework.permissions import BasePermission

from backend.accounts.models import ApiKey
from backend.api.authentication import require_scope

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView


class SignedInWithinScope(BasePermission):
    """A view may name the scope that a key needs as ``key_scope``; without one it is ``manage``."""

    def has_permission(self, request: "Request", view: "APIView") -> bool:
        if not request.user.is_authenticated:
            return False
        require_scope(request, getattr(view, "key_scope", ApiKey.Scope.MANAGE))
        return True

    def has_object_permission(self, request: "Request", view: "APIView", obj: Any) -> bool:  # noqa: ARG002
        return True
