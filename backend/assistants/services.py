"""Writes of assistants."""

from typing import TYPE_CHECKING, TypedDict, Unpack

from django.db import transaction

from backend.accounts.roles import Action, require
from backend.assistants.base_models import base_model_check
from backend.assistants.models import Assistant
from backend.common.audit import audit_write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backend.accounts.models import Department, User


class AssistantChanges(TypedDict, total=False):
    """What may be changed; a field that is missing stays."""

    name: str
    description: str
    system_prompt: str
    base_model: str
    suggested_questions: dict[str, list[str]]
    temperature: float
    max_new_tokens: int
    is_active: bool
    departments: "Sequence[Department]"


@transaction.atomic
def assistant_create(*, user: "User", slug: str, **fields: Unpack[AssistantChanges]) -> "Assistant":
    """A new assistant, answering with its base model alone; ``base_model`` must be among them.

    Raises:
        NotAllowed: the person does not manage assistants.
        Invalid: a base model that cannot be one.
        ValidationError: a value out of its range, or a short name that is taken.
    """
    require(user, Action.ASSISTANTS_MANAGE)
    departments = fields.pop("departments", ())
    fields["base_model"] = base_model_check(fields.get("base_model", ""))
    assistant = Assistant(slug=slug, **fields)
    assistant.full_clean()
    assistant.save()
    assistant.departments.set(departments)
    audit_write(actor=user, action="assistant.create", entity=assistant, slug=slug)
    return assistant


@transaction.atomic
def assistant_update(
    *, user: "User", assistant: "Assistant", **changes: Unpack[AssistantChanges]
) -> "Assistant":
    """Change an assistant, in force for the next message.

    An adapter in production that was trained on another base no longer answers once the base
    has changed.

    Raises:
        NotAllowed: the person does not manage assistants.
        Invalid: a base model that cannot be one.
        ValidationError: a value out of its range.
    """
    require(user, Action.ASSISTANTS_MANAGE)
    departments = changes.pop("departments", None)
    if "base_model" in changes and changes["base_model"] != assistant.base_model:
        changes["base_model"] = base_model_check(changes["base_model"])
    for field, value in changes.items():
        setattr(assistant, field, value)
    assistant.full_clean()
    assistant.save(update_fields=[*changes, "updated_at"])
    if departments is not None:
        assistant.departments.set(departments)
    changed = sorted([*changes, *(["departments"] if departments is not None else [])])
    audit_write(actor=user, action="assistant.update", entity=assistant, fields=changed)
    return assistant
