"""The JSON of evaluations, their answers and the gate."""

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from backend.serving.evaluation_selectors import NAMES, SORTABLE, verdict_of
from backend.serving.gate import Verdict, reason_text, reference_of
from backend.serving.models import Evaluation, EvaluationAnswer, GateThresholds
from backend.training.models import AdapterJob
from ml.evaluation.opinions import opinion_of

if TYPE_CHECKING:
    from collections.abc import Mapping


class Named(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()


class Problem(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()


class GateOutput(serializers.Serializer[Any]):
    passed = serializers.BooleanField()
    reasons = serializers.ListField(
        child=serializers.CharField(), help_text="Why not, in the reader's language."
    )
    codes = serializers.ListField(child=serializers.CharField(), help_text="The same for machines.")


def gate_shown(verdict: Verdict) -> dict[str, Any]:
    """A verdict as REST shows it."""
    return {
        "passed": verdict.passed,
        "reasons": [reason_text(reason) for reason in verdict.reasons],
        "codes": [reason["code"] for reason in verdict.reasons],
    }


class VotesOutput(serializers.Serializer[Any]):
    """How many blind votes preferred which."""

    candidate = serializers.IntegerField()
    reference = serializers.IntegerField()
    tie = serializers.IntegerField()


class EvaluationOutput(serializers.ModelSerializer[Evaluation]):
    """Needs rows of ``evaluation_selectors.evaluation_list``."""

    number = serializers.IntegerField(source="job.number")
    state = serializers.SerializerMethodField()
    step = serializers.IntegerField(source="job.step")
    total_steps = serializers.IntegerField(source="job.total_steps")
    error = serializers.SerializerMethodField()
    advice = serializers.SerializerMethodField()
    candidate = Named()
    run = serializers.UUIDField(source="candidate.run_id")
    production = Named(allow_null=True)
    assistant = Named()
    started_by = serializers.CharField(source="job.started_by", allow_null=True)
    reference = serializers.SerializerMethodField(
        help_text="What the candidate is compared with: production, or base where nothing is."
    )
    scores = serializers.DictField(
        allow_null=True, help_text="Model → kind of questions → metric; null before the end."
    )
    changes = serializers.DictField(help_text="Kind → {better, worse, same}: questions.")
    gate = serializers.SerializerMethodField()
    votes = serializers.SerializerMethodField()

    class Meta:
        model = Evaluation
        fields = (
            "id",
            "number",
            "state",
            "step",
            "total_steps",
            "error",
            "advice",
            "candidate",
            "run",
            "production",
            "assistant",
            "started_by",
            "reference",
            "scores",
            "changes",
            "gate",
            "votes",
            "notes",
            "created_at",
            "collected_at",
        )

    @extend_schema_field(serializers.ChoiceField(AdapterJob.State.choices))
    def get_state(self, evaluation: Evaluation) -> str:
        """Done is what has its answers in rows."""
        if evaluation.error is not None:
            return AdapterJob.State.FAILED
        is_done = evaluation.job.state == AdapterJob.State.SUCCEEDED
        if is_done and evaluation.collected_at is None:
            return AdapterJob.State.RUNNING
        return evaluation.job.state

    @extend_schema_field(Problem(allow_null=True))
    def get_error(self, evaluation: Evaluation) -> "Mapping[str, str] | None":
        error = evaluation.error or evaluation.job.error
        return {**error, "message": gettext(error["message"])} if error else None

    def get_advice(self, evaluation: Evaluation) -> str:
        return gettext(evaluation.job.advice) if evaluation.job.advice else ""

    def get_reference(self, evaluation: Evaluation) -> str:
        return reference_of(evaluation.scores or {})

    @extend_schema_field(VotesOutput)
    def get_votes(self, evaluation: Evaluation) -> dict[str, int]:
        return {
            name: getattr(evaluation, f"votes_{name}") for name in ("candidate", "reference", "tie")
        }

    @extend_schema_field(GateOutput(allow_null=True))
    def get_gate(self, evaluation: Evaluation) -> dict[str, Any] | None:
        verdict = verdict_of(evaluation)
        return None if verdict is None else gate_shown(verdict)


class EvaluateInput(serializers.Serializer[Any]):
    assistant = serializers.CharField(
        required=False, max_length=60, help_text="Id or slug; default: whom it was trained for."
    )


class AnswersQuery(serializers.Serializer[Any]):
    sort = serializers.ChoiceField(["improved", "damaged"], default="improved")
    metric = serializers.ChoiceField(list(SORTABLE), default="chrf")
    kind = serializers.ChoiceField(EvaluationAnswer.Kind.choices, required=False)


class OneAnswer(serializers.Serializer[Any]):
    text = serializers.CharField()
    finish_reason = serializers.CharField()
    metrics = serializers.DictField()


class QuestionOutput(serializers.ModelSerializer[EvaluationAnswer]):
    """Needs ``beside`` in its context: ``answers_beside`` of these rows."""

    record = serializers.UUIDField(source="record_id", allow_null=True)
    revision = serializers.UUIDField(source="revision_id", allow_null=True)
    change = serializers.FloatField(help_text="Above 0: the candidate is better.")
    answers = serializers.SerializerMethodField()
    verdict = serializers.SerializerMethodField(
        help_text="The judge's: `candidate`, `reference` or `tie`; empty where none was asked."
    )

    class Meta:
        model = EvaluationAnswer
        fields = (
            "id",
            "kind",
            "example",
            "record",
            "revision",
            "question",
            "expected",
            "accepted",
            "change",
            "answers",
            "verdict",
        )

    def get_verdict(self, row: EvaluationAnswer) -> str:
        return opinion_of(row.judged) if row.judged else ""

    @extend_schema_field(serializers.DictField(child=OneAnswer()))
    def get_answers(self, row: EvaluationAnswer) -> dict[str, Any]:
        beside = self.context["beside"][row.kind, row.example]
        return {answer.model: OneAnswer(answer).data for answer in beside}


class ThresholdsOutput(serializers.ModelSerializer[GateThresholds]):
    class Meta:
        model = GateThresholds
        fields = NAMES


class StandingOutput(serializers.Serializer[Any]):
    evaluation = serializers.UUIDField(allow_null=True)
    gate = GateOutput(allow_null=True)
    needs_reason = serializers.BooleanField()
