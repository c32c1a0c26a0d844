"""Reads of assistants: the one gate to who may use which."""

import uuid
from typing import TYPE_CHECKING

from django.db.models import Q
from django.utils.translation import gettext as _

from backend.accounts.roles import Action, may, require
from backend.assistants.models import Assistant
from backend.common.errors import NotFound

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from backend.accounts.models import User


def assistant_list(*, user: "User") -> "QuerySet[Assistant]":
    """Those in use that are for everybody or for the person's department, by name.

    Whoever manages assistants sees all, those out of use included.
    """
    require(user, Action.CHAT)
    assistants = Assistant.objects.order_by("name", "id")
    if may(user, Action.ASSISTANTS_MANAGE):
        return assistants
    # One join gives at most one row: no assistant is listed twice.
    for_them = Q(departments=None) | Q(departments=user.department_id)
    return assistants.filter(for_them, is_active=True)


def assistant_get(
    *, user: "User", slug: str | None = None, assistant_id: uuid.UUID | None = None
) -> Assistant:
    """The assistant with that slug or id.

    Raises:
        NotFound: there is none, or it is not for this person.
    """
    if (slug is None) == (assistant_id is None):
        raise ValueError("give a slug or an id")
    wanted = Q(slug=slug) if slug is not None else Q(pk=assistant_id)
    found = assistant_list(user=user).filter(wanted).first()
    if found is None:
        raise NotFound(_("There is no such assistant, or it is not for you."))
    return found


def assistant_named(*, user: "User", reference: str) -> Assistant:
    """The assistant that a request names by its slug or id.

    Raises:
        NotFound: there is none, or it is not for this person.
    """
    try:
        return assistant_get(user=user, assistant_id=uuid.UUID(reference))
    except ValueError:
        return assistant_get(user=user, slug=reference)
