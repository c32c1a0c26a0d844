"""``Authorization: Bearer ldk_…``: the owner acts, within the key's scopes and rate."""

import time
from typing import TYPE_CHECKING

from django.core.cache import cache
from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed

from backend.accounts.models import ApiKey
from backend.accounts.selectors import api_key_by_secret
from backend.accounts.services import api_key_used
from backend.common.errors import NotAllowed, TooMany

if TYPE_CHECKING:
    from rest_framework.request import Request

    from backend.accounts.models import User


class ApiKeyAuthentication(BaseAuthentication):
    """Sets ``request.user`` to the key's owner and ``request.auth`` to the key."""

    def authenticate(self, request: "Request") -> "tuple[User, ApiKey] | None":
        scheme, _blank, secret = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != "bearer":
            return None
        key = api_key_by_secret(key=secret.strip())
        if key is None:
            raise AuthenticationFailed(
                _("This API key is wrong, revoked or expired."), code="invalid_api_key"
            )
        rate_check(key)
        api_key_used(key=key)
        return key.owner, key

    def authenticate_header(self, request: "Request") -> str:  # noqa: ARG002
        return "Bearer"


def rate_check(key: ApiKey) -> None:
    """Count this request against the key's minute.

    Raises:
        TooMany: more than ``requests_per_minute`` in this calendar minute.
    """
    minute = int(time.time() // 60)
    name = f"key-rate:{key.pk}:{minute}"
    cache.add(name, 0, timeout=120)
    if cache.incr(name) > key.requests_per_minute:
        raise TooMany(
            _("This key has used up its requests for this minute."),
            retry_after_s=60 - int(time.time() % 60),
        )


def require_scope(request: "Request", scope: str) -> None:
    """A signed-in browser may do all its person may; a key only what its scopes say.

    Raises:
        NotAllowed: the key lacks the scope.
    """
    key = request.auth
    if isinstance(key, ApiKey) and scope not in key.scopes:
        raise NotAllowed(_("This key does not have the scope for that."), code="scope", scope=scope)
