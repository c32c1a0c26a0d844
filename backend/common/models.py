"""What every table has in common, and the audit trail."""

import uuid
from typing import TYPE_CHECKING, ClassVar, Self, TypeVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from collections.abc import Mapping

M = TypeVar("M", bound=models.Model)


class BaseModel(models.Model):
    """A row with a UUID, so that ids can be given out before the row exists."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        abstract = True


class TransitionQuerySet(models.QuerySet[M]):
    """Adds compare-and-set state changes.

    The model names its ``state_field`` and the allowed ``transitions`` (state → next states).
    """

    def transition(self, pk: uuid.UUID, from_: str, to: str, **changes: object) -> bool:
        """Move one row from ``from_`` to ``to``; False when somebody else was faster.

        Raises:
            ValueError: the model does not allow this transition at all (a programming error).
        """
        return self.filter(pk=pk).transition_all(from_, to, **changes) == 1

    def transition_all(self, from_: str, to: str, **changes: object) -> int:
        """Move those of these rows that are ``from_`` to ``to``, and say how many they were.

        Raises:
            ValueError: the model does not allow this transition at all (a programming error).
        """
        field: str = getattr(self.model, "state_field")  # noqa: B009
        allowed: Mapping[str, frozenset[str]] = getattr(self.model, "transitions")  # noqa: B009
        if to not in allowed.get(from_, frozenset()):
            raise ValueError(f"{self.model.__name__} does not go from {from_} to {to}")
        values = {field: to, "updated_at": timezone.now(), **changes}
        return self.filter(**{field: from_}).update(**values)


class AuditEntry(models.Model):
    """Who did what, when. Written by ``common.audit``, never changed."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(_("at"), default=timezone.now, db_index=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("who"), null=True, on_delete=models.SET_NULL
    )
    action = models.CharField(_("action"), max_length=60)
    entity_type = models.CharField(_("what"), max_length=60)
    entity_id = models.CharField(_("id"), max_length=64, blank=True)
    data = models.JSONField(_("details"), default=dict, blank=True)

    objects: ClassVar[models.Manager[Self]]

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit")
        ordering = ("-at", "-id")

    def __str__(self) -> str:
        return f"{self.action} {self.entity_type} {self.entity_id}"
