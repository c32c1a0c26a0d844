"""Freezing the approved records into a version that never changes."""

import math
from typing import TYPE_CHECKING, Final

from django.db import transaction
from django.db.models import F, Max
from django.utils.translation import gettext as _

from backend.accounts.roles import Action, require
from backend.common.audit import audit_write
from backend.common.errors import Invalid
from backend.curation.content import content_from
from backend.curation.frozen import FrozenRow, canonical_sha256
from backend.curation.locks import transaction_lock
from backend.curation.models import DatasetVersion, DatasetVersionItem, Record, Revision
from backend.curation.split import sides
from ml.formats import question_key

if TYPE_CHECKING:
    import uuid

    from backend.accounts.models import User
    from ml.formats import RecordFields

DEFAULT_SHARE: Final = 0.1
MAX_SHARE: Final = 0.5
MAX_NOTE: Final = 300
BATCH: Final = 1000
Split = DatasetVersionItem.Split
Reason = DatasetVersionItem.Reason


@transaction.atomic
def dataset_version_freeze(
    *, actor: "User", validation_share: float = DEFAULT_SHARE, note: str = ""
) -> DatasetVersion:
    """A new version of everything that is approved now.

    Args:
        actor: a trainer or administrator.
        validation_share: of the questions new since the last version, 0 to 0.5, is held out;
            see ``split.sides``.
        note: for people, up to 300 characters.

    Raises:
        NotAllowed: the person may not freeze.
        Invalid: a value out of range, or nothing is left to train on.
    """
    require(actor, Action.VERSIONS_FREEZE)
    note = _check(validation_share, note)
    transaction_lock("dataset_version_freeze")
    rows = _rows(validation_share)
    counts = {split.value: sum(row.split == split for row in rows) for split in Split}
    if not counts[Split.TRAIN]:
        raise Invalid(
            _("There is nothing to train on: approve some records that are not golden first."),
            code="nothing_to_train",
        )
    last = DatasetVersion.objects.aggregate(last=Max("number"))["last"] or 0
    version = DatasetVersion.objects.create(
        number=last + 1,
        note=note,
        sha256=canonical_sha256(rows),
        counts=counts,
        examples={
            split.value: sum(row.examples for row in rows if row.split == split)
            for split in (Split.TRAIN, Split.VALIDATION, Split.GOLDEN)
        },
        validation_share=validation_share,
        created_by=actor,
    )
    DatasetVersionItem.objects.bulk_create(
        [
            DatasetVersionItem(
                version=version,
                record_id=row.record_id,
                revision_id=row.revision_id,
                split=row.split,
                reason=row.reason,
            )
            for row in rows
        ],
        batch_size=BATCH,
    )
    audit_write(
        actor=actor,
        action="dataset_version.freeze",
        entity=version,
        number=version.number,
        sha256=version.sha256,
        counts=counts,
    )
    return version


def _check(share: float, note: str) -> str:
    if not math.isfinite(share) or not 0 <= share <= MAX_SHARE:
        problem = _("The validation share must lie between 0 and 0.5.")
        raise Invalid(problem, validation_share=[problem])
    note = note.strip()
    if len(note) > MAX_NOTE or "\0" in note:
        problem = _("The note is longer than %(limit)s characters.") % {"limit": MAX_NOTE}
        raise Invalid(problem, note=[problem])
    return note


def _rows(share: float) -> list[FrozenRow]:
    """Every approved record in its present form with its side, in the canonical order."""
    # One statement, so that no edit can come between a record and its revision.
    revisions = (
        Revision.objects.filter(record__status=Record.Status.APPROVED, number=F("record__revision"))
        .order_by("record__created_at", "record_id")
        .values_list("record_id", "pk", "content")
    )
    rows = [FrozenRow(record, pk, content_from(content)) for record, pk, content in revisions]
    keys = {row.record_id: _question_keys(row.content) for row in rows}
    golden = {key for row in rows if row.content.golden for key in keys[row.record_id]}
    trainable = {}
    for row in rows:
        if row.content.golden:
            row.split = Split.GOLDEN
        elif not golden.isdisjoint(keys[row.record_id]):
            row.split, row.reason = Split.DROPPED, Reason.SAME_AS_GOLDEN
        else:
            trainable[row.record_id] = keys[row.record_id]
    placed = sides(trainable, earlier=_earlier(), share=share)
    for row in rows:
        if row.record_id in placed:
            row.split = placed[row.record_id]
            if row.split is Split.DROPPED:
                row.reason = Reason.SAME_AS_TRAINING
    return rows


def _question_keys(content: "RecordFields") -> list[str]:
    """The wordings alone: the same words after other turns still give the answer away."""
    wordings = (content.instruction, *content.phrasings)
    return list(dict.fromkeys(question_key(wording, content.input) for wording in wordings))


def _earlier() -> "dict[uuid.UUID, str]":
    """Where each record stood: TRAIN where any version trained it, else VALIDATION."""
    stood = DatasetVersionItem.objects.order_by().values_list("record_id", "split").distinct()
    held_out = dict(stood.filter(split=Split.VALIDATION))
    return held_out | dict(stood.filter(split=Split.TRAIN))
