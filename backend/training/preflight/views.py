"""The pre-flight over HTTP."""

from typing import TYPE_CHECKING

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.access import acting_user
from backend.training.preflight.report import training_preflight
from backend.training.preflight.serializers import PreflightOutput, PreflightQuery

if TYPE_CHECKING:
    import uuid

    from rest_framework.request import Request


class PreflightView(APIView):
    @extend_schema(
        operation_id="dataset_versions_preflight",
        parameters=[PreflightQuery],
        responses=PreflightOutput,
    )
    def get(self, request: "Request", version_id: "uuid.UUID") -> Response:
        given = PreflightQuery(data=request.query_params)
        given.is_valid(raise_exception=True)
        told = training_preflight(
            user=acting_user(request), version_id=version_id, **given.validated_data
        )
        return Response(PreflightOutput(told).data)
