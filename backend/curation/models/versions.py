"""The frozen versions that a run trains on. Nothing here changes once it stands."""

from typing import Any, NoReturn, TypeVar

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from backend.common.errors import Conflict
from backend.common.models import BaseModel
from backend.curation.models.records import Record, Revision

M = TypeVar("M", bound=models.Model)

# How the lines of ``frozen.canonical_lines`` are ordered, which decides the hash.
BY_CREATION, BY_RECORD = 1, 2


def refuse() -> NoReturn:
    """PostgreSQL refuses as well, whatever goes past these models (migration 0005)."""
    raise Conflict(_now("A dataset version never changes. Freeze a new one."), code="frozen")


class FrozenQuerySet(models.QuerySet[M]):
    """Rows that are written once."""

    def update(self, **_values: Any) -> NoReturn:  # Any: as Django has it
        refuse()

    def bulk_update(self, *_args: Any, **_options: Any) -> NoReturn:
        refuse()

    def delete(self) -> NoReturn:
        refuse()


class Frozen(models.Model):
    """A row that is written once."""

    class Meta:
        abstract = True

    def save(self, *args: Any, **options: Any) -> None:  # Any: as Django has it
        if not self._state.adding:
            refuse()
        super().save(*args, **options)

    def delete(self, *_args: Any, **_options: Any) -> NoReturn:
        refuse()


class DatasetVersion(Frozen, BaseModel):
    """An immutable list of (record, revision) with its split and hash."""

    number = models.PositiveIntegerField(_("number"), unique=True)
    note = models.CharField(_("note"), max_length=300, blank=True)
    # SHA-256 of ``frozen.canonical_lines``.
    sha256 = models.CharField(max_length=64)
    line_order = models.PositiveSmallIntegerField(default=BY_RECORD, editable=False)
    counts = models.JSONField(default=dict)  # {train, validation, golden, dropped}: records
    # {train, validation, golden}: examples, one for each wording of a record's question.
    examples = models.JSONField(default=dict)
    # What the quality checks said of its records when it was frozen: kind -> how many.
    findings = models.JSONField(default=dict)
    validation_share = models.FloatField(
        _("validation share"),
        default=0.1,
        validators=[MinValueValidator(0.0), MaxValueValidator(0.5)],
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("frozen by"), null=True, on_delete=models.SET_NULL
    )

    objects = FrozenQuerySet["DatasetVersion"].as_manager()

    class Meta:
        verbose_name = _("dataset version")
        verbose_name_plural = _("dataset versions")
        ordering = ("-number",)

    def __str__(self) -> str:
        return f"v{self.number}"


class DatasetVersionItem(Frozen):
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
            _("Held out so far, but it now asks what a training record asks, or nearly."),
        )
        SAME_AS_GOLDEN = (
            "same_as_golden",
            _("It asks what a golden record asks, and that must not be trained."),
        )
        NEAR_GOLDEN = (
            "near_golden",
            _("It asks nearly what a golden record asks, and that must not be trained."),
        )
        EXPIRED = "expired", _("Its last day of validity had passed.")
        NOT_YET_VALID = "not_yet_valid", _("Its first day of validity had not come.")

    id = models.BigAutoField(primary_key=True)
    version = models.ForeignKey(DatasetVersion, on_delete=models.CASCADE, related_name="items")
    record = models.ForeignKey(Record, on_delete=models.PROTECT, related_name="version_items")
    revision = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="version_items")
    split = models.CharField(max_length=10, choices=Split.choices)
    reason = models.CharField(max_length=20, choices=Reason.choices, blank=True)

    objects = FrozenQuerySet["DatasetVersionItem"].as_manager()

    class Meta:
        verbose_name = _("item")
        verbose_name_plural = _("items")
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(fields=["version", "record"], name="record_once_per_version"),
        )

    def __str__(self) -> str:
        return f"{self.record_id} {self.split}"
