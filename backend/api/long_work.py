"""Long work over HTTP: what has become of it, and its end."""

from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.access import acting_user
from backend.accounts.jobs import job_cancel, job_get, job_restart
from backend.common.job_runs import said_error
from backend.common.jobs import is_restartable, shown_result
from backend.common.models import Job

if TYPE_CHECKING:
    import uuid

    from rest_framework.request import Request


class TaskProgress(serializers.Serializer[Any]):
    done = serializers.IntegerField()
    total = serializers.IntegerField(allow_null=True, help_text="Null where it is not known yet.")


class TaskError(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()
    details = serializers.DictField()


class TaskOutput(serializers.ModelSerializer[Job]):
    progress = serializers.SerializerMethodField()
    result = serializers.SerializerMethodField(help_text="Of a shape that the kind has.")
    error = serializers.SerializerMethodField()
    restartable = serializers.SerializerMethodField(
        help_text="It ended only because its worker did, and can be started again."
    )

    class Meta:
        model = Job
        fields = (
            "id",
            "kind",
            "state",
            "progress",
            "result",
            "error",
            "cancel_requested",
            "restartable",
            "created_at",
            "ended_at",
        )

    @extend_schema_field(TaskProgress)
    def get_progress(self, job: Job) -> dict[str, Any]:
        return {"done": 0, "total": None, **job.progress}

    @extend_schema_field(serializers.DictField(allow_null=True))
    def get_result(self, job: Job) -> dict[str, Any] | None:
        return shown_result(job)

    @extend_schema_field(TaskError(allow_null=True))
    def get_error(self, job: Job) -> dict[str, Any] | None:
        return said_error(job)

    @extend_schema_field(serializers.BooleanField())
    def get_restartable(self, job: Job) -> bool:
        return is_restartable(job)


class TaskView(APIView):
    @extend_schema(operation_id="tasks_get", responses=TaskOutput)
    def get(self, request: "Request", task_id: "uuid.UUID") -> Response:
        return Response(TaskOutput(job_get(user=acting_user(request), job_id=task_id)).data)


class TaskCancelView(APIView):
    @extend_schema(operation_id="tasks_cancel", request=None, responses=TaskOutput)
    def post(self, request: "Request", task_id: "uuid.UUID") -> Response:
        return Response(TaskOutput(job_cancel(actor=acting_user(request), job_id=task_id)).data)


class TaskRestartView(APIView):
    @extend_schema(operation_id="tasks_restart", request=None, responses=TaskOutput)
    def post(self, request: "Request", task_id: "uuid.UUID") -> Response:
        return Response(TaskOutput(job_restart(actor=acting_user(request), job_id=task_id)).data)
