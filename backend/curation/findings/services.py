"""What people decide about findings: put it right, or leave it as it is meant."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from backend.accounts.roles import Action, require
from backend.common.audit import audit_write
from backend.common.errors import Conflict, Invalid
from backend.curation.content import content_of
from backend.curation.findings.kinds import Fix, fixes_of
from backend.curation.findings.summary import summarise
from backend.curation.models import Finding, Record
from backend.curation.services.records import edited_meanwhile, record_update
from backend.curation.services.review import record_archive
from ml.quality import fixed

if TYPE_CHECKING:
    import uuid

    from backend.accounts.models import User
    from ml.formats import RecordFields

Status = Record.Status


@transaction.atomic
def finding_fix(
    *, actor: "User", finding: Finding, fix: str, revision: int | None = None
) -> Record:
    """Do what a finding's button says; an ordinary edit or step, with all that follows from it.

    Args:
        actor: who decides.
        finding: as it was read.
        fix: one of ``kinds.Fix`` that this finding offers.
        revision: of the record, as the person saw it; the record's own where it is not given.

    Returns:
        The finding's record as it is now.

    Raises:
        NotAllowed: the person may not write records.
        Invalid: this finding offers no such fix, or the records ask under different conditions.
        Conflict: it is put right already, or somebody changed a record meanwhile.
    """
    require(actor, Action.RECORDS_WRITE)
    if fix not in fixes_of(finding):
        problem = _("Nothing of that kind can be done about this finding.")
        raise Invalid(problem, fix=[problem])
    records = _locked(finding)
    record = records.get(finding.record_id)
    if record is None or (revision is not None and revision != record.revision):
        raise edited_meanwhile(record or finding.record)
    if not Finding.objects.filter(pk=finding.pk).exists():
        raise _gone()
    match Fix(fix):
        case Fix.CORRECT:
            return _correct(actor, record, finding)
        case Fix.MERGE:
            _merge(actor, record, records.get(finding.other_id or record.pk))
    return record_archive(actor=actor, record=record)


@transaction.atomic
def finding_ignore(*, actor: "User", finding: Finding, ignored: bool = True) -> Finding:
    """Leave it as it is meant, or take that back; it counts no more until the text changes.

    What two records have with each other is ignored on both sides.

    Raises:
        NotAllowed: the person may not write records.
        Conflict: it is gone, or somebody decided the same meanwhile.
    """
    require(actor, Action.RECORDS_WRITE)
    records = _locked(finding)
    both = Q(pk=finding.pk)
    if finding.other_id is not None:
        both |= Q(
            record=finding.other_id,
            other=finding.record_id,
            code=finding.code,
            field=finding.field,
        )
    undecided = Finding.objects.filter(both, ignored_at__isnull=ignored)
    if not undecided.filter(pk=finding.pk).exists():
        raise _gone()
    undecided.update(
        ignored_by=actor if ignored else None,
        ignored_at=timezone.now() if ignored else None,
        updated_at=timezone.now(),
    )
    summarise(records)
    audit_write(
        actor=actor,
        action="finding.ignore" if ignored else "finding.heed",
        entity=records.get(finding.record_id, finding.record),
        code=finding.code,
        field=finding.field,
        other=None if finding.other_id is None else str(finding.other_id),
    )
    finding.refresh_from_db()
    return finding


def _locked(finding: Finding) -> "dict[uuid.UUID, Record]":
    """The finding's records, in one order whoever asks."""
    ids = {finding.record_id, finding.other_id or finding.record_id}
    rows = Record.objects.filter(pk__in=ids).order_by("pk").select_for_update(no_key=True)
    return {record.pk: record for record in rows}


def _correct(actor: "User", record: Record, finding: Finding) -> Record:
    before = content_of(record)
    after = fixed(before, code=finding.code, field=finding.field)
    if after == before:
        raise _gone()
    return record_update(actor=actor, record=record, content=_given(after))


def _given(content: "RecordFields") -> dict[str, object]:
    """Content as the services take it: lists where JSON has lists."""
    given = asdict(content)
    given["history"] = [list(turn) for turn in given["history"]]
    return given | {name: list(given[name]) for name in ("phrasings", "tags")}


def _merge(actor: "User", record: Record, other: Record | None) -> None:
    """Let the other record be asked in this one's words as well."""
    if other is None or other.status == Status.ARCHIVED:
        raise _gone()
    alike = ("input", "system", "history", "golden", "language")
    if any(getattr(record, name) != getattr(other, name) for name in alike):
        raise Invalid(
            _("The two are asked under different conditions; merge them by hand."),
            code="not_mergeable",
        )
    wordings = [*other.phrasings, record.instruction, *record.phrasings]
    record_update(actor=actor, record=other, content={"phrasings": wordings})


def _gone() -> Conflict:
    return Conflict(_("This finding is settled already. Load the page again."), code="finding_gone")
