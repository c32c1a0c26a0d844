"""Records into files, a page of them at a time."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db import connections
from django.http import StreamingHttpResponse
from django.utils.translation import gettext as _

from backend.accounts.roles import Action, require
from backend.common.errors import Invalid
from backend.curation.content import content_of
from backend.curation.models import Record
from ml.formats import dump_stream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from django.db.models import QuerySet
    from django.http import HttpRequest

    from backend.accounts.models import User
    from ml.formats import RecordFields

PAGE: Final = 1000
# format -> (ending of the file's name, media type)
FORMATS: Final = {
    "alpaca": ("json", "application/json"),
    "jsonl": ("jsonl", "application/x-ndjson"),
    "sharegpt": ("json", "application/json"),
    "openai": ("jsonl", "application/x-ndjson"),
    "csv": ("csv", "text/csv; charset=utf-8"),
    "xlsx": ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    "llamafactory": ("zip", "application/zip"),
}


@dataclass(frozen=True)
class Export:
    """A file that is still to be written: its chunks, its name and its media type."""

    chunks: "Iterator[bytes]"
    name: str
    media_type: str

    def response(self, request: "HttpRequest") -> StreamingHttpResponse:
        """The download, which is never in memory as a whole."""
        # Django would gather an iterator of the other kind before it sends anything.
        chunks = self._in_threads() if isinstance(request, ASGIRequest) else self.chunks
        return StreamingHttpResponse(
            chunks,
            content_type=self.media_type,
            headers={"Content-Disposition": f'attachment; filename="{self.name}"'},
        )

    async def _in_threads(self) -> "AsyncIterator[bytes]":
        def following() -> bytes | None:
            try:
                return next(self.chunks, None)
            finally:
                # No connection is held while a slow reader takes its time.
                connections.close_all()

        step = sync_to_async(following, thread_sensitive=False)
        while (chunk := await step()) is not None:
            yield chunk


def records_export(
    *,
    actor: "User",
    records: "QuerySet[Record]",
    format: str,  # the wire's name
) -> Export:
    """The records as a file that imports again unchanged.

    Args:
        actor: who takes them out.
        records: some of ``selectors.record_list``; oldest first in the file.
        format: one of ``FORMATS``.

    Raises:
        NotAllowed: the person may not export records.
        Invalid: another format.
    """
    require(actor, Action.RECORDS_WRITE)
    if format not in FORMATS:
        problem = _("Choose a format: %(formats)s.") % {"formats": ", ".join(FORMATS)}
        raise Invalid(problem, code="unknown_format", format=[problem])
    ending, media_type = FORMATS[format]
    # The ids first, 16 bytes each: which records are in the file is decided at one moment, and
    # between two pages no cursor has to stay open.
    ids = records.order_by("created_at", "pk").values_list("pk", flat=True)
    packed = b"".join(pk.bytes for pk in ids.iterator(chunk_size=10_000))
    chunks = dump_stream(_contents(packed), format=format)
    return Export(chunks, f"loredesk-records.{ending}", media_type)


def _contents(packed: bytes) -> "Iterator[RecordFields]":
    size = 16 * PAGE
    for start in range(0, len(packed), size):
        page = packed[start : start + size]
        ids = [UUID(bytes=page[at : at + 16]) for at in range(0, len(page), 16)]
        found = Record.objects.defer("search", "near_keys", "wording_keys").in_bulk(ids)
        yield from (content_of(found[pk]) for pk in ids if pk in found)
