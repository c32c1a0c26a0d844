"""Dataset versions over HTTP."""

from typing import TYPE_CHECKING

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
from backend.curation.filters import ItemFilter
from backend.curation.frozen import dataset_version_export
from backend.curation.models import DatasetVersion, DatasetVersionItem
from backend.curation.selectors import (
    dataset_version_get,
    dataset_version_items,
    dataset_version_list,
)
from backend.curation.serializers import DatasetVersionOutput, FreezeInput, VersionItemOutput
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
