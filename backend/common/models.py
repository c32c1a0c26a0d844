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


class Job(BaseModel):
    """One long piece of work, which a worker does. ``common.jobs`` is the way in.

    What it writes and its end are one transaction, so that work that did not succeed left
    nothing. ``kind`` names an entry of ``jobs.KINDS``, which gives the other JSON its meaning.
    """

    class State(models.TextChoices):
        QUEUED = "queued", _("waiting")
        RUNNING = "running", _("running")
        SUCCEEDED = "succeeded", _("done")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    state_field = "state"
    transitions: ClassVar[dict[str, frozenset[str]]] = {
        State.QUEUED: frozenset({State.RUNNING, State.CANCELLED}),
        State.RUNNING: frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED}),
        State.FAILED: frozenset({State.QUEUED}),
    }

    kind = models.CharField(_("kind"), max_length=40)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.QUEUED)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("owner"),
        on_delete=models.CASCADE,
        related_name="jobs",
    )
    params = models.JSONField(default=dict, blank=True)
    progress = models.JSONField(default=dict, blank=True)  # {done, total} and what the kind adds
    result = models.JSONField(null=True, blank=True)
    error = models.JSONField(null=True, blank=True)  # {code, message, details}
    language = models.CharField(max_length=10, blank=True)  # of whoever asked: speaks in errors
    cancel_requested = models.BooleanField(default=False)
    attempt = models.PositiveIntegerField(default=0)  # a worker writes as its own attempt only
    asked_at = models.DateTimeField(null=True)  # when a worker was last told
    heartbeat_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    objects = TransitionQuerySet["Job"].as_manager()

    class Meta:
        verbose_name = _("task")
        verbose_name_plural = _("tasks")
        ordering = ("-created_at", "-id")
        indexes = (models.Index(fields=["owner", "kind", "-created_at"]),)
        constraints = (
            # Long work takes turns: the worker's other process is there for the timers.
            models.UniqueConstraint(
                fields=["state"], condition=models.Q(state="running"), name="job_one_at_a_time"
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    @property
    def has_ended(self) -> bool:
        return self.state in {self.State.SUCCEEDED, self.State.FAILED, self.State.CANCELLED}
