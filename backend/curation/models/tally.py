"""How many records there are, without counting them."""

from django.db import models

from backend.curation.models.records import Record


class RecordTally(models.Model):
    """How many records more, or fewer, have a status, a language, a worst finding, and are golden.

    Each statement that writes records adds its lines, by triggers of the database, and nobody waits
    for anybody; the sum of all lines is the number of records. ``tally.tally_compact`` makes one
    line of many.
    """

    id = models.BigAutoField(primary_key=True)
    status = models.CharField(max_length=10, choices=Record.Status.choices)
    language = models.CharField(max_length=2, choices=Record.Language.choices)
    golden = models.BooleanField()
    worst_finding = models.PositiveSmallIntegerField()
    number = models.IntegerField()

    class Meta:
        verbose_name = "tally of records"
        verbose_name_plural = "tally of records"

    def __str__(self) -> str:
        return f"{self.status} {self.language} {self.golden}: {self.number}"
