"""Writes of people and keys."""

import secrets
from typing import TYPE_CHECKING, Final

from django.contrib.auth.models import Group
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from backend.accounts.models import ApiKey, Department, User
from backend.accounts.roles import Role
from backend.common.audit import audit_write
from backend.common.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

KEY_PREFIX: Final = "ldk_"
USED_EVERY_S: Final = 60


@transaction.atomic
def api_key_create(
    *,
    actor: User,
    owner: User,
    name: str,
    scopes: "Sequence[str]" = (ApiKey.Scope.CHAT,),
    expires_at: "datetime | None" = None,
    requests_per_minute: int = 60,
    default_assistant: str = "",
) -> tuple[ApiKey, str]:
    """A new key and its secret, which is shown this once and never kept.

    Raises:
        Invalid: an unknown scope, a past expiry or no name.
    """
    unknown = set(scopes) - set(ApiKey.Scope.values)
    if unknown or not scopes:
        raise Invalid(_("Choose at least one scope that exists."), scopes=sorted(unknown))
    if expires_at is not None and expires_at <= timezone.now():
        raise Invalid(_("The expiry lies in the past."), code="expired")
    if not name.strip():
        raise Invalid(_("Give the key a name, so that you know later what uses it."))
    secret = KEY_PREFIX + secrets.token_urlsafe(32)
    key = ApiKey.objects.create(
        owner=owner,
        name=name.strip(),
        prefix=secret[:10],
        sha256=ApiKey.digest(secret),
        scopes=list(scopes),
        expires_at=expires_at,
        requests_per_minute=requests_per_minute,
        default_assistant=default_assistant,
    )
    audit_write(
        actor=actor, action="api_key.create", entity=key, name=key.name, owner=owner.username
    )
    return key, secret


@transaction.atomic
def api_key_revoke(*, actor: User, key: ApiKey) -> None:
    """End a key now; revoking it again changes nothing."""
    if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now()):
        audit_write(actor=actor, action="api_key.revoke", entity=key, name=key.name)


def api_key_used(*, key: ApiKey) -> None:
    """Note the use, at most once a minute, so that a busy key does not write on each call."""
    now = timezone.now()
    if key.last_used_at is None or (now - key.last_used_at).total_seconds() > USED_EVERY_S:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)


@transaction.atomic
def person_create(
    *,
    username: str,
    password: str,
    role: Role,
    display_name: str = "",
    department: Department | None = None,
    language: str = "",
) -> User:
    """A person with one role. An administrator is Django's superuser as well."""
    user = User(
        username=username,
        display_name=display_name,
        department=department,
        language=language,
        is_staff=role is not Role.EMPLOYEE,
        is_superuser=role is Role.ADMINISTRATOR,
    )
    user.set_password(password)
    user.full_clean()
    user.save()
    group, _created = Group.objects.get_or_create(name=role.value)
    user.groups.add(group)
    return user


def roles_ensure() -> None:
    """Make the group of every role exist."""
    for role in Role:
        Group.objects.get_or_create(name=role.value)


def profile_update(*, user: User, language: str | None = None, theme: str | None = None) -> User:
    """Change how the pages look and speak to this person.

    Raises:
        Invalid: a language or theme that does not exist.
    """
    if language is not None:
        if language not in {"", *User.Language.values}:
            raise Invalid(_("There is no such language."), language=language)
        user.language = language
    if theme is not None:
        if theme not in User.Theme.values:
            raise Invalid(_("There is no such appearance."), theme=theme)
        user.theme = theme
    user.save(update_fields=["language", "theme"])
    return user
