"""What people said about the answers that they got."""

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.utils.translation import gettext_lazy as _

from backend.assistants.models import Assistant
from backend.common.models import BaseModel, TransitionQuerySet
from backend.curation.models.records import Record

MAX_COMMENT = 2000
MAX_CORRECTION = 40_000  # as long as a record's answer
MAX_NOTE = 500


class FeedbackItem(BaseModel):
    """One person's word on one answer, with as much of the conversation as they sent along.

    The texts are copies: the conversation stays its owner's, and may be gone.
    """

    class Rating(models.TextChoices):
        UP = "up", _("helpful")
        DOWN = "down", _("not right")

    class State(models.TextChoices):
        OPEN = "open", _("open")
        DRAFTED = "drafted", _("made a record")
        HANDLED = "handled", _("handled")

    class Outcome(models.TextChoices):
        """What became of it, as the person who reported it is told."""

        WAITING = "waiting", _("waits for a curator")
        DRAFT = "draft", _("became a record, being written")
        IN_REVIEW = "in_review", _("became a record, in review")
        APPROVED = "approved", _("approved: part of the next training")
        REJECTED = "rejected", _("the record was sent back to be corrected")
        ARCHIVED = "archived", _("the record was taken out of use")
        DELETED = "deleted", _("the record was deleted")
        HANDLED = "handled", _("handled")

    state_field = "state"
    # What is drafted or handled is first opened again: of two curators one is told.
    transitions: ClassVar[dict[str, frozenset[str]]] = {
        State.OPEN: frozenset({State.DRAFTED, State.HANDLED}),
        State.DRAFTED: frozenset({State.OPEN}),
        State.HANDLED: frozenset({State.OPEN}),
    }

    message_id = models.UUIDField(_("message"), editable=False)  # the chat's; no table of ours
    reporter = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("reported by"),
        null=True,
        on_delete=models.SET_NULL,
        related_name="feedback_given",
    )
    question = models.TextField(_("question"))
    answer = models.TextField(_("answer given"), blank=True)
    history = models.JSONField(_("earlier turns"), default=list, blank=True)  # [[user, assistant]]
    assistant = models.ForeignKey(
        Assistant,
        verbose_name=_("assistant"),
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    # As they were called then.
    assistant_name = models.CharField(_("assistant"), max_length=80, blank=True)
    adapter_name = models.CharField(_("adapter"), max_length=200, blank=True)
    sources = models.JSONField(_("sources"), default=list, blank=True)
    rating = models.CharField(_("rating"), max_length=4, choices=Rating.choices)
    comment = models.TextField(_("comment"), blank=True, max_length=MAX_COMMENT)
    correction = models.TextField(_("suggested answer"), blank=True, max_length=MAX_CORRECTION)
    # Grows with each change by the reporter: nobody handles words that they have not seen.
    revision = models.PositiveIntegerField(default=1, editable=False)
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.OPEN)
    # The last decision; on an open item, the one before it came back.
    handled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("handled by"),
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    handled_at = models.DateTimeField(_("handled at"), null=True)
    note = models.CharField(_("note to the reporter"), max_length=MAX_NOTE, blank=True)
    record = models.ForeignKey(
        Record,
        verbose_name=_("record"),
        null=True,
        on_delete=models.SET_NULL,
        related_name="feedback",
    )
    # ``words.search_vector`` of question, answer, comment and correction.
    search = SearchVectorField(default="", editable=False)

    objects = TransitionQuerySet["FeedbackItem"].as_manager()

    class Meta:
        verbose_name = _("feedback item")
        verbose_name_plural = _("feedback items")
        ordering = ("-created_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=["reporter", "message_id"], name="feedback_once_per_message"
            ),
        )
        indexes = (
            models.Index(fields=["state", "-created_at"]),
            models.Index(fields=["reporter", "-created_at"]),
            GinIndex(fields=["search"]),
        )

    def __str__(self) -> str:
        return self.question[:80]

    @property
    def outcome(self) -> "FeedbackItem.Outcome":
        """Of an item whose record is read with it; the record is not told of what it came from."""
        if self.state == self.State.DRAFTED:
            return self.Outcome.DELETED if self.record is None else self.Outcome(self.record.status)
        if self.state == self.State.HANDLED:
            return self.Outcome.HANDLED
        return self.Outcome.WAITING
