"""Where the curation stands: counts of records, somebody's own work, and what was done lately."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from django.db.models import Count, F, Sum
from django.utils.translation import gettext as _

from backend.accounts.roles import Action, require
from backend.common.models import AuditEntry
from backend.curation.models import DatasetVersion, DatasetVersionItem, Record, RecordTally

if TYPE_CHECKING:
    from datetime import datetime

    from backend.accounts.models import User


@dataclass(frozen=True)
class CurationState:
    """Where the curation stands: what the dashboard shows."""

    by_status: dict[str, dict[str, int]]  # status -> language -> records, all of both present
    golden: int  # approved and golden
    last_version: DatasetVersion | None
    approved_since: int  # approved in a form that the last version does not hold

    @property
    def waiting(self) -> int:
        return sum(self.by_status[Record.Status.IN_REVIEW].values())

    @property
    def total(self) -> int:
        return sum(sum(languages.values()) for languages in self.by_status.values())


def curation_state(*, user: "User") -> CurationState:
    """Counts of records, and what has been approved since the last version.

    Raises:
        NotAllowed: the person may not read records.
    """
    require(user, Action.RECORDS_READ)
    by_status = {status.value: dict.fromkeys(Record.Language.values, 0) for status in Record.Status}
    approved = golden_approved = 0
    for status, language, golden, _worst, number in record_counts(user=user):
        by_status[status][language] += number
        if status == Record.Status.APPROVED:
            approved += number
            golden_approved += number if golden else 0
    last = DatasetVersion.objects.order_by("-number").first()
    return CurationState(
        by_status=by_status,
        golden=golden_approved,
        last_version=last,
        approved_since=approved - (_frozen_as_they_are(last) if last else 0),
    )


# A step that was under way when a version was frozen has marked its records with an earlier moment.
UNDER_WAY: Final = timedelta(minutes=1)


def _frozen_as_they_are(version: DatasetVersion) -> int:
    """How many records of the version are still approved in the form that it holds."""
    # Only those that have changed since are looked at: a version can hold a hundred thousand.
    changed = DatasetVersionItem.objects.filter(
        version=version, record__updated_at__gte=version.created_at - UNDER_WAY
    ).exclude(record__status=Record.Status.APPROVED, record__revision=F("revision__number"))
    return int(sum(version.counts.values())) - changed.count()


# Status, language, whether golden, worst finding, and how many records.
Tallied = tuple[str, str, bool, int, int]


def record_counts(*, user: "User") -> list[Tallied]:
    """How many records there are of each kind.

    Raises:
        NotAllowed: the person may not read records.
    """
    require(user, Action.RECORDS_READ)
    tally = RecordTally.objects.order_by().values_list(
        "status", "language", "golden", "worst_finding"
    )
    return list(tally.annotate(total=Sum("number")))


@dataclass(frozen=True)
class OwnWork:
    """How many of somebody's own records are where."""

    drafts: int
    rejected: int
    in_review: int


def own_work(*, user: "User") -> OwnWork:
    """Where the records are that the person has begun.

    Raises:
        NotAllowed: the person may not read records.
    """
    require(user, Action.RECORDS_READ)
    own = Record.objects.order_by().filter(author=user)
    counted = dict(own.values_list("status").annotate(number=Count("pk")))
    status = Record.Status
    return OwnWork(
        drafts=counted.get(status.DRAFT, 0),
        rejected=counted.get(status.REJECTED, 0),
        in_review=counted.get(status.IN_REVIEW, 0),
    )


@dataclass(frozen=True)
class Activity:
    """What somebody did with a record lately."""

    who: str
    what: str
    record: Record
    at: "datetime"


# Only what the newest lines of the trail say: many of them may be of one step in bulk.
LOOKED_AT: Final = 300


def recent_activity(*, user: "User", limit: int = 8) -> list[Activity]:
    """The latest steps of the review, newest first, each record once.

    Raises:
        NotAllowed: the person may not read records.
    """
    require(user, Action.RECORDS_READ)
    done = {
        "record.submit": _("submitted for review"),
        "record.approve": _("approved"),
        "record.reject": _("sent back"),
        "record.archive": _("archived"),
        "record.reopen": _("reopened"),
    }
    newest = AuditEntry.objects.select_related("actor")[:LOOKED_AT]
    lines: dict[str, AuditEntry] = {}
    for line in newest:
        if line.action in done and line.entity_type == "curation.record" and len(lines) < limit:
            lines.setdefault(line.entity_id, line)
    records = Record.objects.defer("search").in_bulk(list(lines))
    found = {str(pk): record for pk, record in records.items()}
    return [
        Activity(str(line.actor or "–"), done[line.action], found[key], line.at)
        for key, line in lines.items()
        if key in found
    ]
