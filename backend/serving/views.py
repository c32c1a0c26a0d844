"""Assistants and adapters over HTTP: what there is, what is live, and switching it."""

from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.access import acting_user
from backend.assistants.models import Assistant
from backend.assistants.selectors import assistant_get, assistant_list, assistant_named
from backend.assistants.services import assistant_update
from backend.serving import selectors, services
from backend.serving.models import Deployment
from backend.serving.serializers import (
    AdapterOutput,
    AssistantChange,
    AssistantOutput,
    DeploymentOutput,
    PromoteInput,
)
from backend.training.models import Adapter

if TYPE_CHECKING:
    import uuid

    from django.db.models import QuerySet
    from rest_framework.request import Request

    from backend.accounts.models import User


def assistants_shown(user: "User", assistants: "list[Assistant]") -> "list[dict[str, Any]]":
    """Their JSON, with who answers for each now."""
    context = {"user": user, "production": selectors.production_of(assistants)}
    return list(AssistantOutput(assistants, many=True, context=context).data)


class AssistantsView(GenericAPIView[Assistant]):
    serializer_class = AssistantOutput
    filterset_fields = ("slug", "is_active")

    def get_queryset(self) -> "QuerySet[Assistant]":
        if getattr(self, "swagger_fake_view", False):
            return Assistant.objects.none()
        return assistant_list(user=acting_user(self.request))

    @extend_schema(operation_id="assistants_list")
    def get(self, request: "Request") -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        return self.get_paginated_response(assistants_shown(acting_user(request), list(page)))


class AssistantView(APIView):
    @extend_schema(operation_id="assistants_get", responses=AssistantOutput)
    def get(self, request: "Request", assistant_id: "uuid.UUID") -> Response:
        user = acting_user(request)
        assistant = assistant_get(user=user, assistant_id=assistant_id)
        return Response(assistants_shown(user, [assistant])[0])

    @extend_schema(
        operation_id="assistants_update", request=AssistantChange, responses=AssistantOutput
    )
    def patch(self, request: "Request", assistant_id: "uuid.UUID") -> Response:
        user = acting_user(request)
        assistant = assistant_get(user=user, assistant_id=assistant_id)
        given = AssistantChange(assistant, data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        changed = assistant_update(user=user, assistant=assistant, **given.validated_data)
        return Response(assistants_shown(user, [changed])[0])


class AssistantHistoryView(GenericAPIView[Deployment]):
    serializer_class = DeploymentOutput
    filter_backends = ()

    @extend_schema(operation_id="assistants_history_list")
    def get(self, request: "Request", assistant_id: "uuid.UUID") -> Response:
        user = acting_user(request)
        assistant = assistant_get(user=user, assistant_id=assistant_id)
        page = self.paginate_queryset(selectors.deployment_list(user=user, assistant=assistant))
        return self.get_paginated_response(DeploymentOutput(page, many=True).data)


class AssistantRollbackView(APIView):
    @extend_schema(operation_id="assistants_rollback", request=None, responses=AssistantOutput)
    def post(self, request: "Request", assistant_id: "uuid.UUID") -> Response:
        user = acting_user(request)
        assistant = assistant_get(user=user, assistant_id=assistant_id)
        services.assistant_rollback(user=user, assistant=assistant)
        return Response(assistants_shown(user, [assistant])[0])


class AdaptersView(GenericAPIView[Adapter]):
    serializer_class = AdapterOutput
    filterset_fields = ("assistant", "run")

    def get_queryset(self) -> "QuerySet[Adapter]":
        if getattr(self, "swagger_fake_view", False):
            return Adapter.objects.none()
        return selectors.adapter_list(user=acting_user(self.request))

    @extend_schema(operation_id="adapters_list")
    def get(self, request: "Request") -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        context = {"user": acting_user(request)}
        return self.get_paginated_response(AdapterOutput(page, many=True, context=context).data)


class AdapterView(APIView):
    @extend_schema(operation_id="adapters_get", responses=AdapterOutput)
    def get(self, request: "Request", adapter_id: "uuid.UUID") -> Response:
        user = acting_user(request)
        adapter = selectors.adapter_get(user=user, adapter_id=adapter_id)
        return Response(AdapterOutput(adapter, context={"user": user}).data)


class AdapterPromoteView(APIView):
    @extend_schema(operation_id="adapters_promote", request=PromoteInput, responses=AssistantOutput)
    def post(self, request: "Request", adapter_id: "uuid.UUID") -> Response:
        given = PromoteInput(data=request.data)
        given.is_valid(raise_exception=True)
        user, values = acting_user(request), given.validated_data
        assistant = assistant_named(user=user, reference=values["assistant"])
        services.adapter_promote(
            user=user,
            adapter=selectors.adapter_get(user=user, adapter_id=adapter_id),
            assistant=assistant,
            override_reason=values.get("override_reason", ""),
        )
        return Response(assistants_shown(user, [assistant])[0])
