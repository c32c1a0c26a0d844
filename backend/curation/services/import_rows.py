"""What becomes of a file's rows: each is new, a duplicate, a conflict or invalid, and why."""

from array import array
from collections import defaultdict
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from django.db import connection
from django.db.models import TextChoices
from django.utils.translation import gettext_lazy

from backend.curation.content import SENTENCES, unix_lines, wording_keys
from backend.curation.models import Record
from ml.formats import FormatError, RecordFields

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from django.utils.functional import _StrPromise

    from ml.formats import ParsedRow

EXCERPT: Final = 120
LOOKED_UP: Final = 1000  # keys in one statement
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


def judge(
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
        for start in range(0, len(keys), LOOKED_UP):
            cursor.execute(SAME_QUESTION, [sorted(keys)[start : start + LOOKED_UP]])
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
