"""Where a record is used, over HTTP."""

from typing import TYPE_CHECKING, Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.html import escape
from django.views.decorators.http import require_GET
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.access import acting_user
from backend.common.errors import DomainError
from backend.serving.usage import Split, record_usage

if TYPE_CHECKING:
    import uuid

    from django.http import HttpRequest
    from rest_framework.request import Request


@login_required
@require_GET
def record_usage_panel(request: "HttpRequest", record_id: "uuid.UUID") -> HttpResponse:
    """A part of the record's page in the admin, which knows nothing of adapters itself."""
    try:
        usage = record_usage(user=acting_user(request), record_id=record_id)
    except DomainError as error:
        return HttpResponse(escape(error.message), status=403)
    return render(request, "admin/curation/record/usage.html", {"usage": usage})


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
