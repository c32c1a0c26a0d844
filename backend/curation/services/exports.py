"""Records into files."""

from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext as _

from backend.accounts.roles import Action, require
from backend.common.errors import Invalid
from backend.curation.content import content_of
from ml.formats import dump

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from backend.accounts.models import User
    from backend.curation.models import Record

# format -> (ending of the file's name, media type)
FORMATS: Final = {
    "alpaca": ("json", "application/json"),
    "jsonl": ("jsonl", "application/x-ndjson"),
    "sharegpt": ("json", "application/json"),
    "openai": ("jsonl", "application/x-ndjson"),
    "csv": ("csv", "text/csv; charset=utf-8"),
    "xlsx": ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
}


def records_export(
    *,
    actor: "User",
    records: "QuerySet[Record]",
    format: str,  # the wire's name
) -> tuple[bytes, str, str]:
    """The records as a file that imports again unchanged.

    Args:
        actor: who takes them out.
        records: some of ``selectors.record_list``; oldest first in the file.
        format: one of ``FORMATS``.

    Returns:
        The file, its name and its media type.

    Raises:
        NotAllowed: the person may not export records.
        Invalid: another format.
    """
    require(actor, Action.RECORDS_WRITE)
    if format not in FORMATS:
        problem = _("Choose a format: %(formats)s.") % {"formats": ", ".join(FORMATS)}
        raise Invalid(problem, code="unknown_format", format=[problem])
    ending, media_type = FORMATS[format]
    in_order = records.order_by("created_at", "pk").iterator(chunk_size=2000)
    data = dump((content_of(record) for record in in_order), format=format)
    return data, f"loredesk-records.{ending}", media_type
