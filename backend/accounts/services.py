"""Writes of people and keys."""

import secrets
from typing import TYPE_CHECKING, Final

from django.contrib.auth.models import Group
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from backend.accounts.models import ApiKey, Department, User
from backend.accounts.roles import Action, Role, require
from backend.common.audit import audit_write
from backend.common.errors import Conflict, Invalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
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
        NotAllowed: a key for somebody else, or one that acts for others, by a person who does
            not manage people.
        Invalid: an unknown scope, a past expiry or no name.
    """
    if owner.pk != actor.pk or ApiKey.Scope.ACT_AS in scopes:
        require(actor, Action.PEOPLE_MANAGE)
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
    """End a key now; revoking it again changes nothing.

    Raises:
        NotAllowed: it is somebody else's, and the person does not manage people.
    """
    if key.owner_id != actor.pk:
        require(actor, Action.PEOPLE_MANAGE)
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


@transaction.atomic
def person_save(*, actor: User, person: User, roles: "Iterable[Role]") -> User:
    """Store a person, new or changed, who then has exactly these roles.

    Raises:
        NotAllowed: the actor does not manage people.
        Conflict: nobody would be left who manages people.
    """
    require(actor, Action.PEOPLE_MANAGE)
    chosen = sorted(set(roles))
    is_new = person._state.adding
    person.is_staff = bool(set(chosen) - {Role.EMPLOYEE})
    person.is_superuser = Role.ADMINISTRATOR in chosen
    person.save()
    person.groups.set([Group.objects.get_or_create(name=role.value)[0] for role in chosen])
    if not User.objects.filter(is_active=True, is_superuser=True).exists():
        raise Conflict(
            _("Nobody would be left to administer Loredesk. Name another administrator first."),
            code="last_administrator",
        )
    audit_write(
        actor=actor,
        action="person.create" if is_new else "person.update",
        entity=person,
        username=person.username,
        roles=[role.value for role in chosen],
        active=person.is_active,
    )
    return person


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
