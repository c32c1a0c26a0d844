"""Conversations over HTTP: a person's own, whoever else asks gets 404."""

from typing import TYPE_CHECKING, Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.access import acting_user
from backend.accounts.models import ApiKey
from backend.chat.models import Conversation, Message
from backend.chat.selectors import (
    branch,
    conversation_get,
    conversation_list,
    message_get,
    message_list,
)
from backend.chat.serializers import ConversationChange, ConversationOutput, MessageOutput
from backend.chat.services.conversations import (
    conversation_delete,
    conversation_rename,
    conversation_show,
)
from backend.chat.services.feedback import reply_rate, reply_unrate
from backend.common.pagination import Cursor
from backend.curation.inbox_selectors import feedback_by_message
from backend.curation.inbox_serializers import FeedbackInput, OwnFeedbackOutput

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from django.db.models import QuerySet
    from rest_framework.request import Request


class NewestFirst(Cursor):
    ordering = ("-active_at", "-id")


class InOrder(Cursor):
    page_size = 200
    ordering = ("created_at", "id")


class ConversationsView(GenericAPIView[Conversation]):
    key_scope = ApiKey.Scope.CHAT
    serializer_class = ConversationOutput
    pagination_class = NewestFirst
    filter_backends = ()

    def get_queryset(self) -> "QuerySet[Conversation]":
        if getattr(self, "swagger_fake_view", False):
            return Conversation.objects.none()
        asked = self.request.query_params
        found = conversation_list(user=acting_user(self.request), search=asked.get("q", ""))
        origin = asked.get("origin")
        return found.filter(origin=origin) if origin else found

    @extend_schema(
        operation_id="conversations_list",
        parameters=[
            OpenApiParameter("q", OpenApiTypes.STR, description="In the title."),
            OpenApiParameter("origin", OpenApiTypes.STR, enum=Conversation.Origin.values),
        ],
        responses=ConversationOutput(many=True),
    )
    def get(self, request: "Request") -> Response:  # noqa: ARG002
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(ConversationOutput(page, many=True).data)


class ConversationView(APIView):
    key_scope = ApiKey.Scope.CHAT

    @extend_schema(operation_id="conversations_get", responses=ConversationOutput)
    def get(self, request: "Request", conversation_id: "uuid.UUID") -> Response:
        found = conversation_get(user=acting_user(request), conversation_id=conversation_id)
        return Response(ConversationOutput(found).data)

    @extend_schema(
        operation_id="conversations_update",
        request=ConversationChange,
        responses=ConversationOutput,
    )
    def patch(self, request: "Request", conversation_id: "uuid.UUID") -> Response:
        given = ConversationChange(data=request.data)
        given.is_valid(raise_exception=True)
        change: dict[str, Any] = given.validated_data  # Any: JSON values
        found = conversation_get(user=acting_user(request), conversation_id=conversation_id)
        if "title" in change:
            conversation_rename(conversation=found, title=change["title"])
        if "current_message" in change:
            conversation_show(conversation=found, message_id=change["current_message"])
        return Response(ConversationOutput(found).data)

    @extend_schema(operation_id="conversations_delete", responses={204: None})
    def delete(self, request: "Request", conversation_id: "uuid.UUID") -> Response:
        found = conversation_get(user=acting_user(request), conversation_id=conversation_id)
        conversation_delete(conversation=found)
        return Response(status=status.HTTP_204_NO_CONTENT)


class MessagesView(GenericAPIView[Message]):
    """The whole tree, oldest first; with ``branch=current`` only what the page shows."""

    key_scope = ApiKey.Scope.CHAT
    serializer_class = MessageOutput
    pagination_class = InOrder
    filter_backends = ()

    @extend_schema(
        operation_id="conversations_messages_list",
        parameters=[OpenApiParameter("branch", OpenApiTypes.STR, enum=["current"])],
        responses=MessageOutput(many=True),
    )
    def get(self, request: "Request", conversation_id: "uuid.UUID") -> Response:
        found = conversation_get(user=acting_user(request), conversation_id=conversation_id)
        messages = message_list(conversation=found)
        if request.query_params.get("branch") == "current":
            messages = messages.filter(
                pk__in=[said.id for said in branch(leaf_id=found.current_message_id)]
            )
        page = self.paginate_queryset(messages)
        return self.get_paginated_response(
            MessageOutput(page, many=True, context=feedback_on(request, page or [])).data
        )


class MessageView(APIView):
    key_scope = ApiKey.Scope.CHAT

    @extend_schema(operation_id="messages_get", responses=MessageOutput)
    def get(self, request: "Request", message_id: "uuid.UUID") -> Response:
        found = message_get(user=acting_user(request), message_id=message_id)
        return Response(MessageOutput(found, context=feedback_on(request, [found])).data)


class MessageFeedbackView(APIView):
    """One's word on an answer of one's own conversation; only the latest counts."""

    key_scope = ApiKey.Scope.CHAT

    @extend_schema(
        operation_id="messages_feedback",
        description="What is not sent stays as it was sent before.",
        request=FeedbackInput,
        responses={200: OwnFeedbackOutput, 201: OwnFeedbackOutput},
    )
    def post(self, request: "Request", message_id: "uuid.UUID") -> Response:
        return self.report(request, message_id, {})

    @extend_schema(
        operation_id="messages_feedback_replace",
        request=FeedbackInput,
        responses={200: OwnFeedbackOutput, 201: OwnFeedbackOutput},
    )
    def put(self, request: "Request", message_id: "uuid.UUID") -> Response:
        return self.report(
            request, message_id, {"comment": "", "correction": "", "with_history": False}
        )

    def report(
        self, request: "Request", message_id: "uuid.UUID", defaults: dict[str, Any]
    ) -> Response:
        given = FeedbackInput(data=request.data)
        given.is_valid(raise_exception=True)
        item, is_new = reply_rate(
            user=acting_user(request), message_id=message_id, **defaults | given.validated_data
        )
        code = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        return Response(OwnFeedbackOutput(item).data, status=code)

    @extend_schema(operation_id="messages_feedback_delete", responses={204: None})
    def delete(self, request: "Request", message_id: "uuid.UUID") -> Response:
        reply_unrate(user=acting_user(request), message_id=message_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


def feedback_on(request: "Request", messages: "Sequence[Message]") -> dict[str, Any]:
    """What ``MessageOutput`` needs to tell the person's own word on each answer."""
    answers = [message.pk for message in messages if message.role == Message.Role.ASSISTANT]
    return {"feedback": feedback_by_message(user=acting_user(request), message_ids=answers)}
