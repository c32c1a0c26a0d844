"""The frozen versions that a run trains on."""

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from backend.common.models import BaseModel
from backend.curation.models.records import Record, Revision


class DatasetVersion(BaseModel):
    """An immutable list of (record, revision) with its split and hash."""

    number = models.PositiveIntegerField(_("number"), unique=True)
    note = models.CharField(_("note"), max_length=300, blank=True)
    # SHA-256 of ``frozen.canonical_lines``.
    sha256 = models.CharField(max_length=64)
    counts = models.JSONField(default=dict)  # {train, validation, golden, dropped}: records
    # {train, validation, golden}: examples, one for each wording of a record's question.
    examples = models.JSONField(default=dict)
    validation_share = models.FloatField(
        _("validation share"),
        default=0.1,
        validators=[MinValueValidator(0.0), MaxValueValidator(0.5)],
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("frozen by"), null=True, on_delete=models.SET_NULL
    )

    class Meta:
        verbose_name = _("dataset version")
        verbose_name_plural = _("dataset versions")
        ordering = ("-number",)

    def __str__(self) -> str:
        return f"v{self.number}"


class DatasetVersionItem(models.Model):
    """One record's place in a version."""

    class Split(models.TextChoices):
        TRAIN = "train", _("training")
        VALIDATION = "validation", _("validation")
        GOLDEN = "golden", _("golden")
        DROPPED = "dropped", _("dropped")

    class Reason(models.TextChoices):
        """Why an approved record was left out."""

        SAME_AS_TRAINING = (
            "same_as_training",
            _("Held out so far, but it now asks what a training record asks."),
        )
        SAME_AS_GOLDEN = (
            "same_as_golden",
            _("It asks what a golden record asks, and that must not be trained."),
        )

    id = models.BigAutoField(primary_key=True)
    version = models.ForeignKey(DatasetVersion, on_delete=models.CASCADE, related_name="items")
    record = models.ForeignKey(Record, on_delete=models.PROTECT, related_name="version_items")
    revision = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="version_items")
    split = models.CharField(max_length=10, choices=Split.choices)
    reason = models.CharField(max_length=20, choices=Reason.choices, blank=True)

    class Meta:
        verbose_name = _("item")
        verbose_name_plural = _("items")
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(fields=["version", "record"], name="record_once_per_version"),
        )

    def __str__(self) -> str:
        return f"{self.record_id} {self.split}"
