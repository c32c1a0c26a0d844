"""Over HTTP: many records at once, saved filters, similar records, and the history."""

from typing import TYPE_CHECKING, Any

from django.http import QueryDict
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.access import acting_user
from backend.common.errors import Invalid
from backend.common.models import Job
from backend.curation import services
from backend.curation.bulk_jobs import records_bulk_ask
from backend.curation.content import content_from
from backend.curation.desk_serializers import (
    BulkInput,
    BulkOutput,
    DiffInput,
    DiffOutput,
    RestoreInput,
    SavedFilterChange,
    SavedFilterInput,
    SavedFilterOutput,
    SimilarInput,
    SimilarList,
)
from backend.curation.differences import content_differences
from backend.curation.filters import RecordFilter
from backend.curation.selectors import (
    record_get,
    record_list,
    revision_get,
    saved_filter_get,
    saved_filter_list,
)
from backend.curation.serializers import RecordOutput, RevisionOutput
from backend.curation.services import BulkAction
from backend.curation.services.bulk_result import result_shown
from backend.curation.similar import similar_records, similar_to
from backend.curation.views import json_object

if TYPE_CHECKING:
    import uuid

    from django.db.models import QuerySet
    from rest_framework.request import Request

    from backend.accounts.models import User
    from backend.curation.models import Record


class RecordsBulkView(APIView):
    @extend_schema(
        operation_id="records_bulk",
        request=BulkInput,
        responses={200: BulkOutput, 202: BulkOutput},
    )
    def post(self, request: "Request") -> Response:
        user = acting_user(request)
        given = BulkInput(data=json_object(request))
        given.is_valid(raise_exception=True)
        values = given.validated_data
        ids = values.get("ids")
        if (ids is None) == (values.get("filter") is None):
            raise Invalid(_("Name the records by ids or by a filter, not by both."))
        answer = records_bulk_ask(
            actor=user,
            records=filtered(user, values["filter"]) if ids is None else ids,
            action=BulkAction(values["action"]),
            reason=values["reason"],
            tags=values["tags"],
            seen_at=values["seen_at"],
        )
        if isinstance(answer, Job):
            waiting: dict[str, Any] = {"changed": None, "unchanged": [], "task": answer.pk}
            return Response(BulkOutput(waiting).data, status=status.HTTP_202_ACCEPTED)
        return Response(BulkOutput({**result_shown(answer), "task": None}).data)


def filtered(user: "User", parameters: dict[str, Any]) -> "QuerySet[Record]":
    """The records that the list shows under these parameters.

    Raises:
        Invalid: one is unknown or has a value that it cannot have. Nobody means all records by a
            misspelt word.
    """
    unknown = [name for name in parameters if name not in RecordFilter.base_filters]
    if unknown:
        raise Invalid(
            _("There is no filter called “%(name)s”.") % {"name": unknown[0]}, filter=unknown
        )
    query = QueryDict(mutable=True)
    for name, value in parameters.items():
        query.setlist(name, [str(v) for v in (value if isinstance(value, list) else [value])])
    chosen = RecordFilter(query, record_list(user=user))
    if not chosen.is_valid():
        sentences = [str(s) for errors in chosen.errors.values() for s in errors]
        raise Invalid(sentences[0], filter=sentences)
    found: QuerySet[Record] = chosen.qs
    return found


class SavedFiltersView(APIView):
    @extend_schema(operation_id="saved_filters_list", responses=SavedFilterOutput(many=True))
    def get(self, request: "Request") -> Response:
        kept = saved_filter_list(user=acting_user(request))
        return Response(SavedFilterOutput(kept, many=True).data)

    @extend_schema(
        operation_id="saved_filters_create",
        request=SavedFilterInput,
        responses={201: SavedFilterOutput},
    )
    def post(self, request: "Request") -> Response:
        given = SavedFilterInput(data=json_object(request))
        given.is_valid(raise_exception=True)
        kept = services.saved_filter_create(actor=acting_user(request), **given.validated_data)
        return Response(SavedFilterOutput(kept).data, status=status.HTTP_201_CREATED)


class SavedFilterView(APIView):
    @extend_schema(
        operation_id="saved_filters_update",
        request=SavedFilterChange,
        responses=SavedFilterOutput,
    )
    def patch(self, request: "Request", filter_id: "uuid.UUID") -> Response:
        user = acting_user(request)
        kept = saved_filter_get(user=user, filter_id=filter_id)
        given = SavedFilterChange(data=json_object(request))
        given.is_valid(raise_exception=True)
        changed = services.saved_filter_change(actor=user, saved=kept, **given.validated_data)
        return Response(SavedFilterOutput(changed).data)

    @extend_schema(operation_id="saved_filters_delete", responses={204: None})
    def delete(self, request: "Request", filter_id: "uuid.UUID") -> Response:
        user = acting_user(request)
        kept = saved_filter_get(user=user, filter_id=filter_id)
        services.saved_filter_delete(actor=user, saved=kept)
        return Response(status=status.HTTP_204_NO_CONTENT)


class SimilarToTextView(APIView):
    @extend_schema(
        operation_id="records_similar_to_text",
        parameters=[OpenApiParameter("text", str, required=True, description="A question.")],
        responses=SimilarList,
    )
    def get(self, request: "Request") -> Response:
        given = SimilarInput(data=request.query_params)
        given.is_valid(raise_exception=True)
        found = similar_records(user=acting_user(request), text=given.validated_data["text"])
        return Response(SimilarList({"results": found}).data)


class SimilarToRecordView(APIView):
    @extend_schema(operation_id="records_similar", responses=SimilarList)
    def get(self, request: "Request", record_id: "uuid.UUID") -> Response:
        user = acting_user(request)
        record = record_get(user=user, record_id=record_id)
        return Response(SimilarList({"results": similar_to(user=user, record=record)}).data)


class RevisionView(APIView):
    @extend_schema(operation_id="records_revisions_get", responses=RevisionOutput)
    def get(self, request: "Request", record_id: "uuid.UUID", number: int) -> Response:
        user = acting_user(request)
        found = revision_get(user=user, record_id=record_id, number=number)
        return Response(RevisionOutput(found).data)


class DiffView(APIView):
    @extend_schema(
        operation_id="records_diff",
        parameters=[
            OpenApiParameter(name, int, required=True, description="The number of a revision.")
            for name in ("from", "to")
        ],
        responses=DiffOutput,
    )
    def get(self, request: "Request", record_id: "uuid.UUID") -> Response:
        user = acting_user(request)
        given = DiffInput(data=request.query_params)
        given.is_valid(raise_exception=True)
        before, after = (
            content_from(
                revision_get(
                    user=user, record_id=record_id, number=given.validated_data[end]
                ).content
            )
            for end in ("from", "to")
        )
        shown = {"fields_changed": content_differences(before, after)}
        return Response(DiffOutput(shown).data)


class RestoreView(APIView):
    @extend_schema(operation_id="records_restore", request=RestoreInput, responses=RecordOutput)
    def post(self, request: "Request", record_id: "uuid.UUID") -> Response:
        user = acting_user(request)
        record = record_get(user=user, record_id=record_id)
        given = RestoreInput(data=json_object(request))
        given.is_valid(raise_exception=True)
        restored = services.record_restore(
            actor=user,
            record=record,
            number=given.validated_data["revision"],
            revision=given.validated_data.get("seen"),
        )
        return Response(RecordOutput(restored).data)
