"""What is wrong with records, as the last check saw it."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from backend.common.models import BaseModel
from backend.curation.models.records import Record


class Finding(BaseModel):
    """One thing that is wrong with a record by itself, or between it and another one.

    What two records have with each other stands twice, once on each side.
    """

    class Severity(models.IntegerChoices):
        INFO = 1, _("hint")
        WARNING = 2, _("warning")
        ERROR = 3, _("error")

    record = models.ForeignKey(Record, on_delete=models.CASCADE, related_name="findings")
    code = models.CharField(_("kind"), max_length=40)
    severity = models.PositiveSmallIntegerField(_("severity"), choices=Severity.choices)
    field = models.CharField(_("field"), max_length=20)
    params = models.JSONField(default=dict)
    other = models.ForeignKey(
        Record, null=True, on_delete=models.CASCADE, related_name="findings_of_others"
    )
    revision = models.PositiveIntegerField(_("revision"))  # of the record, when it was checked
    # Of what was looked at: as long as it stays, so does the decision to ignore the finding.
    fingerprint = models.CharField(max_length=32)
    ignored_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("ignored by"),
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    ignored_at = models.DateTimeField(_("ignored"), null=True)

    class Meta:
        verbose_name = _("finding")
        verbose_name_plural = _("findings")
        ordering = ("-severity", "code", "id")
        indexes = (
            # A list of all that have one kind of finding says how many they are.
            models.Index(
                fields=["code", "record"],
                condition=models.Q(ignored_at=None),
                name="finding_code_heeded",
            ),
        )
        constraints = (
            models.UniqueConstraint(
                fields=["record", "code", "field", "other"],
                name="finding_once",
                nulls_distinct=False,
            ),
        )

    def __str__(self) -> str:
        return f"{self.code} {self.record_id}"
