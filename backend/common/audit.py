"""The one writer of the audit trail."""

from typing import TYPE_CHECKING

from backend.common.copying import copy_insert
from backend.common.models import AuditEntry

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from django.contrib.auth.models import AbstractBaseUser
    from django.db.models import Model


def audit_write(
    *, actor: "AbstractBaseUser | None", action: str, entity: "Model", **data: object
) -> AuditEntry:
    """Record that ``actor`` did ``action`` to ``entity``; call it inside the same transaction."""
    return AuditEntry.objects.create(
        actor_id=None if actor is None else actor.pk,
        action=action,
        entity_type=entity._meta.label_lower,
        entity_id=str(entity.pk),
        data=data,
    )


def audit_write_all(
    *,
    actor: "AbstractBaseUser | None",
    action: str,
    entities: "Iterable[tuple[Model, Mapping[str, object]]]",
) -> int:
    """The same for many at once, each with its details; how many lines it wrote."""
    lines = (
        AuditEntry(
            actor_id=None if actor is None else actor.pk,
            action=action,
            entity_type=entity._meta.label_lower,
            entity_id=str(entity.pk),
            data=dict(data),
        )
        for entity, data in entities
    )
    return copy_insert(AuditEntry, lines)
