"""Files into records: each row is new, a duplicate, a conflict or invalid; new ones are kept.

Rows come one at a time and are judged a thousand at a time, so that a file may be of any length.
"""

from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from backend.accounts.roles import Action, require
from backend.common.audit import audit_write
from backend.common.errors import Invalid
from backend.curation.content import sentence
from backend.curation.locks import transaction_lock
from backend.curation.models import Record
from backend.curation.services.import_rows import Earlier, ImportRow, Outcome, judge
from backend.curation.services.records import records_insert
from ml.formats import FormatError, parse, read_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from backend.accounts.models import User
    from backend.common.jobs import Progress
    from ml.formats import ParsedRow, ReadingOptions, RecordFields

MAX_ROWS: Final = 500_000
CHUNK: Final = 1000
SAMPLES: Final = 5


@dataclass
class ImportResult:
    """Rows by outcome, and the rows that were kept to be looked at, in the file's order.

    Attributes:
        counts: by outcome, each present.
        rows: as many as were wanted.
        samples: the content of the first new ones.
        first_at: when the first and the last record of this import were made: nothing else was
            imported in between.
        last_at: see there.
    """

    counts: dict[str, int]
    rows: list[ImportRow] = field(default_factory=list)
    samples: "list[RecordFields]" = field(default_factory=list)
    first_at: str = ""
    last_at: str = ""


@dataclass(frozen=True)
class Wanted:
    """Which rows a result keeps, so that it stays small for a file of any length."""

    rows: int = MAX_ROWS
    new_rows: int = MAX_ROWS


EVERY: Final = Wanted()


def records_import(
    *,
    actor: "User",
    data: bytes,
    filename: str = "",
    format: str | None = None,  # the wire's name
    dry_run: bool = False,
) -> ImportResult:
    """``rows_import`` of a file that is in memory.

    Raises:
        NotAllowed: the person may not write records.
        Invalid: the file as a whole cannot be read, or is too large.
    """
    require(actor, Action.RECORDS_WRITE)
    if len(data) > settings.MAX_UPLOAD_BYTES:
        raise too_large()
    try:
        rows = parse(data, filename=filename, format=format or None)
    except FormatError as error:
        raise invalid_file(sentence(error)) from error
    return rows_import(actor=actor, rows=rows, filename=filename, dry_run=dry_run)


def file_import(
    *,
    actor: "User",
    path: "Path",
    filename: str,
    options: "ReadingOptions",
    placeholders: "Mapping[str, str] | None" = None,
    dry_run: bool = False,
    wanted: Wanted = EVERY,
    progress: "Progress | None" = None,
    total: int | None = None,
) -> ImportResult:
    """``rows_import`` of a file on disk, of which only the rows at hand are in memory.

    Args:
        actor: becomes the author.
        path: the file.
        filename: what it is called.
        options: how to read it.
        placeholders: what to write for ``{{name}}``.
        dry_run: only say what would happen.
        wanted: which rows the result keeps.
        progress: is told how far it is, and raises where it shall stop.
        total: how many rows there are, where that is known.

    Raises:
        NotAllowed: the person may not write records.
        Invalid: the file as a whole cannot be read.
    """
    rows = read_rows(path, filename=filename, options=options, placeholders=placeholders or {})
    return rows_import(
        actor=actor,
        rows=rows,
        filename=filename,
        dry_run=dry_run,
        wanted=wanted,
        progress=progress,
        total=total,
    )


def rows_import(
    *,
    actor: "User",
    rows: "Iterable[ParsedRow]",
    filename: str = "",
    dry_run: bool = False,
    wanted: Wanted = EVERY,
    progress: "Progress | None" = None,
    total: int | None = None,
) -> ImportResult:
    """Store the new rows as drafts; a second time there are none.

    A row that cannot be read, or that answers differently what a record answers, is reported and
    left out. Whatever fails or stops it while storing leaves nothing stored.

    Args:
        actor: becomes the author.
        rows: one at a time; what they raise is a sentence about the file.
        filename: kept as the records' origin, with each one's row.
        dry_run: only say what would happen.
        wanted: which rows the result keeps.
        progress: is told how far it is, and raises where it shall stop.
        total: how many rows there are, where that is known.

    Raises:
        NotAllowed: the person may not write records.
        Invalid: the file as a whole cannot be read, or holds too many rows.
    """
    require(actor, Action.RECORDS_WRITE)
    origin = filename.replace("\0", "")[:240]
    counted: Counter[str] = Counter()
    kept: Counter[bool] = Counter()
    result = ImportResult({})
    first: Record | None = None
    earlier = Earlier()
    with transaction.atomic():
        if not dry_run:
            # Two imports of one file at once would each find its rows new.
            transaction_lock("records_import")
        for chunk in _chunks(rows):
            judged, new = judge(chunk, earlier)
            counted.update(row.outcome.value for row in judged)
            _keep(result, judged, wanted, kept)
            result.samples += [fields for _row, fields in new[: SAMPLES - len(result.samples)]]
            if new and not dry_run:
                records = records_insert(
                    contents=[fields for _row, fields in new],
                    author=actor,
                    source=Record.Source.IMPORTED,
                    source_details=[where_from(origin, row) for row, _fields in new],
                )
                first = first or records[0]
                result.last_at = records[-1].created_at.isoformat()
            if counted.total() > MAX_ROWS:
                raise invalid_file(
                    _("The file holds more than %(limit)s records. Split it and import the parts.")
                    % {"limit": MAX_ROWS}
                )
            if progress is not None:
                progress(counted.total(), total)
        result.counts = {kind.value: counted[kind.value] for kind in Outcome}
        if first is not None:
            result.first_at = first.created_at.isoformat()
            audit_write(
                actor=actor,
                action="records.import",
                entity=first,
                file=origin,
                counts=result.counts,
            )
    return result


def where_from(origin: str, row: "ParsedRow") -> str:
    """What a record keeps of where it comes from: “file.csv, row 17”."""
    file = f"{origin}: {row.file}" if row.file else origin
    place = f"row {row.number}"
    return f"{file[:270]}, {place}" if file else place


def _keep(
    result: ImportResult, judged: "Sequence[ImportRow]", wanted: Wanted, kept: "Counter[bool]"
) -> None:
    for row in judged:
        new = row.outcome is Outcome.NEW
        if kept[new] < (wanted.new_rows if new else wanted.rows):
            kept[new] += 1
            result.rows.append(row)


def _chunks(rows: "Iterable[ParsedRow]") -> "Iterator[list[ParsedRow]]":
    rest = iter(rows)
    while True:
        try:
            chunk = list(islice(rest, CHUNK))
        except FormatError as error:
            raise invalid_file(sentence(error)) from error
        if not chunk:
            return
        yield chunk


def too_large() -> Invalid:
    return invalid_file(
        _("The file is too large: the limit is %(limit)s MB.")
        % {"limit": settings.MAX_UPLOAD_BYTES // 2**20}
    )


def invalid_file(problem: str) -> Invalid:
    return Invalid(problem, code="invalid_file", file=[problem])
