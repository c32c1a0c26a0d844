"""Bringing an earlier form of a record back."""

from typing import TYPE_CHECKING

from backend.accounts.roles import Action, require
from backend.curation.content import columns, content_from
from backend.curation.selectors import revision_get
from backend.curation.services.records import record_update

if TYPE_CHECKING:
    from backend.accounts.models import User
    from backend.curation.models import Record


def record_restore(
    *, actor: "User", record: "Record", number: int, revision: int | None = None
) -> "Record":
    """Give a record the content of one of its revisions, as a new revision.

    It is an edit like any other: what was decided has to be decided again.

    Args:
        actor: the author of the new revision.
        record: as it was read.
        number: of the revision whose content comes back.
        revision: the revision that the person saw; the record's own where it is not given.

    Raises:
        NotAllowed: the person may not write records.
        NotFound: the record never had such a revision.
        Conflict: somebody else has changed or decided on it meanwhile.
    """
    require(actor, Action.RECORDS_WRITE)
    earlier = revision_get(user=actor, record_id=record.pk, number=number)
    content = columns(content_from(earlier.content))
    return record_update(actor=actor, record=record, content=content, revision=revision)
