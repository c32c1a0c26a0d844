"""Training runs over HTTP."""

from typing import TYPE_CHECKING

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.access import acting_user
from backend.assistants.selectors import assistant_named
from backend.curation.selectors import dataset_version_get
from backend.training import run_settings, selectors, services
from backend.training.curve_advice import training_run_advice
from backend.training.events import run_fields
from backend.training.models import TrainingRun
from backend.training.serializers import (
    DefaultsOutput,
    DefaultsQuery,
    LogQuery,
    MetricOutput,
    MetricsQuery,
    TrainingRunDetailOutput,
    TrainingRunInput,
    TrainingRunOutput,
)
from backend.training.waiting import expected_starts

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterable
    from datetime import datetime

    from django.db.models import QuerySet
    from rest_framework.request import Request

    from backend.accounts.models import User


def run_answer(user: "User", run: TrainingRun, code: int = status.HTTP_200_OK) -> Response:
    """The run as it now is."""
    return _detail(selectors.training_run_get(user=user, run_id=run.pk), code)


def _detail(row: TrainingRun, code: int = status.HTTP_200_OK) -> Response:
    advice, best = training_run_advice(run=row)
    told = {"curve_advice": advice, "best_step": best}
    shown = {**_row_fields(row, _starts([row])), **told}
    return Response(TrainingRunDetailOutput(shown).data, status=code)


def _row_fields(run: TrainingRun, starts: "dict[uuid.UUID, datetime]") -> dict[str, object]:
    return {**run_fields(run), "expected_start": starts.get(run.pk)}


def _starts(runs: "Iterable[TrainingRun]") -> "dict[uuid.UUID, datetime]":
    """When those of them that wait are expected to begin."""
    waiting = any(run.state == TrainingRun.State.QUEUED for run in runs)
    return expected_starts() if waiting else {}


class TrainingRunsView(GenericAPIView[TrainingRun]):
    serializer_class = TrainingRunOutput
    filterset_fields = ("state", "assistant", "dataset_version")

    def get_queryset(self) -> "QuerySet[TrainingRun]":
        if getattr(self, "swagger_fake_view", False):
            return TrainingRun.objects.none()
        return selectors.training_run_list(user=acting_user(self.request))

    @extend_schema(operation_id="training_runs_list")
    def get(self, request: "Request") -> Response:  # noqa: ARG002
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        starts = _starts(page)
        rows = [_row_fields(run, starts) for run in page]
        return self.get_paginated_response(TrainingRunOutput(rows, many=True).data)

    @extend_schema(
        operation_id="training_runs_start",
        request=TrainingRunInput,
        responses={201: TrainingRunDetailOutput},
    )
    def post(self, request: "Request") -> Response:
        given = TrainingRunInput(data=request.data)
        given.is_valid(raise_exception=True)
        user, values = acting_user(request), given.validated_data
        reference, parent = values.get("assistant"), values.get("parent")
        run = services.training_run_start(
            user=user,
            dataset_version=dataset_version_get(user=user, version_id=values["dataset_version"]),
            assistant=assistant_named(user=user, reference=reference) if reference else None,
            base_model=values.get("base_model"),
            settings=values.get("settings"),
            parent=selectors.parent_get(user=user, adapter_id=parent) if parent else None,
        )
        return run_answer(user, run, status.HTTP_201_CREATED)


class TrainingRunDefaultsView(APIView):
    @extend_schema(
        operation_id="training_runs_defaults", parameters=[DefaultsQuery], responses=DefaultsOutput
    )
    def get(self, request: "Request") -> Response:
        given = DefaultsQuery(data=request.query_params)
        given.is_valid(raise_exception=True)
        user, values = acting_user(request), given.validated_data
        shown = run_settings.form(
            user=user,
            version_id=values.get("dataset_version"),
            assistant=values.get("assistant"),
        )
        return Response(DefaultsOutput(shown).data)


class TrainingRunView(APIView):
    @extend_schema(operation_id="training_runs_get", responses=TrainingRunDetailOutput)
    def get(self, request: "Request", run_id: "uuid.UUID") -> Response:
        user = acting_user(request)
        return _detail(selectors.training_run_get(user=user, run_id=run_id))


class TrainingRunMetricsView(APIView):
    @extend_schema(
        operation_id="training_runs_metrics",
        parameters=[MetricsQuery],
        responses=MetricOutput(many=True),
    )
    def get(self, request: "Request", run_id: "uuid.UUID") -> Response:
        given = MetricsQuery(data=request.query_params)
        given.is_valid(raise_exception=True)
        metrics = selectors.training_run_metrics(
            user=acting_user(request), run_id=run_id, **given.validated_data
        )
        return Response(MetricOutput(metrics, many=True).data)


class TrainingRunLogView(APIView):
    @extend_schema(
        operation_id="training_runs_log",
        parameters=[
            LogQuery,
            OpenApiParameter(
                "X-Log-Offset",
                OpenApiTypes.INT,
                OpenApiParameter.HEADER,
                response=[200],
                description="The byte after the text: the next `after`.",
            ),
        ],
        responses={(200, "text/plain"): OpenApiTypes.STR},
    )
    def get(self, request: "Request", run_id: "uuid.UUID") -> HttpResponse:
        given = LogQuery(data=request.query_params)
        given.is_valid(raise_exception=True)
        text, offset = selectors.training_run_log(
            user=acting_user(request), run_id=run_id, **given.validated_data
        )
        return HttpResponse(
            text, content_type="text/plain; charset=utf-8", headers={"X-Log-Offset": str(offset)}
        )


class TrainingRunStopView(APIView):
    @extend_schema(
        operation_id="training_runs_stop", request=None, responses=TrainingRunDetailOutput
    )
    def post(self, request: "Request", run_id: "uuid.UUID") -> Response:
        user = acting_user(request)
        run = selectors.training_run_get(user=user, run_id=run_id)
        return run_answer(user, services.training_run_stop(user=user, run=run))


class TrainingRunResumeView(APIView):
    @extend_schema(
        operation_id="training_runs_resume", request=None, responses=TrainingRunDetailOutput
    )
    def post(self, request: "Request", run_id: "uuid.UUID") -> Response:
        user = acting_user(request)
        run = selectors.training_run_get(user=user, run_id=run_id)
        return run_answer(user, services.training_run_resume(user=user, run=run))
