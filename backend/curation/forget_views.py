"""Forgetting records over HTTP."""

from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.access import acting_user
from backend.curation import services
from backend.curation.selectors import record_get
from backend.curation.serializers import RecordOutput
from backend.curation.views import json_object

if TYPE_CHECKING:
    import uuid

    from rest_framework.request import Request


class ForgetInput(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=500, help_text="For those who ask later.")
    erase = serializers.BooleanField(
        required=False,
        default=False,
        help_text="Take its words out of the record and all its revisions; for reviewers.",
    )


class RecordForgetView(APIView):
    @extend_schema(operation_id="records_forget", request=ForgetInput, responses=RecordOutput)
    def post(self, request: "Request", record_id: "uuid.UUID") -> Response:
        user = acting_user(request)
        given = ForgetInput(data=json_object(request))
        given.is_valid(raise_exception=True)
        record = record_get(user=user, record_id=record_id)
        gone = services.record_forget(actor=user, record=record, **given.validated_data)
        return Response(RecordOutput(gone).data)
