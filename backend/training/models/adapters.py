"""The adapters that came of runs, and the work that is done on one."""

from pathlib import Path

from django.conf import settings as django_settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from backend.assistants.models import Assistant
from backend.common.models import BaseModel, TransitionQuerySet
from backend.training.models.device_jobs import DeviceJob
from backend.training.models.runs import TrainingRun


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


class AdapterJob(DeviceJob):
    """An evaluation or an export of one adapter; it waits in the same queue as the runs.

    ``request`` goes to the process as it stands, ``result`` is what the process left; their
    meaning belongs to whoever asked.
    """

    class Kind(models.TextChoices):
        EVALUATE = "evaluate", _("evaluation")
        EXPORT = "export", _("export")

    folder_prefix = "job-"
    config_name = "job.json"

    adapter = models.ForeignKey(Adapter, on_delete=models.CASCADE, related_name="jobs")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    request = models.JSONField(default=dict)
    result = models.JSONField(null=True)

    objects = TransitionQuerySet["AdapterJob"].as_manager()

    class Meta:
        verbose_name = _("job on an adapter")
        verbose_name_plural = _("jobs on adapters")
        ordering = ("-created_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=["host", "device"],
                condition=models.Q(state__in=["running", "stopping"]),
                name="one_adapter_job_per_device",
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.number}"

    @property
    def command(self) -> str:
        """What ``python -m ml`` is to do."""
        return self.kind
