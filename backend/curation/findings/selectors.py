"""Reads of findings: of one record, of all, and of those that are about to be frozen."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.db.models import CharField, Count, F, Func, QuerySet
from django.utils.translation import gettext as _

from backend.accounts.roles import Action, require
from backend.common.errors import NotFound
from backend.curation.models import Finding, Record
from backend.curation.selectors import record_get

if TYPE_CHECKING:
    import uuid

    from backend.accounts.models import User

# Worst first, by the names that travel.
SEVERITIES: Final = {
    "error": Finding.Severity.ERROR,
    "warning": Finding.Severity.WARNING,
    "info": Finding.Severity.INFO,
}


def record_findings(*, user: "User", record_id: "uuid.UUID") -> "QuerySet[Finding]":
    """What is wrong with a record, the worst first and what is ignored last.

    Raises:
        NotAllowed: the person may not read records.
        NotFound: there is no such record.
    """
    record = record_get(user=user, record_id=record_id)
    return (
        Finding.objects.filter(record=record)
        .select_related("record", "other", "ignored_by")
        .order_by(F("ignored_at").asc(nulls_first=True), "-severity", "code", "field", "id")
    )


def finding_get(*, user: "User", record_id: "uuid.UUID", finding_id: "uuid.UUID") -> Finding:
    """One finding of a record.

    Raises:
        NotAllowed: the person may not read records.
        NotFound: there is no such record, or it has no such finding (any more).
    """
    found = record_findings(user=user, record_id=record_id).filter(pk=finding_id).first()
    if found is None:
        raise NotFound(_("There is no such finding any more."))
    return found


def with_severity(records: "QuerySet[Record]", severity: str) -> "QuerySet[Record]":
    """Records whose worst finding is of that severity; those without any for ``none``."""
    if severity == "none":
        return records.filter(worst_finding=0)
    return records.filter(worst_finding=SEVERITIES[severity])


def with_finding(records: "QuerySet[Record]", code: str) -> "QuerySet[Record]":
    """Records that have a finding of that kind."""
    return records.filter(finding_codes__contains=[code])


def with_finding_count(*, user: "User", code: str) -> int:
    """How many records ``with_finding`` gives of all: read from the findings, which are narrower.

    Raises:
        NotAllowed: the person may not read records.
    """
    require(user, Action.RECORDS_READ)
    found = Finding.objects.order_by().filter(code=code, ignored_at=None)
    return found.values("record").distinct().count()


@dataclass(frozen=True, kw_only=True)
class FindingsSummary:
    """How many approved records have what.

    Attributes:
        severity: ``{error, warning, info}``: records whose worst finding it is.
        code: records by kind of finding, the most frequent first.
        unchecked: records, approved or not, that the worker has not looked at yet.
    """

    severity: dict[str, int]
    code: dict[str, int]
    unchecked: int


def findings_summary(*, user: "User", records: "QuerySet[Record] | None" = None) -> FindingsSummary:
    """What is wrong with the approved records, or with those given.

    Raises:
        NotAllowed: the person may not read records.
    """
    require(user, Action.RECORDS_READ)
    if records is None:
        records = Record.objects.filter(status=Record.Status.APPROVED)
    records = records.order_by()
    counted = dict(
        records.filter(worst_finding__gt=0)
        .values_list("worst_finding")
        .annotate(number=Count("pk"))
    )
    code = Func(F("finding_codes"), function="unnest", output_field=CharField())
    codes = records.annotate(code=code).values("code").annotate(number=Count("pk"))
    return FindingsSummary(
        severity={name: counted.get(int(value), 0) for name, value in SEVERITIES.items()},
        code=dict(codes.order_by("-number", "code").values_list("code", "number")),
        unchecked=Record.objects.exclude(checked_revision=F("revision")).count(),
    )


def approved_with_errors(*, user: "User") -> int:
    """How many approved records have a finding of the worst kind.

    Raises:
        NotAllowed: the person may not read records.
    """
    require(user, Action.RECORDS_READ)
    return with_severity(Record.objects.filter(status=Record.Status.APPROVED), "error").count()


def findings_of_approved() -> dict[str, int]:
    """What stands against the approved records and nobody chose to ignore: kind -> findings.

    One statement, for a freeze counts a hundred thousand records.
    """
    approved = Finding.objects.order_by().filter(
        ignored_at=None, record__status=Record.Status.APPROVED
    )
    counted = approved.values_list("code").annotate(number=Count("pk"))
    return dict(counted.order_by("code"))
