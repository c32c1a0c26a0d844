"""Files into records: each row is new, a duplicate, a conflict or invalid; new ones are kept.

Rows come one at a time and are judged a thousand at a time, so that a file may be of any length.
"""

from array import array
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.db import connection, transaction
from django.db.models import TextChoices
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backend.accounts.roles import Action, require
from backend.common.audit import audit_write
from backend.common.errors import Invalid
from backend.curation.content import SENTENCES, sentence, unix_lines, wording_keys
from backend.curation.locks import transaction_lock
from backend.curation.models import Record
from backend.curation.services.records import records_insert
from ml.formats import FormatError, RecordFields, parse, read_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from django.utils.functional import _StrPromise

    from backend.accounts.models import User
    from backend.common.jobs import Progress
    from ml.formats import ParsedRow, ReadingOptions

MAX_ROWS: Final = 500_000
CHUNK: Final = 1000
EXCERPT: Final = 120
SAMPLES: Final = 5
# One look into the index for each key. For “overlap” with many keys PostgreSQL, which knows
# nothing of how rare each is, reads the whole table instead: twenty times slower.
SAME_QUESTION: Final = """
    SELECT key, record.output, record.golden, record.status
    FROM unnest(%s::varchar[]) AS key
    JOIN curation_record AS record ON record.wording_keys @> ARRAY[key]::varchar[]
"""


class Outcome(TextChoices):
    NEW = "new", gettext_lazy("new")
    DUPLICATE = "duplicate", gettext_lazy("duplicate")
    CONFLICT = "conflict", gettext_lazy("conflict")
    INVALID = "invalid", gettext_lazy("invalid")


# Why a row is not new, beside the sentences of ml.formats.
REASONS: "Final[Mapping[str, _StrPromise]]" = {
    "row_says_the_same": gettext_lazy("Row %(row)s says the same."),
    "archived_says_the_same": gettext_lazy("An archived record says the same."),
    "record_says_the_same": gettext_lazy("A record says the same."),
    "row_answers_differently": gettext_lazy("Row %(row)s answers the same question differently."),
    "record_answers_differently": gettext_lazy("A record answers the same question differently."),
    "golden_on_one_side": gettext_lazy(
        "The same question is golden on one side: it cannot be trained and tested."
    ),
}


@dataclass(frozen=True)
class ImportRow:
    """What became of one row; ``row`` counts as ``ml.formats.ParsedRow.number`` does."""

    row: int
    outcome: Outcome
    code: str = ""
    params: dict[str, Any] = field(default_factory=dict)  # Any: fill the code's sentence
    question: str = ""
    file: str = ""

    @property
    def reason(self) -> str:
        """Why it is not new, in the language of the moment."""
        return reason(self.code, self.params)


def reason(code: str, params: "Mapping[str, Any]") -> str:
    """The sentence of a code, in the language of the moment; of none, none."""
    if not code:
        return ""
    return str((REASONS.get(code) or SENTENCES[code]) % params)


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
    samples: list[RecordFields] = field(default_factory=list)
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
            judged, new = _judge(chunk, earlier)
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


def _judge(
    chunk: "Sequence[ParsedRow]", earlier: "Earlier"
) -> "tuple[list[ImportRow], list[tuple[ParsedRow, RecordFields]]]":
    """What becomes of each row, and the contents of the new ones."""
    contents = [None if row.fields is None else unix_lines(row.fields) for row in chunk]
    keys = [[] if content is None else wording_keys(content) for content in contents]
    stored = _stored({key for row_keys in keys for key in row_keys})
    judged, new = [], []
    for row, content, row_keys in zip(chunk, contents, keys, strict=True):
        if content is None:
            problem = row.problem or FormatError("not_an_object")
            judged.append(
                ImportRow(
                    row.number,
                    Outcome.INVALID,
                    problem.code,
                    dict(problem.params),
                    file=row.file,
                )
            )
            continue
        outcome, code, params = _outcome(content, row_keys, stored, earlier)
        question = content.instruction[:EXCERPT]
        judged.append(ImportRow(row.number, outcome, code, params, question, row.file))
        if outcome is Outcome.NEW:
            new.append((row, content))
            earlier.add(row_keys, row.number, content)
    return judged, new


@dataclass(frozen=True)
class Known:
    """A record that some wording leads to."""

    answer: int
    golden: bool
    archived: bool


def _stored(keys: "set[str]") -> dict[str, list[Known]]:
    """The records that share one of ``keys``."""
    found: dict[str, list[Known]] = defaultdict(list)
    with connection.cursor() as cursor:
        for start in range(0, len(keys), CHUNK):
            cursor.execute(SAME_QUESTION, [sorted(keys)[start : start + CHUNK]])
            for key, answer, golden, status in cursor:
                known = Known(digest(answer), golden, status == Record.Status.ARCHIVED)
                if known not in found[key]:
                    found[key].append(known)
    return found


def digest(answer: str) -> int:
    return int.from_bytes(blake2b(answer.strip().encode(), digest_size=8).digest(), "big")


@dataclass
class Earlier:
    """The new rows before this one, as numbers only.

    All that share a wording have one answer, or they would not be new, so that the first stands
    for all of them.
    """

    by_key: dict[int, int] = field(default_factory=dict)  # key -> place in the arrays
    rows: "array[int]" = field(default_factory=lambda: array("Q"))
    answers: "array[int]" = field(default_factory=lambda: array("Q"))
    golden: bytearray = field(default_factory=bytearray)

    def add(self, keys: "Iterable[str]", row: int, content: RecordFields) -> None:
        for key in keys:
            self.by_key.setdefault(int(key[:16], 16), len(self.rows))
        self.rows.append(row)
        self.answers.append(digest(content.output))
        self.golden.append(content.golden)

    def get(self, key: str) -> "tuple[int, Known] | None":
        """The first row that asks this, and what it says."""
        place = self.by_key.get(int(key[:16], 16))
        if place is None:
            return None
        return self.rows[place], Known(self.answers[place], bool(self.golden[place]), False)


def _outcome(
    content: RecordFields,
    keys: "Sequence[str]",
    stored: "Mapping[str, Sequence[Known]]",
    earlier: Earlier,
) -> tuple[Outcome, str, dict[str, Any]]:
    """The outcome of a row, with why; ``keys`` begins with its own question."""
    answer = digest(content.output)

    def of(key: str) -> "Iterator[tuple[int | None, Known]]":
        before = earlier.get(key)
        if before is not None:
            yield before
        for known in stored.get(key, ()):
            yield None, known

    for row, known in of(keys[0]):
        if known.answer == answer and known.golden == content.golden:
            if row is not None:
                return Outcome.DUPLICATE, "row_says_the_same", {"row": row}
            code = "archived_says_the_same" if known.archived else "record_says_the_same"
            return Outcome.DUPLICATE, code, {}
    for row, known in (found for key in keys for found in of(key)):
        if known.archived:
            continue
        if known.golden != content.golden:
            return Outcome.CONFLICT, "golden_on_one_side", {}
        if known.answer != answer:
            if row is not None:
                return Outcome.CONFLICT, "row_answers_differently", {"row": row}
            return Outcome.CONFLICT, "record_answers_differently", {}
    return Outcome.NEW, "", {}
