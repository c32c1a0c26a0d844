"""Writing and editing records: every form that a record had stays as a revision."""

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from backend.accounts.roles import Action, require
from backend.common.audit import audit_write
from backend.common.copying import copy_insert
from backend.common.errors import Conflict
from backend.curation.authorship import same_words
from backend.curation.content import NAMES, columns, content_check, content_of
from backend.curation.findings.partners import partners_of, partners_recount
from backend.curation.findings.writing import findings_refresh
from backend.curation.models import DatasetVersionItem, Record, Revision
from backend.curation.services.forgetting import forgotten
from backend.curation.tasks import sweep_ask

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from backend.accounts.models import User
    from ml.formats import RecordFields

Status = Record.Status
# New words leave what is being reviewed in review; everything else becomes a draft.
AFTER_EDIT: Final = dict.fromkeys(Status, Status.DRAFT) | {Status.IN_REVIEW: Status.IN_REVIEW}


def record_create(*, actor: "User", content: "Mapping[str, object]") -> Record:
    """A new draft.

    Raises:
        NotAllowed: the person may not write records.
        Invalid: with the first field that is wrong.
    """
    require(actor, Action.RECORDS_WRITE)
    return records_insert(contents=[content_check(content)], author=actor, check_now=True)[0]


@transaction.atomic
def records_insert(
    *,
    contents: "Sequence[RecordFields]",
    author: "User | None",
    source: str = Record.Source.WRITTEN,
    source_detail: str = "",
    source_details: "Sequence[str] | None" = None,
    status: str = Status.DRAFT,
    check_now: bool = False,
) -> list[Record]:
    """Store checked contents, each with its first revision. The caller has checked the right.

    Args:
        contents: in the order in which people shall find them.
        author: of the records and of their revisions.
        source: one of ``Record.Source``.
        source_detail: where all of them come from.
        source_details: or one for each.
        status: one of ``Record.Status``.
        check_now: look for what is wrong at once; otherwise the worker does so soon.
    """
    now = timezone.now()
    details = source_details or [source_detail] * len(contents)
    records = [
        Record(
            **columns(content),
            source=source,
            source_detail=detail,
            author=author,
            status=status,
            approved_revision=1 if status == Status.APPROVED else None,
            # COPY keeps no order by itself, and people look for the file's.
            created_at=now + timedelta(microseconds=number),
        )
        for number, (content, detail) in enumerate(zip(contents, details, strict=True))
    ]
    copy_insert(Record, records)
    copy_insert(
        Revision,
        (
            Revision(record=record, number=1, content=asdict(content), author=author)
            for record, content in zip(records, contents, strict=True)
        ),
    )
    if check_now:
        records_checked(records)
    else:
        transaction.on_commit(sweep_ask)
    return records


def records_checked(records: "Sequence[Record]") -> None:
    """Look for what is wrong with records just written, and have the worker look once more."""
    findings_refresh(records)
    for record in records:
        record.refresh_from_db(fields=("finding_codes", "finding_counts", "worst_finding"))
    transaction.on_commit(sweep_ask)


@transaction.atomic
def record_update(
    *,
    actor: "User",
    record: Record,
    content: "Mapping[str, object]",
    revision: int | None = None,
) -> Record:
    """Change the given fields; what is not given stays. Nothing changed is no revision.

    Who changes only tags or golden leaves the status as it is: a reviewer decided on the words.

    Args:
        actor: who edits.
        record: as it was read.
        content: new values by field name.
        revision: the revision that the editor saw; the record's own where it is not given.

    Raises:
        NotAllowed: the person may not write records.
        Invalid: with the first field that is wrong.
        Conflict: somebody else has changed or decided on it meanwhile, or it is forgotten.
    """
    require(actor, Action.RECORDS_WRITE)
    if record.forgotten_at is not None:
        raise forgotten()
    if revision is not None and revision != record.revision:
        raise edited_meanwhile(record)
    before = content_of(record)
    given = {name: value for name, value in content.items() if name in NAMES}
    after = content_check(columns(before) | given)
    if after == before:
        return record
    number = record.revision + 1
    kept = same_words(before, after)
    changed = Record.objects.filter(
        pk=record.pk, revision=record.revision, status=record.status, forgotten_at=None
    ).update(
        **columns(after),
        revision=number,
        status=record.status if kept else AFTER_EDIT[Status(record.status)],
        updated_at=timezone.now(),
    )
    if not changed:
        raise edited_meanwhile(record)
    Revision.objects.create(record=record, number=number, content=asdict(after), author=actor)
    record.refresh_from_db()
    records_checked([record])
    return record


@transaction.atomic
def record_delete(*, actor: "User", record: Record) -> None:
    """Remove a record that no version holds; the audit trail keeps what it said.

    Raises:
        NotAllowed: the person may not write records.
        Conflict: a version holds it; it can be archived.
    """
    require(actor, Action.RECORDS_WRITE)
    locked = Record.objects.select_for_update().filter(pk=record.pk).first()
    if locked is None:
        return
    if DatasetVersionItem.objects.filter(record=locked).exists():
        raise Conflict(
            _("A dataset version holds this record, so it stays. Archive it instead."),
            code="record_in_version",
        )
    audit_write(
        actor=actor, action="record.delete", entity=locked, content=asdict(content_of(locked))
    )
    partners = partners_of(locked)
    locked.delete()
    partners_recount(partners)


def edited_meanwhile(record: Record) -> Conflict:
    """What an editor is told whose page is out of date."""
    now = Record.objects.filter(pk=record.pk).values_list("revision", flat=True).first()
    return Conflict(
        _("Somebody else changed this record meanwhile. Load it again and repeat your change."),
        code="edited_meanwhile",
        revision=now,
    )
