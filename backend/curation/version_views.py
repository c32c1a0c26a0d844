"""Dataset versions over HTTP."""

from typing import TYPE_CHECKING, cast

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.access import acting_user
from backend.common.pagination import Cursor
from backend.curation import services
from backend.curation.comparison import (
    Change,
    change_counts,
    record_change,
    version_changes,
    versions_compared,
)
from backend.curation.filters import ItemFilter
from backend.curation.freeze_preview import freeze_preview
from backend.curation.frozen import dataset_version_export
from backend.curation.models import DatasetVersion, DatasetVersionItem, Record
from backend.curation.selectors import (
    dataset_version_get,
    dataset_version_items,
    dataset_version_list,
)
from backend.curation.serializers import DatasetVersionOutput, FreezeInput, VersionItemOutput
from backend.curation.services.versions import DEFAULT_SHARE
from backend.curation.version_serializers import (
    AgainstQuery,
    DiffQuery,
    DiffRowOutput,
    FieldChangeOutput,
    PreviewOutput,
    PreviewQuery,
    VersionName,
)
from backend.curation.views import json_object

if TYPE_CHECKING:
    import uuid

    from django.db.models import QuerySet
    from rest_framework.request import Request


class VersionsView(GenericAPIView[DatasetVersion]):
    serializer_class = DatasetVersionOutput
    filter_backends = ()

    @extend_schema(operation_id="dataset_versions_list")
    def get(self, request: "Request") -> Response:
        page = self.paginate_queryset(dataset_version_list(user=acting_user(request)))
        return self.get_paginated_response(DatasetVersionOutput(page, many=True).data)

    @extend_schema(
        operation_id="dataset_versions_freeze",
        request=FreezeInput,
        responses={201: DatasetVersionOutput},
    )
    def post(self, request: "Request") -> Response:
        given = FreezeInput(data=json_object(request))
        given.is_valid(raise_exception=True)
        version = services.dataset_version_freeze(
            actor=acting_user(request), **given.validated_data
        )
        return Response(DatasetVersionOutput(version).data, status=status.HTTP_201_CREATED)


class VersionView(APIView):
    @extend_schema(operation_id="dataset_versions_get", responses=DatasetVersionOutput)
    def get(self, request: "Request", version_id: "uuid.UUID") -> Response:
        version = dataset_version_get(user=acting_user(request), version_id=version_id)
        return Response(DatasetVersionOutput(version).data)


class FreezePreviewView(APIView):
    @extend_schema(
        operation_id="dataset_versions_preview",
        parameters=[PreviewQuery],
        responses=PreviewOutput,
    )
    def get(self, request: "Request") -> Response:
        given = PreviewQuery(data=request.query_params)
        given.is_valid(raise_exception=True)
        share = given.validated_data.get("validation_share", DEFAULT_SHARE)
        preview = freeze_preview(user=acting_user(request), validation_share=share)
        return Response(PreviewOutput(preview).data)


class DiffCursor(Cursor):
    """The rows of a comparison, with its two sides and how many there are of each kind."""

    ordering = ("id", "created_at")
    summary: "dict[str, object]"

    def get_paginated_response(self, data: object) -> Response:
        answer = super().get_paginated_response(data)
        answer.data |= self.summary
        return answer

    def get_paginated_response_schema(self, schema: dict[str, object]) -> dict[str, object]:
        paged = super().get_paginated_response_schema(schema)
        version = {
            "type": "object",
            "required": ["id", "number"],
            "properties": {
                "id": {"type": "string", "format": "uuid"},
                "number": {"type": "integer"},
            },
        }
        kinds = {change.value: {"type": "integer"} for change in Change}
        counts = {"type": "object", "required": list(kinds), "properties": kinds}
        summary = {"before": version, "after": version, "counts": counts}
        return {
            "type": "object",
            "required": [*cast("list[str]", paged["required"]), *summary],
            "properties": {**cast("dict[str, object]", paged["properties"]), **summary},
        }


class VersionDiffView(GenericAPIView[Record]):
    serializer_class = DiffRowOutput
    pagination_class = DiffCursor
    filter_backends = ()

    @extend_schema(operation_id="dataset_versions_diff_list", parameters=[DiffQuery])
    def get(self, request: "Request", version_id: "uuid.UUID") -> Response:
        given = DiffQuery(data=request.query_params)
        given.is_valid(raise_exception=True)
        before, after = versions_compared(
            user=acting_user(request),
            version_id=version_id,
            against=given.validated_data.get("against"),
        )
        changes = version_changes(before=before, after=after)
        paginator = cast("DiffCursor", self.paginator)
        paginator.summary = {
            "before": dict(VersionName(before).data),
            "after": dict(VersionName(after).data),
            "counts": change_counts(changes),
        }
        if change := given.validated_data.get("change"):
            changes = changes.filter(change=change)
        page = self.paginate_queryset(changes)
        return self.get_paginated_response(DiffRowOutput(page, many=True).data)


class RecordDiffView(APIView):
    @extend_schema(
        operation_id="dataset_versions_diff_record",
        parameters=[AgainstQuery],
        responses=FieldChangeOutput(many=True),
    )
    def get(self, request: "Request", version_id: "uuid.UUID", record_id: "uuid.UUID") -> Response:
        given = AgainstQuery(data=request.query_params)
        given.is_valid(raise_exception=True)
        before, after = versions_compared(
            user=acting_user(request),
            version_id=version_id,
            against=given.validated_data.get("against"),
        )
        changes = record_change(before=before, after=after, record_id=record_id)
        return Response(FieldChangeOutput(changes, many=True).data)


class ItemCursor(Cursor):
    ordering = ("id", "version_id")


class VersionItemsView(GenericAPIView[DatasetVersionItem]):
    serializer_class = VersionItemOutput
    filterset_class = ItemFilter
    pagination_class = ItemCursor

    def get_queryset(self) -> "QuerySet[DatasetVersionItem]":
        if getattr(self, "swagger_fake_view", False):
            return DatasetVersionItem.objects.none()
        return dataset_version_items(
            user=acting_user(self.request), version_id=self.kwargs["version_id"]
        )

    @extend_schema(operation_id="dataset_versions_items_list")
    def get(self, request: "Request", version_id: "uuid.UUID") -> Response:  # noqa: ARG002
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(VersionItemOutput(page, many=True).data)


class VersionExportView(APIView):
    @extend_schema(
        operation_id="dataset_versions_export",
        responses={(200, "application/zip"): OpenApiTypes.BINARY},
    )
    def get(self, request: "Request", version_id: "uuid.UUID") -> HttpResponse:
        version = dataset_version_get(user=acting_user(request), version_id=version_id)
        name = f"loredesk-v{version.number}.zip"
        return HttpResponse(
            dataset_version_export(version=version),
            content_type="application/zip",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )
