"""Runs, and what they measured."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from backend.assistants.models import Assistant
from backend.common.models import TransitionQuerySet
from backend.curation.models import DatasetVersion
from backend.training.models.device_jobs import DeviceJob


class TrainingRun(DeviceJob):
    """One fine-tuning: settings, state and where it is. The process itself is ``python -m ml``."""

    config_name = "run.json"

    dataset_version = models.ForeignKey(
        DatasetVersion, verbose_name=_("version"), on_delete=models.PROTECT, related_name="runs"
    )
    assistant = models.ForeignKey(
        Assistant, verbose_name=_("assistant"), on_delete=models.PROTECT, related_name="runs"
    )
    base_model = models.CharField(_("base model"), max_length=300)
    # The assistant's prompt when the run was started: what it is trained under.
    system_prompt = models.TextField(blank=True)
    settings = models.JSONField(_("settings"), default=dict)
    # The adapter whose weights it starts with; None for fresh ones.
    parent = models.ForeignKey(
        "training.Adapter",
        verbose_name=_("goes on from"),
        null=True,
        on_delete=models.PROTECT,
        related_name="children",
    )
    epoch = models.FloatField(default=0.0)
    dropped = models.JSONField(default=list)  # [{"id", "reason"}]: examples that did not fit
    # Bytes of trainer_log.jsonl already turned into rows.
    metrics_offset = models.PositiveBigIntegerField(default=0)

    objects = TransitionQuerySet["TrainingRun"].as_manager()

    class Meta:
        verbose_name = _("training run")
        verbose_name_plural = _("training runs")
        ordering = ("-created_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=["host", "device"],
                condition=models.Q(state__in=["running", "stopping"]),
                name="one_run_per_device",
            ),
        )

    def __str__(self) -> str:
        return f"run {self.number}"

    @property
    def command(self) -> str:
        """What ``python -m ml`` is to do."""
        return "train"


class RunMetric(models.Model):
    """One measured value at one optimiser step."""

    class Kind(models.TextChoices):
        LOSS = "loss"
        EVAL_LOSS = "eval_loss"
        LEARNING_RATE = "learning_rate"
        GRAD_NORM = "grad_norm"
        TOKENS_PER_SECOND = "tokens_per_second"
        MEMORY_BYTES = "memory_bytes"

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(TrainingRun, on_delete=models.CASCADE, related_name="metrics")
    step = models.PositiveIntegerField()
    kind = models.CharField(max_length=20, choices=Kind.choices)
    value = models.FloatField()

    class Meta:
        verbose_name = _("metric")
        verbose_name_plural = _("metrics")
        ordering = ("step", "id")
        constraints = (
            # A line of the log read twice changes nothing.
            models.UniqueConstraint(fields=["run", "step", "kind"], name="metric_once_per_step"),
        )

    def __str__(self) -> str:
        return f"{self.kind}@{self.step}={self.value}"
