"""Conversations and their messages. The row is the truth; streams and sockets only carry it."""

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from backend.assistants.models import Assistant
from backend.common.models import BaseModel, TransitionQuerySet
from backend.training.models import Adapter


class Conversation(BaseModel):
    """One person's talk with one assistant: private to its owner."""

    class Origin(models.TextChoices):
        PAGE = "page"
        API = "api"

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="conversations"
    )
    assistant = models.ForeignKey(Assistant, on_delete=models.PROTECT, related_name="conversations")
    title = models.CharField(_("title"), max_length=200, blank=True)
    origin = models.CharField(max_length=10, choices=Origin.choices, default=Origin.PAGE)
    # What another system added to the assistant's prompt when it opened the conversation.
    instructions = models.TextField(blank=True)
    # The leaf of the branch that the page shows.
    current_message = models.ForeignKey(
        "Message", null=True, on_delete=models.SET_NULL, related_name="+"
    )
    # When somebody last wrote; orders the list.
    active_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name = _("conversation")
        verbose_name_plural = _("conversations")
        ordering = ("-active_at", "-id")
        indexes = (models.Index(fields=["owner", "-active_at"]),)

    def __str__(self) -> str:
        return self.title or str(self.pk)


class Message(BaseModel):
    """One turn. Messages form a tree through ``parent``: an edit or a retry makes a sibling."""

    class Role(models.TextChoices):
        USER = "user"
        ASSISTANT = "assistant"

    class State(models.TextChoices):
        QUEUED = "queued"
        STREAMING = "streaming"
        FINISHED = "finished"
        STOPPED = "stopped"
        FAILED = "failed"
        INTERRUPTED = "interrupted"

    state_field = "state"
    transitions: ClassVar[dict[str, frozenset[str]]] = {
        State.QUEUED: frozenset({State.STREAMING, State.STOPPED, State.FAILED, State.INTERRUPTED}),
        State.STREAMING: frozenset(
            # Back to the queue only from a replier that ended before the first token.
            {State.FINISHED, State.STOPPED, State.FAILED, State.INTERRUPTED, State.QUEUED}
        ),
        # "continue" takes an interrupted or stopped answer up again.
        State.INTERRUPTED: frozenset({State.QUEUED}),
        State.STOPPED: frozenset({State.QUEUED}),
        State.FINISHED: frozenset(),
        State.FAILED: frozenset(),
    }

    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, related_name="messages"
    )
    parent = models.ForeignKey("self", null=True, on_delete=models.CASCADE, related_name="children")
    role = models.CharField(max_length=10, choices=Role.choices)
    text = models.TextField(blank=True)
    reasoning = models.TextField(blank=True)
    state = models.CharField(max_length=12, choices=State.choices)
    # The last event number whose text is in ``text``; the page follows from here.
    seq = models.PositiveIntegerField(default=0)
    # What each event up to ``seq`` carried: n > 0 characters of text, -n of reasoning, 0 neither.
    # With it the rest of an answer can be cut out of the row when the stream has expired.
    event_lengths = ArrayField(models.IntegerField(), default=list, blank=True)
    sources = models.JSONField(default=list, blank=True)
    adapter = models.ForeignKey(Adapter, null=True, on_delete=models.PROTECT, related_name="+")
    usage = models.JSONField(default=dict, blank=True)  # tokens and timings, all numbers
    finish_reason = models.CharField(max_length=20, blank=True)  # the model server's word
    error = models.JSONField(null=True)  # {"code", "message"}
    # Given by the page: sending the same thing twice makes one message.
    client_id = models.CharField(max_length=64, blank=True)
    sender = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    # What a request asked for beside the assistant's own settings (temperature, stop, …).
    options = models.JSONField(default=dict, blank=True)
    queued_at = models.DateTimeField(null=True)
    # Which replier process holds the answer, its sign of life, and how many have tried.
    replier = models.CharField(max_length=40, blank=True)
    heartbeat_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    stop_requested = models.BooleanField(default=False)

    objects = TransitionQuerySet["Message"].as_manager()

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        ordering = ("created_at", "id")
        constraints = (
            models.UniqueConstraint(
                fields=["sender", "client_id"],
                condition=~models.Q(client_id=""),
                name="client_id_once_per_sender",
            ),
        )
        indexes = (
            models.Index(fields=["conversation", "created_at"]),
            # The reaper's look at what is under way, which is always little.
            models.Index(
                fields=["state", "queued_at"],
                condition=models.Q(state__in=("queued", "streaming")),
                name="replies_under_way",
            ),
        )

    def __str__(self) -> str:
        return f"{self.role} {self.pk}"

    @property
    def is_under_way(self) -> bool:
        """Whether more of this answer may still come."""
        return self.state in {self.State.QUEUED, self.State.STREAMING}
