"""Forgetting a record for good: it trains nothing from now on, and its words can be erased.

A version is never changed, so its rows still name a record that is forgotten. What was erased is
gone from the record and from each of its revisions, and with it from what a version writes; that
version's hash can then no longer be computed anew.
"""

from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from backend.accounts.roles import Action, require
from backend.common.audit import audit_write
from backend.common.errors import Conflict, Invalid, NotFound
from backend.curation.content import columns
from backend.curation.findings.partners import partners_of, partners_recount
from backend.curation.findings.writing import findings_refresh
from backend.curation.locks import transaction_lock
from backend.curation.models import DatasetVersion, Finding, Record, Revision
from backend.curation.services.versions import FREEZE_LOCK
from ml.formats import RecordFields

if TYPE_CHECKING:
    from backend.accounts.models import User
    from ml.formats.questions import Language

MAX_REASON: Final = 500


@transaction.atomic
def record_forget(*, actor: "User", record: Record, reason: str, erase: bool = False) -> Record:
    """Archive a record so that it never enters a version again; nothing takes this back.

    Args:
        actor: who is asked to see to it.
        record: in whatever status.
        reason: for those who ask later, up to 500 characters.
        erase: take its words, too, out of the record and all its revisions. One that is
            forgotten already can still be erased.

    Raises:
        NotAllowed: the person may not write records, or to erase, not approve them.
        Invalid: no reason is given, or too long a one.
        NotFound: it was deleted meanwhile.
        Conflict: it is forgotten already, or erased.
    """
    require(actor, Action.RECORDS_WRITE)
    if erase:
        require(actor, Action.RECORDS_APPROVE)
        # A freeze reads the words after it has chosen the records.
        transaction_lock(FREEZE_LOCK)
    reason = check_reason(reason)
    locked = Record.objects.select_for_update().filter(pk=record.pk).first()
    if locked is None:
        raise NotFound(_("There is no such record."))
    if locked.erased_at is not None or (locked.forgotten_at is not None and not erase):
        raise forgotten()
    now, before, partners = timezone.now(), locked.status, partners_of(locked)
    values: dict[str, object] = {"status": Record.Status.ARCHIVED, "updated_at": now}
    if locked.forgotten_at is None:
        values |= {"forgotten_at": now, "forgotten_by": actor, "forget_reason": reason}
    if erase:
        values |= {"erased_at": now, **_nothing(locked)}
        _erase_copies(locked)
    Record.objects.filter(pk=locked.pk).update(**values)
    audit_write(
        actor=actor,
        action="record.erase" if erase else "record.forget",
        entity=locked,
        reason=reason,
        versions=sorted(
            DatasetVersion.objects.filter(items__record=locked).values_list("number", flat=True)
        ),
        **{"from": before, "to": Record.Status.ARCHIVED.value},
    )
    locked.refresh_from_db()
    if erase:
        Finding.objects.filter(Q(record=locked) | Q(other=locked)).delete()
        partners_recount(partners | {locked.pk})
    else:
        findings_refresh([locked])
    return locked


def check_reason(reason: str) -> str:
    """The reason as it is stored; raises ``Invalid`` where it cannot be."""
    reason = reason.strip()
    if not reason:
        problem = _("Say why, for those who ask later.")
        raise Invalid(problem, reason=[problem])
    if len(reason) > MAX_REASON or "\0" in reason:
        problem = _("The reason is longer than %(limit)s characters.") % {"limit": MAX_REASON}
        raise Invalid(problem, reason=[problem])
    return reason


def forgotten() -> Conflict:
    """What somebody is told who would bring it back."""
    return Conflict(_("This record is forgotten, and stays so. Write a new one."), code="forgotten")


def _nothing(record: Record) -> dict[str, object]:
    """The columns of a record that says nothing; its language and whether it was golden stay."""
    empty = columns(_empty(record))
    return empty | {
        "wording_keys": [],  # hashes of short questions can be guessed
        "near_keys": [],
        "search": "",
        "review_note": "",
        "source_detail": "",
    }


def _empty(record: Record) -> RecordFields:
    language: Language = "zh" if record.language == Record.Language.CHINESE else "en"
    return RecordFields(instruction="", output="", language=language, golden=record.golden)


def _erase_copies(record: Record) -> None:
    """The words in revisions, and in the titles that the admin's own log keeps."""
    Revision.objects.filter(record=record).update(
        content=asdict(_empty(record)), updated_at=timezone.now()
    )
    kind = ContentType.objects.get_for_model(Record)
    LogEntry.objects.filter(content_type=kind, object_id=str(record.pk)).update(object_repr="–")
