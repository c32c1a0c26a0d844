"""What a freeze would do, before it is done."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from backend.accounts.roles import Action, require
from backend.curation.comparison import Change
from backend.curation.findings.selectors import findings_of_approved
from backend.curation.freeze_plan import Candidate, freeze_plan
from backend.curation.models import DatasetVersion, DatasetVersionItem, Record
from backend.curation.services.versions import check_share

if TYPE_CHECKING:
    import datetime
    import uuid
    from collections.abc import Sequence

    from backend.accounts.models import User

Split = DatasetVersionItem.Split
Reason = DatasetVersionItem.Reason
SOON: Final = timedelta(days=30)
SHOWN: Final = 100  # of each list; the counts are of all


@dataclass(frozen=True)
class Named:
    """A record that the preview names, with what is to be said of it."""

    record: "uuid.UUID"
    instruction: str
    reason: str = ""
    change: str = ""
    valid_until: "datetime.date | None" = None


@dataclass
class FreezePreview:
    """The version that a freeze would make now."""

    counts: dict[str, int]
    examples: dict[str, int]
    day: "datetime.date"  # on which records have to be valid
    against: DatasetVersion | None  # the last version, which the changes are counted from
    dropped_by_reason: dict[str, int]
    expiring: int  # would be in, and expire within thirty days
    changes: dict[str, int]
    dropped_records: list[Named] = field(default_factory=list)
    expiring_records: list[Named] = field(default_factory=list)
    changed_records: list[Named] = field(default_factory=list)
    # What the quality checks say of the records that would be in: kind -> how many.
    findings: dict[str, int] = field(default_factory=dict)


def freeze_preview(*, user: "User", validation_share: float) -> FreezePreview:
    """What ``dataset_version_freeze`` would make; stores nothing.

    Args:
        user: who reads.
        validation_share: as for the freeze.

    Raises:
        NotAllowed: the person may not read records.
        Invalid: a share out of range.
    """
    require(user, Action.RECORDS_READ)
    check_share(validation_share)
    plan = freeze_plan(validation_share)
    last = DatasetVersion.objects.order_by("-number").first()
    dropped = [row for row in plan.candidates if row.split is Split.DROPPED]
    expiring = sorted(
        (
            row
            for row in plan.candidates
            if row.split is not Split.DROPPED
            and row.valid_until is not None
            and row.valid_until <= plan.day + SOON
        ),
        key=lambda row: (row.valid_until, row.record_id),
    )
    changes = _changes(plan.candidates, last)
    shown_changes = changes[:SHOWN]
    words = _words(
        [row.record_id for row in (*dropped[:SHOWN], *expiring[:SHOWN])]
        + [record for record, _change in shown_changes]
    )
    counted = Counter(change.value for _record, change in changes)
    return FreezePreview(
        counts=plan.counts,
        examples=plan.examples,
        findings=findings_of_approved(),
        day=plan.day,
        against=last,
        dropped_by_reason=dict(Counter(str(row.reason) for row in dropped)),
        expiring=len(expiring),
        changes={change.value: counted[change.value] for change in Change},
        dropped_records=[
            Named(row.record_id, words[row.record_id], reason=str(Reason(row.reason).label))
            for row in dropped[:SHOWN]
        ],
        expiring_records=[
            Named(row.record_id, words[row.record_id], valid_until=row.valid_until)
            for row in expiring[:SHOWN]
        ],
        changed_records=[
            Named(record, words[record], change=change.value) for record, change in shown_changes
        ],
    )


def _changes(
    candidates: "Sequence[Candidate]", last: DatasetVersion | None
) -> "list[tuple[uuid.UUID, Change]]":
    """As ``comparison.version_changes`` tells of two versions that stand."""
    stood = DatasetVersionItem.objects.filter(version=last).exclude(split=Split.DROPPED)
    before = {
        record: (revision, split)
        for record, revision, split in stood.values_list("record_id", "revision_id", "split")
    }
    changes = []
    for row in candidates:
        was = before.pop(row.record_id, None)
        if row.split is Split.DROPPED:
            change = None if was is None else Change.DROPPED
        elif was is None:
            change = Change.ADDED
        elif was[0] != row.revision_id:
            change = Change.CHANGED
        else:
            change = None if was[1] == row.split else Change.MOVED
        if change is not None:
            changes.append((row.record_id, change))
    return changes + [(record, Change.REMOVED) for record in sorted(before)]


def _words(records: "Sequence[uuid.UUID]") -> "dict[uuid.UUID, str]":
    """The questions as they stand now; a record that is gone meanwhile is named by its id."""
    found = Record.objects.filter(pk__in=records).order_by().values_list("pk", "instruction")
    return {record: str(record) for record in records} | dict(found)
