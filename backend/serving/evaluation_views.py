"""Evaluations and the gate over HTTP."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.access import acting_user
from backend.accounts.roles import Action, require
from backend.assistants.selectors import assistant_get, assistant_named
from backend.common.pagination import Cursor
from backend.serving import evaluation_selectors, evaluations, selectors
from backend.serving.evaluation_serializers import (
    AnswersQuery,
    EvaluateInput,
    EvaluationOutput,
    QuestionOutput,
    StandingOutput,
    ThresholdsOutput,
    gate_shown,
)
from backend.serving.models import Evaluation, EvaluationAnswer

if TYPE_CHECKING:
    import uuid

    from django.db.models import QuerySet
    from rest_framework.request import Request

    from backend.accounts.models import User


def evaluation_answer(user: "User", evaluation_id: "uuid.UUID", code: int = 200) -> Response:
    """The evaluation as it now is."""
    row = evaluation_selectors.evaluation_get(user=user, evaluation_id=evaluation_id)
    return Response(EvaluationOutput(row).data, status=code)


class AdapterEvaluateView(APIView):
    @extend_schema(
        operation_id="adapters_evaluate",
        request=EvaluateInput,
        responses={202: EvaluationOutput},
    )
    def post(self, request: "Request", adapter_id: "uuid.UUID") -> Response:
        given = EvaluateInput(data=request.data)
        given.is_valid(raise_exception=True)
        user, reference = acting_user(request), given.validated_data.get("assistant")
        evaluation = evaluations.evaluation_start(
            user=user,
            adapter=selectors.adapter_get(user=user, adapter_id=adapter_id),
            assistant=assistant_named(user=user, reference=reference) if reference else None,
        )
        return evaluation_answer(user, evaluation.pk, status.HTTP_202_ACCEPTED)


class AdapterStandingView(APIView):
    @extend_schema(
        operation_id="adapters_standing",
        parameters=[OpenApiParameter("assistant", str, required=True)],
        responses=StandingOutput,
    )
    def get(self, request: "Request", adapter_id: "uuid.UUID") -> Response:
        """What the gate says of the adapter against what is in production now."""
        user = acting_user(request)
        found = evaluation_selectors.standing(
            adapter=selectors.adapter_get(user=user, adapter_id=adapter_id),
            assistant=assistant_named(
                user=user, reference=request.query_params.get("assistant", "")
            ),
        )
        shown = {
            "evaluation": found.evaluation.pk if found.evaluation else None,
            "gate": gate_shown(found.verdict) if found.verdict else None,
            "needs_reason": found.needs_reason,
        }
        return Response(StandingOutput(shown).data)


class EvaluationsView(GenericAPIView[Evaluation]):
    serializer_class = EvaluationOutput
    filterset_fields = ("candidate", "assistant")

    def get_queryset(self) -> "QuerySet[Evaluation]":
        if getattr(self, "swagger_fake_view", False):
            return Evaluation.objects.none()
        return evaluation_selectors.evaluation_list(user=acting_user(self.request))

    @extend_schema(operation_id="evaluations_list")
    def get(self, request: "Request") -> Response:  # noqa: ARG002
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(EvaluationOutput(page, many=True).data)


class EvaluationView(APIView):
    @extend_schema(operation_id="evaluations_get", responses=EvaluationOutput)
    def get(self, request: "Request", evaluation_id: "uuid.UUID") -> Response:
        return evaluation_answer(acting_user(request), evaluation_id)


class EvaluationStopView(APIView):
    @extend_schema(operation_id="evaluations_stop", request=None, responses=EvaluationOutput)
    def post(self, request: "Request", evaluation_id: "uuid.UUID") -> Response:
        user = acting_user(request)
        evaluation = evaluation_selectors.evaluation_get(user=user, evaluation_id=evaluation_id)
        evaluations.evaluation_stop(user=user, evaluation=evaluation)
        return evaluation_answer(user, evaluation_id)


class EvaluationAnswersView(GenericAPIView[EvaluationAnswer]):
    serializer_class = QuestionOutput
    filter_backends = ()
    queryset = EvaluationAnswer.objects.none()

    @extend_schema(operation_id="evaluations_answers_list", parameters=[AnswersQuery])
    def get(self, request: "Request", evaluation_id: "uuid.UUID") -> Response:
        given = AnswersQuery(data=request.query_params)
        given.is_valid(raise_exception=True)
        values = given.validated_data
        evaluation = evaluation_selectors.evaluation_get(
            user=acting_user(request), evaluation_id=evaluation_id
        )
        rows = evaluation_selectors.evaluation_questions(
            evaluation=evaluation, metric=values["metric"], kind=values.get("kind", "")
        )
        paginator = Cursor()
        paginator.ordering = ("-change" if values["sort"] == "improved" else "change", "id")
        page = paginator.paginate_queryset(rows, request, view=self) or []
        context = {"beside": evaluation_selectors.answers_beside(page)}
        return paginator.get_paginated_response(
            QuestionOutput(page, many=True, context=context).data
        )


class AssistantGateView(APIView):
    @extend_schema(operation_id="assistants_gate_get", responses=ThresholdsOutput)
    def get(self, request: "Request", assistant_id: "uuid.UUID") -> Response:
        user = acting_user(request)
        require(user, Action.RUNS_READ)
        assistant = assistant_get(user=user, assistant_id=assistant_id)
        return Response(asdict(evaluation_selectors.thresholds_of(assistant)))

    @extend_schema(
        operation_id="assistants_gate_update",
        request=ThresholdsOutput,
        responses=ThresholdsOutput,
    )
    def patch(self, request: "Request", assistant_id: "uuid.UUID") -> Response:
        user = acting_user(request)
        assistant = assistant_get(user=user, assistant_id=assistant_id)
        given = ThresholdsOutput(data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        values: dict[str, Any] = given.validated_data
        changed = evaluations.gate_thresholds_update(user=user, assistant=assistant, **values)
        return Response(ThresholdsOutput(changed).data)
