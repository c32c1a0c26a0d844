"""What all work on a trainer's device has in common: its state, its process, who watches it."""

from pathlib import Path
from typing import ClassVar

from django.conf import settings as django_settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from backend.common.models import BaseModel


class DeviceJob(BaseModel):
    """Work that is done in a process of its own, ``python -m ml``, one at a time on a device."""

    class State(models.TextChoices):
        QUEUED = "queued", _("queued")
        RUNNING = "running", _("running")
        STOPPING = "stopping", _("stopping")
        STOPPED = "stopped", _("stopped")
        FAILED = "failed", _("failed")
        SUCCEEDED = "succeeded", _("succeeded")

    # Somebody has a process for it.
    ACTIVE: ClassVar[tuple[str, ...]] = (State.RUNNING, State.STOPPING)
    # What its folder's name begins with, and the file there that its process is started with.
    folder_prefix: ClassVar[str] = ""
    config_name: ClassVar[str]

    state_field = "state"
    # A resumed one goes back to the queue; so does one whose trainer is shut down in good order.
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
    state = models.CharField(
        _("state"), max_length=10, choices=State.choices, default=State.QUEUED, db_index=True
    )
    # What the process is at: loading, training, saving (``ml``'s own words); empty without one.
    phase = models.CharField(max_length=20, blank=True)
    step = models.PositiveIntegerField(default=0)
    total_steps = models.PositiveIntegerField(default=0)
    remaining_s = models.FloatField(null=True)
    resumable = models.BooleanField(default=False)
    error = models.JSONField(null=True)  # {"code", "message"}
    advice = models.TextField(blank=True)
    started_by = models.ForeignKey(
        django_settings.AUTH_USER_MODEL,
        verbose_name=_("started by"),
        null=True,
        on_delete=models.SET_NULL,
    )
    started_at = models.DateTimeField(_("started"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    stop_asked_at = models.DateTimeField(null=True)
    # Who holds it. An id counts only for a process whose command line names the job's own folder.
    host = models.CharField(max_length=120, blank=True)
    device = models.CharField(max_length=20, blank=True)  # empty: whatever the process finds
    pid = models.PositiveIntegerField(null=True)
    # The number of the slice that may write. A message with another number is an old one.
    watch = models.PositiveIntegerField(default=0)
    heartbeat_at = models.DateTimeField(null=True)
    # When a watcher was asked for and none has reported since.
    asked_at = models.DateTimeField(null=True)
    # Bytes of run.log already published.
    log_offset = models.PositiveBigIntegerField(default=0)

    class Meta:
        abstract = True

    @property
    def folder(self) -> Path:
        """Where its files are. The id keeps one of an earlier database apart."""
        runs_dir: Path = django_settings.RUNS_DIR
        return runs_dir / f"{self.folder_prefix}{self.number}-{self.pk.hex[:8]}"

    @property
    def progress(self) -> float:
        """The done share of the steps, 0 to 1."""
        return min(self.step / self.total_steps, 1.0) if self.total_steps else 0.0
