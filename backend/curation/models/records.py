"""Records and every form that they had."""

from typing import TYPE_CHECKING, ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.utils.translation import gettext_lazy as _

from backend.common.models import BaseModel, TransitionQuerySet

if TYPE_CHECKING:
    import uuid

    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models.sql.compiler import SQLCompiler


@SearchVectorField.register_lookup
class Matches(models.Lookup):
    """``search__matches=words.search_query(text)``: the words as they are, cut by nobody else."""

    lookup_name = "matches"
    prepare_rhs = False

    def as_sql(
        self, compiler: "SQLCompiler", connection: "BaseDatabaseWrapper"
    ) -> "tuple[str, tuple[str | int, ...]]":
        column, params = self.process_lhs(compiler, connection)
        return f"{column} @@ %s::tsquery", (*params, self.rhs)


class RecordQuerySet(TransitionQuerySet["Record"]):
    """What is forgotten moves nowhere."""

    def transition(self, pk: "uuid.UUID", from_: str, to: str, **changes: object) -> bool:
        return TransitionQuerySet.transition(
            self.filter(forgotten_at=None), pk, from_, to, **changes
        )


class Record(BaseModel):
    """One question with its answer, as it stands now; ``Revision`` keeps every earlier form."""

    class Status(models.TextChoices):
        DRAFT = "draft", _("draft")
        IN_REVIEW = "in_review", _("in review")
        APPROVED = "approved", _("approved")
        REJECTED = "rejected", _("rejected")
        ARCHIVED = "archived", _("archived")

    class Language(models.TextChoices):
        CHINESE = "zh", _("Chinese")
        ENGLISH = "en", _("English")

    class Source(models.TextChoices):
        WRITTEN = "written", _("written here")
        IMPORTED = "imported", _("imported")
        FEEDBACK = "feedback", _("from feedback")

    state_field = "status"
    # Editing an approved or rejected record brings it back to draft: only what was
    # reviewed as it stands can be trained.
    transitions: ClassVar[dict[str, frozenset[str]]] = {
        Status.DRAFT: frozenset({Status.IN_REVIEW, Status.APPROVED, Status.ARCHIVED}),
        Status.IN_REVIEW: frozenset(
            {Status.DRAFT, Status.APPROVED, Status.REJECTED, Status.ARCHIVED}
        ),
        Status.APPROVED: frozenset({Status.DRAFT, Status.ARCHIVED}),
        Status.REJECTED: frozenset({Status.DRAFT, Status.IN_REVIEW, Status.ARCHIVED}),
        Status.ARCHIVED: frozenset({Status.DRAFT}),
    }

    instruction = models.TextField(_("question"), max_length=20_000)
    input = models.TextField(_("context of the question"), blank=True, max_length=20_000)
    output = models.TextField(_("answer"), max_length=40_000)
    system = models.TextField(
        _("system prompt"),
        blank=True,
        max_length=8000,
        help_text=_("Replaces the assistant's system prompt for this record only."),
    )
    history = models.JSONField(_("earlier turns"), default=list, blank=True)  # [[user, assistant]]
    phrasings = models.JSONField(
        _("other phrasings"), default=list, blank=True, help_text=_("One per line; each trains.")
    )
    tags = ArrayField(
        models.CharField(max_length=60), verbose_name=_("tags"), default=list, blank=True
    )
    language = models.CharField(_("language"), max_length=2, choices=Language.choices)
    source = models.CharField(
        _("source"), max_length=10, choices=Source.choices, default=Source.WRITTEN
    )
    source_detail = models.CharField(_("where from"), max_length=300, blank=True)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("author"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="records_written",
    )
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("reviewer"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="records_reviewed",
    )
    review_note = models.CharField(_("reason"), max_length=500, blank=True)
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.DRAFT
    )
    golden = models.BooleanField(
        _("golden"), default=False, help_text=_("Kept out of training; asked in every evaluation.")
    )
    valid_from = models.DateField(
        _("valid from"), null=True, blank=True, help_text=_("The first day on which it is true.")
    )
    valid_until = models.DateField(
        _("valid until"), null=True, blank=True, help_text=_("The last day on which it is true.")
    )
    # Somebody asked that it is forgotten: it stays archived for good (``services.forgetting``).
    forgotten_at = models.DateTimeField(_("forgotten"), null=True, editable=False)
    forgotten_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("forgotten by"),
        null=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    forget_reason = models.CharField(
        _("why it is forgotten"), max_length=500, blank=True, default="", editable=False
    )
    # Nor does anything stand in it any more, or in its revisions.
    erased_at = models.DateTimeField(_("erased"), null=True, editable=False)
    revision = models.PositiveIntegerField(_("revision"), default=1, editable=False)
    # The revision that was last approved, whatever has become of the record since.
    approved_revision = models.PositiveIntegerField(null=True, editable=False)
    # ``content.wording_keys``: records that share one ask the same question.
    wording_keys = ArrayField(models.CharField(max_length=64), default=list, editable=False)
    # ``ml.near.near_keys`` of its wordings: records that share one may ask nearly the same.
    near_keys = ArrayField(models.BigIntegerField(), default=list, editable=False)
    # What its findings say together (``findings.writing``), to list and to filter by.
    finding_codes = ArrayField(models.CharField(max_length=40), default=list, editable=False)
    finding_counts = models.JSONField(default=dict, editable=False)  # {severity's value: how many}
    worst_finding = models.PositiveSmallIntegerField(default=0, editable=False)  # 0: none
    # The revision that the worker has checked, and with which checks: another one is due.
    checked_revision = models.PositiveIntegerField(default=0, editable=False)
    checked_with = models.CharField(max_length=40, blank=True, editable=False)
    # ``words.search_vector`` of everything in it that is searched for.
    search = SearchVectorField(default="", editable=False)

    objects = RecordQuerySet.as_manager()

    class Meta:
        verbose_name = _("record")
        verbose_name_plural = _("records")
        ordering = ("-created_at", "-id")
        indexes = (
            models.Index(fields=["status", "-created_at"]),
            # The list's orders, and the counts that stand above it.
            models.Index(fields=["-created_at", "-id"], name="record_newest"),
            models.Index(fields=["-updated_at", "-id"], name="record_changed"),
            models.Index(fields=["status", "language", "golden"], name="record_counts"),
            GinIndex(fields=["tags"]),
            # Without a list of what is still to be indexed: an import looks up thousands of keys.
            GinIndex(fields=["wording_keys"], fastupdate=False),
            GinIndex(fields=["near_keys"], fastupdate=False),
            GinIndex(fields=["finding_codes"]),
            models.Index(
                fields=["worst_finding", "-created_at", "-id"], name="record_worst_finding"
            ),
            models.Index(fields=["checked_with"], name="record_checked_with"),
            models.Index(
                fields=["id"],
                condition=~models.Q(checked_revision=models.F("revision")),
                name="record_check_due",
            ),
            GinIndex(fields=["search"], fastupdate=False),
            # Few ever are: versions ask which of theirs.
            models.Index(
                fields=["erased_at"],
                condition=models.Q(erased_at__isnull=False),
                name="erased_records",
            ),
        )
        constraints = (
            models.CheckConstraint(
                condition=models.Q(forgotten_at=None) | models.Q(status="archived"),
                name="forgotten_stays_archived",
            ),
            models.CheckConstraint(
                condition=models.Q(erased_at=None) | models.Q(forgotten_at__isnull=False),
                name="erased_is_forgotten",
            ),
        )

    def __str__(self) -> str:
        return self.instruction[:80] or "–"


class Revision(BaseModel):
    """One form that a record had: immutable. ``content`` holds the fields that train."""

    record = models.ForeignKey(Record, on_delete=models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField(_("revision"))
    content = models.JSONField(_("content"))
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("author"), null=True, on_delete=models.SET_NULL
    )

    class Meta:
        verbose_name = _("revision")
        verbose_name_plural = _("revisions")
        ordering = ("-number",)
        constraints = (
            models.UniqueConstraint(fields=["record", "number"], name="revision_number_once"),
        )

    def __str__(self) -> str:
        return f"{self.record_id} r{self.number}"
