"""The feedback inbox over HTTP."""

from typing import TYPE_CHECKING, Any

import django_filters
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.access import acting_user
from backend.accounts.models import ApiKey
from backend.common.errors import Invalid
from backend.curation import services
from backend.curation.inbox_selectors import feedback_mine, inbox_get, inbox_list, inbox_search
from backend.curation.inbox_serializers import (
    FeedbackDraftInput,
    FeedbackHandleInput,
    FeedbackOutput,
    OwnFeedbackOutput,
    SeenRevisionInput,
)
from backend.curation.models import FeedbackItem
from backend.curation.views import json_object

if TYPE_CHECKING:
    import uuid

    from django.db.models import QuerySet
    from rest_framework.request import Request


class FeedbackFilter(django_filters.FilterSet):
    state = django_filters.MultipleChoiceFilter(choices=FeedbackItem.State.choices)
    rating = django_filters.ChoiceFilter(choices=FeedbackItem.Rating.choices)
    assistant = django_filters.CharFilter(
        field_name="assistant__slug", max_length=60, label=gettext_lazy("the assistant's slug")
    )
    q = django_filters.CharFilter(
        method="with_words",
        max_length=200,
        label=gettext_lazy("every word, in question, answer, comment or correction"),
    )

    class Meta:
        model = FeedbackItem
        fields = ("state", "rating", "assistant", "q")

    def with_words(
        self, items: "QuerySet[FeedbackItem]", _name: str, text: str
    ) -> "QuerySet[FeedbackItem]":
        return inbox_search(items, text)


class FeedbackListView(GenericAPIView[FeedbackItem]):
    serializer_class = FeedbackOutput
    filterset_class = FeedbackFilter

    def get_queryset(self) -> "QuerySet[FeedbackItem]":
        if getattr(self, "swagger_fake_view", False):
            return FeedbackItem.objects.none()
        return inbox_list(user=acting_user(self.request))

    @extend_schema(operation_id="feedback_list")
    def get(self, request: "Request") -> Response:  # noqa: ARG002
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(FeedbackOutput(page, many=True).data)


class FeedbackMineView(GenericAPIView[FeedbackItem]):
    """What became of one's own, whatever one's role."""

    key_scope = ApiKey.Scope.CHAT
    serializer_class = OwnFeedbackOutput
    filter_backends = ()

    @extend_schema(operation_id="feedback_mine_list")
    def get(self, request: "Request") -> Response:
        page = self.paginate_queryset(feedback_mine(user=acting_user(request)))
        return self.get_paginated_response(OwnFeedbackOutput(page, many=True).data)


class FeedbackView(APIView):
    @extend_schema(operation_id="feedback_get", responses=FeedbackOutput)
    def get(self, request: "Request", item_id: "uuid.UUID") -> Response:
        item = inbox_get(user=acting_user(request), item_id=item_id)
        return Response(FeedbackOutput(item).data)


class FeedbackDraftView(APIView):
    """Answers the item; its ``record`` is the draft."""

    @extend_schema(
        operation_id="feedback_draft", request=FeedbackDraftInput, responses=FeedbackOutput
    )
    def post(self, request: "Request", item_id: "uuid.UUID") -> Response:
        user = acting_user(request)
        item = inbox_get(user=user, item_id=item_id)
        body = json_object(request)
        services.inbox_item_draft(
            actor=user, item=item, content=content_in(body), revision=seen_in(body)
        )
        return Response(FeedbackOutput(item).data)


class FeedbackHandleView(APIView):
    @extend_schema(
        operation_id="feedback_handle", request=FeedbackHandleInput, responses=FeedbackOutput
    )
    def post(self, request: "Request", item_id: "uuid.UUID") -> Response:
        user = acting_user(request)
        item = inbox_get(user=user, item_id=item_id)
        given = FeedbackHandleInput(data=json_object(request))
        given.is_valid(raise_exception=True)
        handled = services.inbox_item_handle(
            actor=user,
            item=item,
            note=given.validated_data.get("note", ""),
            revision=given.validated_data.get("revision"),
        )
        return Response(FeedbackOutput(handled).data)


class FeedbackReopenView(APIView):
    @extend_schema(operation_id="feedback_reopen", request=None, responses=FeedbackOutput)
    def post(self, request: "Request", item_id: "uuid.UUID") -> Response:
        user = acting_user(request)
        item = inbox_get(user=user, item_id=item_id)
        return Response(FeedbackOutput(services.inbox_item_reopen(actor=user, item=item)).data)


def content_in(body: dict[str, Any]) -> dict[str, object]:
    """The record fields of a request's body; the record's service checks each.

    Raises:
        Invalid: ``content`` is no object.
    """
    content = body.get("content")
    if content is None:
        return {}
    if not isinstance(content, dict):
        problem = _("Send one JSON object.")
        raise Invalid(problem, code="not_an_object", content=[problem])
    return content


def seen_in(body: dict[str, Any]) -> int | None:
    """The revision of the item that the caller saw, where the body names one.

    Raises:
        ValidationError: it is no revision.
    """
    given = SeenRevisionInput(data={"revision": body.get("revision")})
    given.is_valid(raise_exception=True)
    seen: int | None = given.validated_data["revision"]
    return seen
