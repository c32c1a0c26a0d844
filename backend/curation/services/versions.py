"""Freezing the approved records into a version that never changes."""

import math
from typing import TYPE_CHECKING, Final

from django.db import connection, transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from backend.accounts.roles import Action, require
from backend.common.audit import audit_write
from backend.common.copying import copy_insert
from backend.common.errors import Invalid
from backend.curation.findings.selectors import findings_of_approved
from backend.curation.freeze_plan import freeze_plan
from backend.curation.frozen import canonical_sha256, with_content
from backend.curation.locks import transaction_lock
from backend.curation.models import DatasetVersion, DatasetVersionItem

if TYPE_CHECKING:
    from backend.accounts.models import User

DEFAULT_SHARE: Final = 0.1
MAX_SHARE: Final = 0.5
MAX_NOTE: Final = 300
# Held by a freeze, and by what erases words that it reads.
FREEZE_LOCK: Final = "dataset_version_freeze"
Split = DatasetVersionItem.Split


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
    note = check_note(note)
    check_share(validation_share)
    transaction_lock(FREEZE_LOCK)
    began_at = timezone.now()  # what is changed from here on may not be in it
    plan = freeze_plan(validation_share)
    counts = plan.counts
    if not counts[Split.TRAIN]:
        raise Invalid(
            _("There is nothing to train on: approve some records that are not golden first."),
            code="nothing_to_train",
        )
    last = DatasetVersion.objects.aggregate(last=Max("number"))["last"] or 0
    version = DatasetVersion.objects.create(
        number=last + 1,
        note=note,
        sha256=canonical_sha256(with_content(plan.placed())),
        counts=counts,
        examples=plan.examples,
        findings=findings_of_approved(),
        validation_share=validation_share,
        created_by=actor,
        created_at=began_at,
    )
    copy_insert(
        DatasetVersionItem,
        (
            DatasetVersionItem(
                version_id=version.pk,
                record_id=candidate.record_id,
                revision_id=candidate.revision_id,
                split=candidate.split.value,
                reason=candidate.reason,
            )
            for candidate in plan.candidates
        ),
    )
    with connection.cursor() as cursor:
        # The list of records asks this table from now on, and PostgreSQL looks at it by itself
        # a minute later.
        cursor.execute("ANALYZE curation_datasetversionitem")
    audit_write(
        actor=actor,
        action="dataset_version.freeze",
        entity=version,
        number=version.number,
        sha256=version.sha256,
        counts=counts,
    )
    return version


def check_share(share: float) -> None:
    """Raise ``Invalid`` unless the share can be held out."""
    if not math.isfinite(share) or not 0 <= share <= MAX_SHARE:
        problem = _("The validation share must lie between 0 and 0.5.")
        raise Invalid(problem, validation_share=[problem])


def check_note(note: str) -> str:
    """The note as it is stored; raises ``Invalid`` where it cannot be."""
    note = note.strip()
    if len(note) > MAX_NOTE or "\0" in note:
        problem = _("The note is longer than %(limit)s characters.") % {"limit": MAX_NOTE}
        raise Invalid(problem, note=[problem])
    return note
