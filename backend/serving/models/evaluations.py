"""Comparisons of an adapter with what is in production, answer by answer."""

from typing import TYPE_CHECKING

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from backend.assistants.models import Assistant
from backend.common.models import BaseModel
from backend.curation.models import Record, Revision
from backend.training.models import Adapter, AdapterJob

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


class Evaluation(BaseModel):
    """The same questions, asked of the base, of what was in production and of a candidate.

    ``production`` empty means that the base model answered alone.
    """

    job = models.OneToOneField(AdapterJob, on_delete=models.CASCADE, related_name="evaluation")
    candidate = models.ForeignKey(Adapter, on_delete=models.CASCADE, related_name="evaluations")
    production = models.ForeignKey(Adapter, null=True, on_delete=models.PROTECT, related_name="+")
    assistant = models.ForeignKey(Assistant, on_delete=models.CASCADE, related_name="evaluations")
    # SHA-256 of the system prompt that everything was asked under.
    prompt_hash = models.CharField(max_length=64)
    # From here on empty until the job's result has been collected.
    collected_at = models.DateTimeField(null=True)
    scores = models.JSONField(null=True)  # model → kind → metric: see ``ml.evaluation.scores``
    changes = models.JSONField(default=dict)  # kind → {better, worse, same}: questions
    # {device, precision, seconds, left_out, thinned, judge}
    notes = models.JSONField(default=dict)
    error = models.JSONField(null=True)  # {code, message}: why it cannot be collected

    class Meta:
        verbose_name = _("evaluation")
        verbose_name_plural = _("evaluations")
        ordering = ("-created_at", "-id")

    def __str__(self) -> str:
        return f"{self.candidate_id} for {self.assistant_id}"


class EvaluationAnswer(models.Model):
    """What one model answered to one question."""

    class Kind(models.TextChoices):
        GOLDEN = "golden"
        VALIDATION = "validation"
        PROBE = "probe"

    class Model(models.TextChoices):
        BASE = "base"
        PRODUCTION = "production"
        CANDIDATE = "candidate"

    id = models.BigAutoField(primary_key=True)
    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="answers")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    example = models.CharField(max_length=80)  # of a record: its id and which wording
    model = models.CharField(max_length=10, choices=Model.choices)
    # None of both for the general questions.
    record = models.ForeignKey(Record, null=True, on_delete=models.SET_NULL, related_name="+")
    revision = models.ForeignKey(Revision, null=True, on_delete=models.SET_NULL, related_name="+")
    question = models.TextField(blank=True)
    expected = models.TextField(blank=True)
    accepted = models.JSONField(default=list)  # other wordings that count as right
    text = models.TextField(blank=True)
    finish_reason = models.CharField(max_length=10)
    # Of the expected answer's tokens: the sum of their cross-entropies, and how many they are.
    loss = models.FloatField(null=True)
    label_tokens = models.PositiveIntegerField(default=0)
    metrics = models.JSONField(default=dict)
    # On the candidate's: what a judge said of it and the reference's, in both orders (A, B, TIE).
    judged = models.JSONField(null=True)

    class Meta:
        verbose_name = _("answer of an evaluation")
        verbose_name_plural = _("answers of evaluations")
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(
                fields=["evaluation", "kind", "example", "model"], name="answered_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.model} on {self.kind} {self.example}"


def _share(label: "_StrPromise", default: float) -> "models.FloatField[float, float]":
    return models.FloatField(
        label, default=default, validators=[MinValueValidator(0.0), MaxValueValidator(1.0)]
    )


class GateThresholds(BaseModel):
    """What a candidate must reach before it may answer for an assistant without a reason."""

    assistant = models.OneToOneField(
        Assistant, on_delete=models.CASCADE, related_name="gate_thresholds"
    )
    max_chrf_drop = _share(_("chrF may fall by"), 0.02)
    max_rouge_l_drop = _share(_("ROUGE-L may fall by"), 0.02)
    max_perplexity_ratio = models.FloatField(
        _("perplexity may grow to this many times"),
        default=1.1,
        validators=[MinValueValidator(1.0), MaxValueValidator(100.0)],
    )
    max_probe_drop = _share(_("right answers to general questions may fall by"), 0.1)
    min_examples = models.PositiveIntegerField(
        _("golden and validation questions, at least"),
        default=10,
        validators=[MinValueValidator(1), MaxValueValidator(400)],
    )

    class Meta:
        verbose_name = _("thresholds of the gate")
        verbose_name_plural = _("thresholds of the gates")

    def __str__(self) -> str:
        return f"gate of {self.assistant_id}"
