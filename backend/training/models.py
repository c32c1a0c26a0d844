"""Runs, what they measured, and the adapters that came of them."""

from pathlib import Path
from typing import ClassVar

from django.conf import settings as django_settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from backend.assistants.models import Assistant
from backend.common.models import BaseModel, TransitionQuerySet
from backend.curation.models import DatasetVersion


class TrainingRun(BaseModel):
    """One fine-tuning: settings, state and where it is. The process itself is ``python -m ml``."""

    class State(models.TextChoices):
        QUEUED = "queued", _("queued")
        RUNNING = "running", _("running")
        STOPPING = "stopping", _("stopping")
        STOPPED = "stopped", _("stopped")
        FAILED = "failed", _("failed")
        SUCCEEDED = "succeeded", _("succeeded")

    # Somebody has a process for it.
    ACTIVE: ClassVar[tuple[str, ...]] = (State.RUNNING, State.STOPPING)

    state_field = "state"
    # A resumed run goes back to the queue; so does one whose trainer is shut down in good order.
    transitions: ClassVar[dict[str, frozenset[str]]] = {
        State.QUEUED: frozenset({State.RUNNING, State.STOPPED, State.FAILED}),
        State.RUNNING: frozenset(
            {State.STOPPING, State.STOPPED, State.FAILED, State.SUCCEEDED, State.QUEUED}
        ),
        State.STOPPING: frozenset({State.STOPPED, State.FAILED, State.SUCCEEDED}),
        State.STOPPED: frozenset({State.QUEUED}),
        State.FAILED: frozenset({State.QUEUED}),
        State.SUCCEEDED: frozenset(),
    }

    number = models.PositiveIntegerField(_("number"), unique=True)
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
    state = models.CharField(
        _("state"), max_length=10, choices=State.choices, default=State.QUEUED, db_index=True
    )
    # What the process is at: loading, training, saving (``ml``'s own words); empty without one.
    phase = models.CharField(max_length=20, blank=True)
    step = models.PositiveIntegerField(default=0)
    total_steps = models.PositiveIntegerField(default=0)
    epoch = models.FloatField(default=0.0)
    remaining_s = models.FloatField(null=True)
    resumable = models.BooleanField(default=False)
    error = models.JSONField(null=True)  # {"code", "message"}
    advice = models.TextField(blank=True)
    dropped = models.JSONField(default=list)  # [{"id", "reason"}]: examples that did not fit
    started_by = models.ForeignKey(
        django_settings.AUTH_USER_MODEL,
        verbose_name=_("started by"),
        null=True,
        on_delete=models.SET_NULL,
    )
    started_at = models.DateTimeField(_("started"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    stop_asked_at = models.DateTimeField(null=True)
    # Who holds the run. An id counts only for a process whose command line names the run.
    host = models.CharField(max_length=120, blank=True)
    pid = models.PositiveIntegerField(null=True)
    # The number of the slice that may write. A message with another number is an old one.
    watch = models.PositiveIntegerField(default=0)
    heartbeat_at = models.DateTimeField(null=True)
    # When a watcher was asked for and none has reported since.
    asked_at = models.DateTimeField(null=True)
    # Bytes of trainer_log.jsonl already turned into rows, and of run.log already published.
    metrics_offset = models.PositiveBigIntegerField(default=0)
    log_offset = models.PositiveBigIntegerField(default=0)

    objects = TransitionQuerySet["TrainingRun"].as_manager()

    class Meta:
        verbose_name = _("training run")
        verbose_name_plural = _("training runs")
        ordering = ("-created_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=["host"],
                condition=models.Q(state__in=["running", "stopping"]),
                name="one_run_at_a_time_per_host",
            ),
        )

    def __str__(self) -> str:
        return f"run {self.number}"

    @property
    def folder(self) -> Path:
        """Where its files are. The id keeps a run of an earlier database apart."""
        runs_dir: Path = django_settings.RUNS_DIR
        return runs_dir / f"{self.number}-{self.pk.hex[:8]}"

    @property
    def progress(self) -> float:
        """The done share of the optimiser steps, 0 to 1."""
        return min(self.step / self.total_steps, 1.0) if self.total_steps else 0.0


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


class Adapter(BaseModel):
    """The LoRA weights of a finished run, with the card that tells where they came from."""

    name = models.SlugField(_("name"), max_length=80, unique=True)
    run = models.OneToOneField(
        TrainingRun, verbose_name=_("run"), on_delete=models.PROTECT, related_name="adapter"
    )
    assistant = models.ForeignKey(
        Assistant, verbose_name=_("trained for"), on_delete=models.PROTECT, related_name="adapters"
    )
    base_model = models.CharField(_("base model"), max_length=300)
    path = models.CharField(max_length=500)  # relative to the data folder
    card = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("adapter")
        verbose_name_plural = _("adapters")
        ordering = ("-created_at", "-id")

    def __str__(self) -> str:
        return self.name

    @property
    def folder(self) -> Path:
        """The absolute path, as the model server needs it."""
        data_dir: Path = django_settings.DATA_DIR
        return data_dir / self.path
