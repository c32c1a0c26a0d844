"""Submitting, approving, rejecting and archiving: each step is a compare-and-set."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.translation import gettext as _

from backend.accounts.roles import Action, require, require_other_eyes
from backend.common.audit import audit_write
from backend.common.errors import Conflict, DomainError, Invalid
from backend.curation.models import Record, Revision
from backend.curation.services.forgetting import forgotten
from backend.curation.services.records import edited_meanwhile

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Protocol

    from backend.accounts.models import User

    class Step(Protocol):
        def __call__(self, *, actor: User, record: Record) -> Record: ...


Status = Record.Status
MAX_NOTE = 500


def record_submit(*, actor: "User", record: Record, revision: int | None = None) -> Record:
    """Ask for a review.

    Raises:
        NotAllowed: the person may not write records.
        Conflict: it is not a draft or rejected, or was changed meanwhile.
    """
    require(actor, Action.RECORDS_WRITE)
    return _move(actor, record, Status.IN_REVIEW, "record.submit", revision, review_note="")


def record_approve(*, actor: "User", record: Record, revision: int | None = None) -> Record:
    """Let it train from the next version on, as it stands in ``revision``.

    Raises:
        NotAllowed: not a reviewer, or under ``FOUR_EYES`` one's own words.
        Conflict: it is approved or archived, or was changed meanwhile.
    """
    _require_decider(actor, record)
    return _move(
        actor,
        record,
        Status.APPROVED,
        "record.approve",
        revision,
        reviewer_id=actor.pk,
        review_note="",
    )


def record_reject(
    *, actor: "User", record: Record, reason: str = "", revision: int | None = None
) -> Record:
    """Send it back to its author.

    Raises:
        NotAllowed: not a reviewer, or under ``FOUR_EYES`` one's own words.
        Invalid: the reason is too long.
        Conflict: it is not in review, or was changed meanwhile.
    """
    _require_decider(actor, record)
    reason = reason.strip()
    if len(reason) > MAX_NOTE or "\0" in reason:
        sentence = _("The reason is longer than %(limit)s characters.") % {"limit": MAX_NOTE}
        raise Invalid(sentence, reason=[sentence])
    return _move(
        actor,
        record,
        Status.REJECTED,
        "record.reject",
        revision,
        reviewer_id=actor.pk,
        review_note=reason,
    )


def record_archive(*, actor: "User", record: Record) -> Record:
    """Take it out of use; versions that hold it stay as they are.

    Raises:
        NotAllowed: the person may not write records.
        Conflict: it is archived, or was changed meanwhile.
    """
    require(actor, Action.RECORDS_WRITE)
    return _move(actor, record, Status.ARCHIVED, "record.archive")


def record_reopen(*, actor: "User", record: Record) -> Record:
    """Make it a draft again, whatever was decided.

    Raises:
        NotAllowed: the person may not write records.
        Conflict: it is a draft, or was changed meanwhile.
    """
    require(actor, Action.RECORDS_WRITE)
    return _move(actor, record, Status.DRAFT, "record.reopen")


@dataclass
class BulkResult:
    """What became of many records: how many moved, and why the others did not."""

    done: int = 0
    refused: dict[str, int] = field(default_factory=dict)  # sentence -> how many


def records_move(*, actor: "User", records: "Iterable[Record]", step: "Step") -> BulkResult:
    """Apply one of the steps above to each record; one that refuses does not stop the others."""
    result = BulkResult()
    for record in records:
        try:
            step(actor=actor, record=record)
        except DomainError as error:
            result.refused[error.message] = result.refused.get(error.message, 0) + 1
        else:
            result.done += 1
    return result


def _require_decider(actor: "User", record: Record) -> None:
    """A reviewer who wrote neither the record nor the form that it has now."""
    require(actor, Action.RECORDS_APPROVE)
    require_other_eyes(actor, record.author_id)
    wrote = Revision.objects.filter(record=record, number=record.revision)
    require_other_eyes(actor, wrote.values_list("author_id", flat=True).first())


@transaction.atomic
def _move(
    actor: "User",
    record: Record,
    to: Record.Status,
    action: str,
    revision: int | None = None,
    **changes: object,
) -> Record:
    if revision is not None and revision != record.revision:
        raise edited_meanwhile(record)
    if record.forgotten_at is not None:
        raise forgotten()
    before = record.status
    if to not in Record.transitions[before]:
        raise Conflict(
            _("This record is %(now)s and cannot become %(then)s.")
            % {"now": record.get_status_display(), "then": to.label},
            code="wrong_status",
            status=before,
        )
    unchanged = Record.objects.filter(revision=record.revision)
    if not unchanged.transition(record.pk, before, to, **changes):
        raise edited_meanwhile(record)
    audit_write(
        actor=actor,
        action=action,
        entity=record,
        revision=record.revision,
        **{"from": before, "to": to.value},
    )
    record.refresh_from_db()
    return record
