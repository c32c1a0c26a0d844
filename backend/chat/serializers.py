"""Conversations and messages as other systems and the page read them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from backend.chat.models import Conversation, Message
from backend.curation.inbox_serializers import OwnFeedbackOutput


class MessageAdapter(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()


class MessageError(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()


class ConversationOutput(serializers.ModelSerializer[Conversation]):
    """``assistant`` and ``current_message`` are ids."""

    # When somebody last wrote: what the list is ordered by.
    updated_at = serializers.DateTimeField(source="active_at")
    assistant = serializers.UUIDField(source="assistant_id")
    current_message = serializers.UUIDField(source="current_message_id", allow_null=True)

    class Meta:
        model = Conversation
        fields = (
            "id",
            "title",
            "assistant",
            "origin",
            "created_at",
            "updated_at",
            "current_message",
        )


class ConversationChange(serializers.Serializer[Any]):
    title = serializers.CharField(max_length=200, required=False)
    # The leaf of the branch to show from now on.
    current_message = serializers.UUIDField(required=False)


class MessageOutput(serializers.ModelSerializer[Message]):
    """``seq`` is the last event contained in ``text``: what ``reply.follow`` takes."""

    conversation = serializers.UUIDField(source="conversation_id")
    # The stubs take the name for DRF's own attribute of nested fields.
    parent = serializers.UUIDField(source="parent_id", allow_null=True)  # type: ignore[assignment]
    adapter = MessageAdapter(allow_null=True)
    error = MessageError(allow_null=True)
    usage = serializers.DictField(child=serializers.FloatField(), allow_null=True)
    sources = serializers.ListField(child=serializers.DictField())
    feedback = serializers.SerializerMethodField()

    class Meta:
        model = Message
        fields = (
            "id",
            "conversation",
            "parent",
            "role",
            "text",
            "reasoning",
            "state",
            "seq",
            "sources",
            "adapter",
            "usage",
            "finish_reason",
            "error",
            "feedback",
            "created_at",
        )

    def to_representation(self, instance: Message) -> dict[str, Any]:
        shown = super().to_representation(instance)
        # Whole numbers stay whole.
        shown["usage"] = instance.usage or None
        return shown

    @extend_schema_field(OwnFeedbackOutput(allow_null=True))
    def get_feedback(self, message: Message) -> dict[str, Any] | None:
        """The owner's own word on it, which the view has read for all of its messages at once."""
        item = self.context.get("feedback", {}).get(message.pk)
        return None if item is None else dict(OwnFeedbackOutput(item).data)
