"""Exports of an adapter over HTTP: ask, look, stop, take away, delete."""

from typing import TYPE_CHECKING

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.access import acting_user
from backend.curation.services.exports import Export
from backend.serving import exports
from backend.serving.archive import archive_stream
from backend.serving.export_serializers import ExportInput, ExportOutput
from backend.serving.selectors import adapter_get
from backend.training.jobs import adapter_job_stop
from backend.training.models import AdapterJob

if TYPE_CHECKING:
    import uuid

    from django.db.models import QuerySet
    from django.http import StreamingHttpResponse
    from rest_framework.request import Request


def export_of(request: "Request", adapter_id: "uuid.UUID", export_id: "uuid.UUID") -> AdapterJob:
    """The export that an address names."""
    user = acting_user(request)
    adapter = adapter_get(user=user, adapter_id=adapter_id)
    return exports.export_get(user=user, adapter=adapter, export_id=export_id)


class AdapterExportView(APIView):
    @extend_schema(
        operation_id="adapters_export", request=ExportInput, responses={202: ExportOutput}
    )
    def post(self, request: "Request", adapter_id: "uuid.UUID") -> Response:
        given = ExportInput(data=request.data)
        given.is_valid(raise_exception=True)
        user = acting_user(request)
        adapter = adapter_get(user=user, adapter_id=adapter_id)
        job = exports.export_start(user=user, adapter=adapter, what=given.validated_data["what"])
        return Response(ExportOutput(job).data, status=status.HTTP_202_ACCEPTED)


class AdapterExportsView(GenericAPIView[AdapterJob]):
    serializer_class = ExportOutput
    filter_backends = ()

    def get_queryset(self) -> "QuerySet[AdapterJob]":
        if getattr(self, "swagger_fake_view", False):
            return AdapterJob.objects.none()
        user = acting_user(self.request)
        adapter = adapter_get(user=user, adapter_id=self.kwargs["adapter_id"])
        return exports.export_list(user=user, adapter=adapter)

    @extend_schema(operation_id="adapters_exports_list")
    def get(self, request: "Request", adapter_id: "uuid.UUID") -> Response:  # noqa: ARG002
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(ExportOutput(page, many=True).data)


class ExportView(APIView):
    @extend_schema(operation_id="adapters_exports_get", responses=ExportOutput)
    def get(self, request: "Request", adapter_id: "uuid.UUID", export_id: "uuid.UUID") -> Response:
        return Response(ExportOutput(export_of(request, adapter_id, export_id)).data)

    @extend_schema(operation_id="adapters_exports_delete", responses={204: None})
    def delete(
        self, request: "Request", adapter_id: "uuid.UUID", export_id: "uuid.UUID"
    ) -> Response:
        export = export_of(request, adapter_id, export_id)
        exports.export_delete(user=acting_user(request), export=export)
        return Response(status=status.HTTP_204_NO_CONTENT)


class ExportStopView(APIView):
    @extend_schema(operation_id="adapters_exports_stop", request=None, responses=ExportOutput)
    def post(self, request: "Request", adapter_id: "uuid.UUID", export_id: "uuid.UUID") -> Response:
        export = export_of(request, adapter_id, export_id)
        return Response(ExportOutput(adapter_job_stop(user=acting_user(request), job=export)).data)


class ExportArchiveView(APIView):
    @extend_schema(
        operation_id="adapters_exports_archive",
        responses={(200, "application/zip"): OpenApiTypes.BINARY},
    )
    def get(
        self, request: "Request", adapter_id: "uuid.UUID", export_id: "uuid.UUID"
    ) -> "StreamingHttpResponse":
        export = export_of(request, adapter_id, export_id)
        name = f"{export.adapter.name}-export-{export.number}"
        chunks = archive_stream(exports.export_files(export=export), folder=name)
        return Export(chunks, f"{name}.zip", "application/zip").response(request._request)
