"""Submitting, approving, rejecting and archiving: each step is a compare-and-set."""

from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from backend.accounts.roles import Action, require, require_other_eyes
from backend.common.audit import audit_write
from backend.common.errors import Conflict, Invalid
from backend.curation.authorship import worded_by
from backend.curation.models import Record
from backend.curation.services.forgetting import forgotten
from backend.curation.services.records import edited_meanwhile, records_checked

if TYPE_CHECKING:
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
        approved_revision=F("revision"),
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
    return _move(
        actor,
        record,
        Status.REJECTED,
        "record.reject",
        revision,
        reviewer_id=actor.pk,
        review_note=reason_check(reason),
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


@transaction.atomic
def record_undecide(*, actor: "User", record: Record, revision: int | None = None) -> Record:
    """Take one's own decision back: the record waits for review again.

    Raises:
        NotAllowed: not a reviewer.
        Conflict: the present decision is not the person's own, or it was changed meanwhile.
    """
    require(actor, Action.RECORDS_APPROVE)
    if record.status not in {Status.APPROVED, Status.REJECTED} or record.reviewer_id != actor.pk:
        raise Conflict(_("There is no decision of yours to take back."), code="nothing_to_undo")
    if record.status == Status.APPROVED:
        record = _move(actor, record, Status.DRAFT, "record.reopen", revision)
    return _move(
        actor, record, Status.IN_REVIEW, "record.submit", revision, review_note="", reviewer_id=None
    )


def require_not_own(actor: "User", author_id: object, wording_author_id: object) -> None:
    """Under ``FOUR_EYES``, nobody decides on a record they began or on words they put into it.

    Raises:
        NotAllowed: the person did.
    """
    require_other_eyes(actor, author_id)
    require_other_eyes(actor, wording_author_id)


def reason_check(reason: str) -> str:
    """The reason as it is stored.

    Raises:
        Invalid: it is too long.
    """
    reason = reason.strip()
    if len(reason) > MAX_NOTE or "\0" in reason:
        sentence = _("The reason is longer than %(limit)s characters.") % {"limit": MAX_NOTE}
        raise Invalid(sentence, reason=[sentence])
    return reason


def wrong_status(now: str, then: Record.Status) -> Conflict:
    """What somebody is told whose step the status does not allow."""
    return Conflict(
        _("This record is %(now)s and cannot become %(then)s.")
        % {"now": Status(now).label, "then": then.label},
        code="wrong_status",
        status=now,
    )


def decided_meanwhile(record: Record) -> Conflict | None:
    """What a reviewer is told who came second, with who was first; None where nobody decided."""
    sentences = {
        Status.APPROVED: _("%(who)s has approved this record meanwhile."),
        Status.REJECTED: _("%(who)s has sent this record back meanwhile."),
        Status.ARCHIVED: _("Somebody has archived this record meanwhile."),
        Status.DRAFT: _("Somebody has made this record a draft again meanwhile."),
    }
    if record.status not in sentences:
        return None
    who = str(record.reviewer or _("Somebody"))
    return Conflict(
        sentences[Status(record.status)] % {"who": who},
        code="decided_meanwhile",
        status=record.status,
    )


def _require_decider(actor: "User", record: Record) -> None:
    require(actor, Action.RECORDS_APPROVE)
    require_not_own(actor, record.author_id, worded_by([record.pk]).get(record.pk))


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
        raise wrong_status(before, to)
    unchanged = Record.objects.filter(revision=record.revision, forgotten_at=None)
    if not unchanged.transition(record.pk, before, to, **changes):
        now = Record.objects.select_related("reviewer").filter(pk=record.pk).first()
        if now and now.forgotten_at is not None:
            raise forgotten()
        moved = decided_meanwhile(now) if now and now.status != before else None
        raise moved or edited_meanwhile(record)
    audit_write(
        actor=actor,
        action=action,
        entity=record,
        revision=record.revision,
        **{"from": before, "to": to.value},
    )
    record.refresh_from_db()
    if Status.ARCHIVED in (before, to):
        records_checked([record])  # what it has with others begins or ends
    return record
