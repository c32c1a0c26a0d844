"""Reads of people and keys."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from backend.accounts.models import ApiKey, User
from backend.accounts.roles import Action, may
from backend.common.errors import NotFound

if TYPE_CHECKING:
    import uuid

    from django.db.models import QuerySet


def api_key_by_secret(*, key: str) -> ApiKey | None:
    """The usable key with this secret, its owner loaded; None for a wrong or ended one."""
    found = (
        ApiKey.objects.select_related("owner__department").filter(sha256=ApiKey.digest(key)).first()
    )
    return found if found is not None and found.is_usable else None


def api_key_list(*, user: User) -> "QuerySet[ApiKey]":
    """The person's own keys; everybody's for those who manage people."""
    keys = ApiKey.objects.select_related("owner")
    return keys if may(user, Action.PEOPLE_MANAGE) else keys.filter(owner=user)


def api_key_get(*, user: User, key_id: "uuid.UUID") -> ApiKey:
    """One of the keys that the person may see.

    Raises:
        NotFound: there is none, or it is somebody else's.
    """
    found = api_key_list(user=user).filter(pk=key_id).first()
    if found is None:
        raise NotFound(_("There is no such key."))
    return found


def person_by_name(*, username: str) -> User | None:
    """An active person by sign-in name."""
    return (
        User.objects.select_related("department").filter(username=username, is_active=True).first()
    )
