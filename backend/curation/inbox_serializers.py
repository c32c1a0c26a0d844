"""The JSON of the feedback inbox."""

from typing import Any

from rest_framework import serializers

from backend.assistants.models import Assistant
from backend.curation.models import FeedbackItem
from backend.curation.models.inbox import MAX_COMMENT, MAX_CORRECTION, MAX_NOTE
from backend.curation.serializers import Person, RecordChange


class FeedbackAssistant(serializers.ModelSerializer[Assistant]):
    class Meta:
        model = Assistant
        fields = ("id", "slug", "name")


class OwnFeedbackOutput(serializers.ModelSerializer[FeedbackItem]):
    """What its reporter sees of it."""

    message = serializers.UUIDField(source="message_id")
    assistant = FeedbackAssistant(allow_null=True)
    outcome = serializers.ChoiceField(
        FeedbackItem.Outcome.choices, help_text="What became of it, by the record's status now."
    )
    note = serializers.SerializerMethodField(help_text="What became of it, in a curator's words.")
    with_history = serializers.SerializerMethodField(
        help_text="Whether the earlier turns of the conversation were sent along."
    )

    class Meta:
        model = FeedbackItem
        fields = (
            "id",
            "message",
            "question",
            "answer",
            "assistant",
            "assistant_name",
            "rating",
            "comment",
            "correction",
            "with_history",
            "state",
            "outcome",
            "note",
            "handled_at",
            "created_at",
            "updated_at",
        )

    def get_note(self, item: FeedbackItem) -> str:
        # Of an item that has come back, the note is about what it said before.
        return item.note if item.state == FeedbackItem.State.HANDLED else ""

    def get_with_history(self, item: FeedbackItem) -> bool:
        return bool(item.history)


class FeedbackOutput(serializers.ModelSerializer[FeedbackItem]):
    """What curators see of it."""

    message = serializers.UUIDField(source="message_id")
    assistant = FeedbackAssistant(allow_null=True)
    adapter = serializers.CharField(source="adapter_name")
    sources = serializers.ListField(child=serializers.JSONField())
    history = serializers.ListField(child=serializers.ListField(child=serializers.CharField()))
    outcome = serializers.ChoiceField(FeedbackItem.Outcome.choices)
    reporter = Person(allow_null=True)
    handled_by = Person(allow_null=True)
    record = serializers.UUIDField(source="record_id", allow_null=True)

    class Meta:
        model = FeedbackItem
        fields = (
            "id",
            "message",
            "question",
            "answer",
            "history",
            "assistant",
            "assistant_name",
            "adapter",
            "sources",
            "rating",
            "comment",
            "correction",
            "revision",
            "reporter",
            "state",
            "outcome",
            "note",
            "handled_by",
            "handled_at",
            "record",
            "created_at",
            "updated_at",
        )


class FeedbackInput(serializers.Serializer[Any]):
    """Describes what may be sent; the service checks it."""

    rating = serializers.ChoiceField(FeedbackItem.Rating.choices)
    comment = serializers.CharField(
        required=False, allow_blank=True, max_length=MAX_COMMENT, trim_whitespace=False
    )
    correction = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=MAX_CORRECTION,
        trim_whitespace=False,
        help_text="What would have been right.",
    )
    with_history = serializers.BooleanField(
        required=False,
        help_text=(
            "Send the earlier turns of the conversation along. Without it curators see the question"
            " and the answer alone."
        ),
    )


class SeenRevisionInput(serializers.Serializer[Any]):
    revision = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=2**31 - 1,
        help_text="The revision you saw; answers 409 where its reporter has changed it since.",
    )


class FeedbackDraftInput(SeenRevisionInput):
    content = RecordChange(
        required=False, partial=True, help_text="Fields of the record that shall say otherwise."
    )


class FeedbackHandleInput(SeenRevisionInput):
    note = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=MAX_NOTE,
        help_text="What became of it, in words to the reporter.",
    )
