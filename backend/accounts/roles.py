"""Who may do what: the one gate for pages, REST, sockets and commands (``contracts.md``)."""

from enum import StrEnum
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backend.common.errors import NotAllowed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.contrib.auth.models import AnonymousUser

    from backend.accounts.models import User


class Role(StrEnum):
    """A role is the Django group of the same name."""

    EMPLOYEE = "employee"
    CURATOR = "curator"
    REVIEWER = "reviewer"
    TRAINER = "trainer"
    APPROVER = "approver"
    ADMINISTRATOR = "administrator"


class Action(StrEnum):
    """What somebody may be allowed to do; the names travel to the browser in ``session.may``."""

    CHAT = "chat"
    RECORDS_READ = "records.read"
    RECORDS_WRITE = "records.write"
    RECORDS_APPROVE = "records.approve"
    VERSIONS_FREEZE = "versions.freeze"
    RUNS_READ = "runs.read"
    RUNS_WRITE = "runs.write"
    ADAPTERS_EXPORT = "adapters.export"
    ADAPTERS_PROMOTE = "adapters.promote"
    ASSISTANTS_MANAGE = "assistants.manage"
    PEOPLE_MANAGE = "people.manage"
    AUDIT_READ = "audit.read"


_READ = {Action.CHAT, Action.RECORDS_READ, Action.RUNS_READ}

ROLE_ACTIONS: "Mapping[Role, frozenset[Action]]" = {
    Role.EMPLOYEE: frozenset({Action.CHAT}),
    Role.CURATOR: frozenset(_READ | {Action.RECORDS_WRITE}),
    Role.REVIEWER: frozenset(_READ | {Action.RECORDS_WRITE, Action.RECORDS_APPROVE}),
    Role.TRAINER: frozenset(
        _READ | {Action.VERSIONS_FREEZE, Action.RUNS_WRITE, Action.ADAPTERS_EXPORT}
    ),
    Role.APPROVER: frozenset(_READ | {Action.ADAPTERS_EXPORT, Action.ADAPTERS_PROMOTE}),
    Role.ADMINISTRATOR: frozenset(Action),
}

ROLE_NAMES = {
    Role.EMPLOYEE: gettext_lazy("employee"),
    Role.CURATOR: gettext_lazy("curator"),
    Role.REVIEWER: gettext_lazy("reviewer"),
    Role.TRAINER: gettext_lazy("trainer"),
    Role.APPROVER: gettext_lazy("approver"),
    Role.ADMINISTRATOR: gettext_lazy("administrator"),
}


def roles_of(user: "User | AnonymousUser") -> frozenset[Role]:
    """The roles somebody holds; a superuser is an administrator; nobody holds none.

    Read once per user object: a request makes a new one, and a socket asks again on its own.
    """
    if not user.is_authenticated or not user.is_active:
        return frozenset()
    known: frozenset[Role] | None = user.__dict__.get("_roles")
    if known is None:
        names = set(user.groups.values_list("name", flat=True))
        known = frozenset(role for role in Role if role.value in names)
        if user.is_superuser:
            known |= {Role.ADMINISTRATOR}
        user.__dict__["_roles"] = known
    return known


def actions_of(user: "User | AnonymousUser") -> frozenset[Action]:
    """Everything somebody may do. Whoever can sign in may chat."""
    if not user.is_authenticated or not user.is_active:
        return frozenset()
    return frozenset({Action.CHAT}.union(*(ROLE_ACTIONS[role] for role in roles_of(user))))


def may(user: "User | AnonymousUser", action: Action) -> bool:
    """Whether ``user`` may do ``action`` at all."""
    return action in actions_of(user)


def require(user: "User | AnonymousUser", action: Action) -> None:
    """Raise ``NotAllowed`` unless ``user`` may do ``action``."""
    if not may(user, action):
        raise NotAllowed(_("Your role does not allow this."), action=action.value)


def require_other_eyes(user: "User", author_id: object) -> None:
    """Under ``FOUR_EYES`` nobody decides on their own work.

    Args:
        user: who is about to approve or promote.
        author_id: the id of the person whose work it is; None for imported demo data.

    Raises:
        NotAllowed: it is the person's own work and ``FOUR_EYES`` is on.
    """
    if settings.FOUR_EYES and author_id is not None and author_id == user.pk:
        raise not_own()


def not_own() -> NotAllowed:
    """What somebody is told who would decide on their own work."""
    return NotAllowed(
        _("Somebody else has to decide on this: four-eyes review is on, and it is your own."),
        code="four_eyes",
    )


def is_staff_role(user: "User | AnonymousUser") -> bool:
    """Whether somebody works in the admin or studio pages (anything beyond chatting)."""
    return bool(roles_of(user) - {Role.EMPLOYEE})
