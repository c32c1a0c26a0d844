"""Records over HTTP."""

from typing import TYPE_CHECKING, Any

from django.http import StreamingHttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.access import acting_user
from backend.common.errors import Invalid
from backend.common.models import Job
from backend.curation import services
from backend.curation.content import NAMES
from backend.curation.filters import RecordFilter
from backend.curation.import_uploads import records_import_upload
from backend.curation.models import Record, Revision
from backend.curation.selectors import record_get, record_list, revision_list
from backend.curation.serializers import (
    ImportInput,
    ImportOutput,
    RecordChange,
    RecordInput,
    RecordOutput,
    RejectInput,
    RevisionInput,
    RevisionOutput,
)
from backend.curation.services.exports import FORMATS

if TYPE_CHECKING:
    import uuid

    from django.db.models import QuerySet
    from rest_framework.request import Request


def json_object(request: "Request") -> dict[str, Any]:
    """The body of a request that has to be a JSON object.

    Raises:
        Invalid: it is something else.
    """
    if not isinstance(request.data, dict):
        raise Invalid(_("Send one JSON object."), code="not_an_object")
    return request.data


class RecordsView(GenericAPIView[Record]):
    serializer_class = RecordOutput
    filterset_class = RecordFilter

    def get_queryset(self) -> "QuerySet[Record]":
        if getattr(self, "swagger_fake_view", False):
            return Record.objects.none()
        return record_list(user=acting_user(self.request))

    @extend_schema(operation_id="records_list")
    def get(self, request: "Request") -> Response:  # noqa: ARG002
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(RecordOutput(page, many=True).data)

    @extend_schema(
        operation_id="records_create",
        request=RecordInput,
        responses={201: RecordOutput},
        filters=False,
    )
    def post(self, request: "Request") -> Response:
        user = acting_user(request)
        record = services.record_create(actor=user, content=json_object(request))
        return Response(RecordOutput(record).data, status=status.HTTP_201_CREATED)


class RecordView(APIView):
    @extend_schema(operation_id="records_get", responses=RecordOutput)
    def get(self, request: "Request", record_id: "uuid.UUID") -> Response:
        record = record_get(user=acting_user(request), record_id=record_id)
        return Response(RecordOutput(record).data)

    @extend_schema(operation_id="records_update", request=RecordChange, responses=RecordOutput)
    def patch(self, request: "Request", record_id: "uuid.UUID") -> Response:
        user = acting_user(request)
        record = record_get(user=user, record_id=record_id)
        content = json_object(request)
        changed = services.record_update(
            actor=user, record=record, content=content, revision=seen_revision(content)
        )
        return Response(RecordOutput(changed).data)

    @extend_schema(operation_id="records_replace", request=RecordChange, responses=RecordOutput)
    def put(self, request: "Request", record_id: "uuid.UUID") -> Response:
        user = acting_user(request)
        record = record_get(user=user, record_id=record_id)
        given = json_object(request)
        changed = services.record_update(
            actor=user,
            record=record,
            content=dict.fromkeys(NAMES) | given,
            revision=seen_revision(given),
        )
        return Response(RecordOutput(changed).data)

    @extend_schema(operation_id="records_delete", responses={204: None})
    def delete(self, request: "Request", record_id: "uuid.UUID") -> Response:
        user = acting_user(request)
        services.record_delete(actor=user, record=record_get(user=user, record_id=record_id))
        return Response(status=status.HTTP_204_NO_CONTENT)


def seen_revision(body: dict[str, Any]) -> int | None:
    """The revision that the caller saw, where the body names one.

    Raises:
        Invalid: it is no number.
    """
    given = RevisionInput(data={"revision": body.get("revision")})
    given.is_valid(raise_exception=True)
    seen: int | None = given.validated_data["revision"]
    return seen


class RecordSubmitView(APIView):
    @extend_schema(operation_id="records_submit", request=RevisionInput, responses=RecordOutput)
    def post(self, request: "Request", record_id: "uuid.UUID") -> Response:
        user = acting_user(request)
        record = record_get(user=user, record_id=record_id)
        seen = seen_revision(json_object(request))
        moved = services.record_submit(actor=user, record=record, revision=seen)
        return Response(RecordOutput(moved).data)


class RecordApproveView(APIView):
    @extend_schema(operation_id="records_approve", request=RevisionInput, responses=RecordOutput)
    def post(self, request: "Request", record_id: "uuid.UUID") -> Response:
        user = acting_user(request)
        record = record_get(user=user, record_id=record_id)
        seen = seen_revision(json_object(request))
        moved = services.record_approve(actor=user, record=record, revision=seen)
        return Response(RecordOutput(moved).data)


class RecordRejectView(APIView):
    @extend_schema(operation_id="records_reject", request=RejectInput, responses=RecordOutput)
    def post(self, request: "Request", record_id: "uuid.UUID") -> Response:
        user = acting_user(request)
        record = record_get(user=user, record_id=record_id)
        given = RejectInput(data=json_object(request))
        given.is_valid(raise_exception=True)
        moved = services.record_reject(
            actor=user,
            record=record,
            reason=given.validated_data.get("reason", ""),
            revision=given.validated_data.get("revision"),
        )
        return Response(RecordOutput(moved).data)


class RecordArchiveView(APIView):
    @extend_schema(operation_id="records_archive", request=None, responses=RecordOutput)
    def post(self, request: "Request", record_id: "uuid.UUID") -> Response:
        user = acting_user(request)
        record = record_get(user=user, record_id=record_id)
        return Response(RecordOutput(services.record_archive(actor=user, record=record)).data)


class RevisionsView(GenericAPIView[Revision]):
    serializer_class = RevisionOutput
    filter_backends = ()

    @extend_schema(operation_id="records_revisions_list")
    def get(self, request: "Request", record_id: "uuid.UUID") -> Response:
        revisions = revision_list(user=acting_user(request), record_id=record_id)
        page = self.paginate_queryset(revisions)
        return self.get_paginated_response(RevisionOutput(page, many=True).data)


class RecordsImportView(APIView):
    parser_classes = (MultiPartParser,)

    @extend_schema(
        operation_id="records_import",
        request={"multipart/form-data": ImportInput},
        responses={200: ImportOutput, 202: ImportOutput},
    )
    def post(self, request: "Request") -> Response:
        given = ImportInput(data=request.data)
        given.is_valid(raise_exception=True)
        answer = records_import_upload(
            actor=acting_user(request),
            file=given.validated_data["file"],
            given=given.validated_data,
        )
        if isinstance(answer, Job):
            shown: dict[str, Any] = {"counts": None, "rows": [], "task": answer.pk}
            return Response(ImportOutput(shown).data, status=status.HTTP_202_ACCEPTED)
        shown = {"counts": answer.counts, "rows": answer.rows, "task": None}
        return Response(ImportOutput(shown).data)


class RecordsExportView(GenericAPIView[Record]):
    filterset_class = RecordFilter
    pagination_class = None

    def get_queryset(self) -> "QuerySet[Record]":
        if getattr(self, "swagger_fake_view", False):
            return Record.objects.none()
        return record_list(user=acting_user(self.request))

    @extend_schema(
        operation_id="records_export",
        parameters=[OpenApiParameter("format", str, enum=list(FORMATS), default="alpaca")],
        responses={(200, media_type): OpenApiTypes.BINARY for _end, media_type in FORMATS.values()},
    )
    def get(self, request: "Request") -> StreamingHttpResponse:
        export = services.records_export(
            actor=acting_user(request),
            records=self.filter_queryset(self.get_queryset()),
            format=request.query_params.get("format", "alpaca"),
        )
        return export.response(request._request)
