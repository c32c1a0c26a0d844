"""Files into records: each row is new, a duplicate, a conflict or invalid; new ones are kept."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.db import connection, transaction
from django.db.models import TextChoices
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backend.accounts.roles import Action, require
from backend.common.audit import audit_write
from backend.common.errors import Invalid
from backend.curation.content import sentence, unix_lines, wording_keys
from backend.curation.locks import transaction_lock
from backend.curation.models import Record
from backend.curation.services.records import records_insert
from ml.formats import FormatError, RecordFields, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from backend.accounts.models import User
    from ml.formats import ParsedRow

MAX_ROWS: Final = 200_000
EXCERPT: Final = 120
KEYS_PER_QUERY: Final = 1000
# One look into the index for each key. For “overlap” with many keys PostgreSQL, which knows
# nothing of how rare each is, reads the whole table instead: twenty times slower.
SAME_QUESTION: Final = """
    SELECT record.id, record.output, record.golden, record.status, record.wording_keys
    FROM unnest(%s::varchar[]) AS key
    JOIN curation_record AS record ON record.wording_keys @> ARRAY[key]::varchar[]
"""


class Outcome(TextChoices):
    NEW = "new", gettext_lazy("new")
    DUPLICATE = "duplicate", gettext_lazy("duplicate")
    CONFLICT = "conflict", gettext_lazy("conflict")
    INVALID = "invalid", gettext_lazy("invalid")


@dataclass(frozen=True)
class ImportRow:
    """What became of one row; ``row`` counts as ``ml.formats.ParsedRow.number`` does."""

    row: int
    outcome: Outcome
    reason: str = ""
    question: str = ""


@dataclass(frozen=True)
class ImportResult:
    """Rows by outcome, and each row in the file's order."""

    counts: dict[str, int]
    rows: list[ImportRow]


def records_import(
    *,
    actor: "User",
    data: bytes,
    filename: str = "",
    format: str | None = None,  # the wire's name
    dry_run: bool = False,
) -> ImportResult:
    """Store the new rows of a file as drafts; a second time there are none.

    A row that cannot be read, or that answers differently what a record answers, is reported and
    left out. Whatever fails while storing leaves nothing stored.

    Args:
        actor: becomes the author.
        data: the file.
        filename: decides the format where ``format`` does not; kept as the records' origin.
        format: one of ``ml.formats.ENDINGS``.
        dry_run: only say what would happen.

    Raises:
        NotAllowed: the person may not write records.
        Invalid: the file as a whole cannot be read, or is too large.
    """
    require(actor, Action.RECORDS_WRITE)
    parsed = _parse(data, filename, format)
    origin = filename.replace("\0", "")[:300]
    with transaction.atomic():
        if not dry_run:
            # Two imports of one file at once would each find its rows new.
            transaction_lock("records_import")
        rows, new = _judge(parsed)
        counted = Counter(row.outcome.value for row in rows)
        result = ImportResult({kind.value: counted[kind.value] for kind in Outcome}, rows)
        if new and not dry_run:
            records = records_insert(
                contents=new, author=actor, source=Record.Source.IMPORTED, source_detail=origin
            )
            audit_write(
                actor=actor,
                action="records.import",
                entity=records[0],
                file=origin,
                counts=result.counts,
            )
    return result


def _parse(data: bytes, filename: str, format: str | None) -> "list[ParsedRow]":
    if len(data) > settings.MAX_UPLOAD_BYTES:
        raise _invalid_file(
            _("The file is too large: the limit is %(limit)s MB.")
            % {"limit": settings.MAX_UPLOAD_BYTES // 2**20}
        )
    try:
        parsed = parse(data, filename=filename, format=format or None)
    except FormatError as error:
        raise _invalid_file(sentence(error)) from error
    if len(parsed) > MAX_ROWS:
        raise _invalid_file(
            _("The file holds more than %(limit)s records. Split it and import the parts.")
            % {"limit": MAX_ROWS}
        )
    return parsed


def _invalid_file(problem: str) -> Invalid:
    return Invalid(problem, code="invalid_file", file=[problem])


def _judge(parsed: "Sequence[ParsedRow]") -> tuple[list[ImportRow], list[RecordFields]]:
    """What becomes of each row, and the contents of the new ones."""
    contents = {row.number: unix_lines(row.fields) for row in parsed if row.fields is not None}
    keys = {number: wording_keys(content) for number, content in contents.items()}
    neighbours = Neighbours()
    neighbours.add_stored([key for row_keys in keys.values() for key in row_keys])
    rows, new = [], []
    for row in parsed:
        if row.problem is not None:
            rows.append(ImportRow(row.number, Outcome.INVALID, sentence(row.problem)))
            continue
        content = contents[row.number]
        outcome, reason = neighbours.judge(content, keys[row.number])
        rows.append(ImportRow(row.number, outcome, reason, content.instruction[:EXCERPT]))
        if outcome is Outcome.NEW:
            new.append(content)
            known = Known(content.output.strip(), content.golden, row=row.number)
            neighbours.add(keys[row.number], known)
    return rows, new


@dataclass(frozen=True)
class Known:
    """A record, or an earlier row of the file (``row``), that some wording leads to."""

    answer: str
    golden: bool
    archived: bool = False
    row: int | None = None


@dataclass
class Neighbours:
    """Everything that asks what the file's rows ask, by wording."""

    by_key: dict[str, list[Known]] = field(default_factory=lambda: defaultdict(list))

    def add(self, keys: "Iterable[str]", known: Known) -> None:
        for key in keys:
            self.by_key[key].append(known)

    def add_stored(self, keys: "Sequence[str]") -> None:
        """The records that share one of ``keys``."""
        seen = set()
        for start in range(0, len(keys), KEYS_PER_QUERY):
            with connection.cursor() as cursor:
                cursor.execute(SAME_QUESTION, [list(keys[start : start + KEYS_PER_QUERY])])
                found = cursor.fetchall()
            for pk, answer, golden, status, record_keys in found:
                if pk not in seen:
                    seen.add(pk)
                    archived = status == Record.Status.ARCHIVED
                    self.add(record_keys, Known(answer.strip(), golden, archived))

    def judge(self, content: RecordFields, keys: "Sequence[str]") -> tuple[Outcome, str]:
        """The outcome of a row, with the reason; ``keys`` begins with its own question."""
        answer = content.output.strip()
        for known in self.by_key.get(keys[0], ()):
            if known.answer == answer and known.golden == content.golden:
                return Outcome.DUPLICATE, _duplicate(known)
        for known in (known for key in keys for known in self.by_key.get(key, ())):
            if known.archived:
                continue
            if known.golden != content.golden:
                return Outcome.CONFLICT, _(
                    "The same question is golden on one side: it cannot be trained and tested."
                )
            if known.answer != answer:
                return Outcome.CONFLICT, _conflict(known)
        return Outcome.NEW, ""


def _duplicate(known: Known) -> str:
    if known.row is not None:
        return _("Row %(row)s says the same.") % {"row": known.row}
    if known.archived:
        return _("An archived record says the same.")
    return _("A record says the same.")


def _conflict(known: Known) -> str:
    if known.row is not None:
        return _("Row %(row)s answers the same question differently.") % {"row": known.row}
    return _("A record answers the same question differently.")
