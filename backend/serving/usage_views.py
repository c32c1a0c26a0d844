"""Where a record is used, over HTTP."""

from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.access import acting_user
from backend.serving.usage import Split, record_usage

if TYPE_CHECKING:
    import uuid

    from rest_framework.request import Request


class VersionUseOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    number = serializers.IntegerField()
    revision = serializers.IntegerField()
    split = serializers.ChoiceField(Split.choices)


class AdapterUseOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    version = serializers.IntegerField()
    split = serializers.ChoiceField(Split.choices, help_text="Where the record stood.")
    learnt = serializers.BooleanField(
        help_text="It was trained on the record: forgetting it means to retrain."
    )
    in_production = serializers.ListField(
        child=serializers.CharField(), help_text="Assistants that answer with it now."
    )
    created_at = serializers.DateTimeField()


class RecordUsageOutput(serializers.Serializer[Any]):
    versions = VersionUseOutput(many=True)
    adapters = AdapterUseOutput(many=True, help_text="Those in production first.")


class RecordUsageView(APIView):
    @extend_schema(operation_id="records_usage", responses=RecordUsageOutput)
    def get(self, request: "Request", record_id: "uuid.UUID") -> Response:
        usage = record_usage(user=acting_user(request), record_id=record_id)
        return Response(RecordUsageOutput(usage).data)
