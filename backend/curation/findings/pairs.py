"""What two records have with each other: the same question twice, or nearly."""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.db import connection

from backend.curation.content import content_of, wordings
from backend.curation.models import Record
from ml.formats.questions import normalised_question
from ml.near import NEAR, similarity
from ml.quality import Severity

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterable, Sequence

    from ml.formats import RecordFields

# Of a crowd that shares one key, each is compared with so many: enough to see that it is a crowd.
SAME_COMPARED: Final = 20
NEAR_COMPARED: Final = 50
# Of all that share keys with a record, so many are compared: those that share most of them.
LIKELIEST: Final = 8

# The columns of ``content_of``, and what decides whether a record counts.
COMPARED_COLUMNS: Final = (
    "instruction",
    "input",
    "output",
    "system",
    "history",
    "phrasings",
    "tags",
    "language",
    "golden",
    "valid_from",
    "valid_until",
    "status",
    "revision",
    "wording_keys",
)


@dataclass(frozen=True, kw_only=True)
class Relation:
    """What is wrong between two records; it reads the same from both sides."""

    code: str
    severity: Severity
    field: str
    similarity: int = 100  # in percent

    @property
    def params(self) -> dict[str, object]:
        return {"similarity": self.similarity} if self.similarity < 100 else {}


@dataclass(frozen=True)
class Side:
    """A record as it is compared."""

    record: Record
    content: "RecordFields"
    wordings: "tuple[str, ...]"
    before: "tuple[str, ...]"  # the system prompt and the earlier questions

    @classmethod
    def of(cls, record: Record) -> "Side":
        content = content_of(record)
        before = (content.system, *(question for question, _answer in content.history))
        return cls(record, content, tuple(wordings(content)), before)

    def fingerprint(self) -> str:
        said = "\0".join((*self.before, *self.wordings, self.content.output))
        return hashlib.sha256(said.encode()).hexdigest()


def relation(one: Side, other: Side) -> Relation | None:
    """What is wrong between the two; None where nothing is.

    An archived record is out of use, and answers that hold at different times are no conflict.
    """
    if Record.Status.ARCHIVED in (one.record.status, other.record.status):
        return None
    if not set(one.record.wording_keys).isdisjoint(other.record.wording_keys):
        if one.content.golden != other.content.golden:
            return Relation(code="golden_clash", severity=Severity.ERROR, field="instruction")
        if _answer(one.content) == _answer(other.content):
            return Relation(code="duplicate", severity=Severity.WARNING, field="instruction")
        if _apart(one.content, other.content):
            return None
        return Relation(code="conflict", severity=Severity.ERROR, field="output")
    if one.before != other.before or _apart(one.content, other.content):
        return None
    near = similarity(one.wordings, other.wordings)
    if near < NEAR:
        return None
    percent = min(int(near * 100), 99)
    if one.content.golden != other.content.golden:
        return Relation(
            code="golden_near", severity=Severity.WARNING, field="instruction", similarity=percent
        )
    return Relation(
        code="near_duplicate", severity=Severity.INFO, field="instruction", similarity=percent
    )


def _answer(content: "RecordFields") -> str:
    return normalised_question(content.output)


def _apart(one: "RecordFields", other: "RecordFields") -> bool:
    """Whether no day belongs to the validity of both."""
    ends_first = one.valid_until and other.valid_from and one.valid_until < other.valid_from
    begins_last = other.valid_until and one.valid_from and other.valid_until < one.valid_from
    return bool(ends_first or begins_last)


def pair_fingerprint(one: Side, other: Side) -> str:
    """Of what the two said when they were compared; the same from both sides."""
    both = "".join(sorted((one.fingerprint(), other.fingerprint())))
    return hashlib.sha256(both.encode()).hexdigest()[:32]


_SHARING: Final = """
    SELECT one, other FROM (
        SELECT own.id AS one, found.id AS other,
            row_number() OVER (PARTITION BY own.id ORDER BY count(*) DESC, found.id) AS place
        FROM unnest(%s::uuid[], %s::{type}[]) AS own(id, key)
        CROSS JOIN LATERAL (
            SELECT record.id FROM curation_record AS record
            WHERE record.{column} @> ARRAY[own.key]
              AND record.id <> own.id AND record.status <> 'archived'
            LIMIT {limit}
        ) AS found
        GROUP BY own.id, found.id
    ) AS sharing
    WHERE place <= {likeliest}
"""
_SAME: Final = _SHARING.format(
    column="wording_keys", type="varchar", limit=SAME_COMPARED, likeliest=SAME_COMPARED
)
_ALIKE: Final = _SHARING.format(
    column="near_keys", type="bigint", limit=NEAR_COMPARED, likeliest=LIKELIEST
)


def candidates(records: "Sequence[Record]") -> "set[tuple[uuid.UUID, uuid.UUID]]":
    """Records in use that may have something with one of ``records``: (its id, the other's id)."""
    same = [(record.pk, key) for record in records for key in record.wording_keys]
    alike = [(record.pk, key) for record in records for key in record.near_keys]
    found: set[tuple[uuid.UUID, uuid.UUID]] = set()
    with connection.cursor() as cursor:
        # PostgreSQL, which knows nothing of how rare a key is, would read the table for each.
        cursor.execute("SET LOCAL enable_seqscan = off")
        for statement, keys in ((_SAME, same), (_ALIKE, alike)):
            if keys:
                ids, values = zip(*keys, strict=True)
                cursor.execute(statement, [list(ids), list(values)])
                found.update(cursor.fetchall())
        cursor.execute("SET LOCAL enable_seqscan TO DEFAULT")
    return found


def sides(ids: "Iterable[uuid.UUID]") -> "dict[uuid.UUID, Side]":
    """Those records as they stand, ready to be compared."""
    records = Record.objects.filter(pk__in=list(ids)).only(*COMPARED_COLUMNS)
    return {record.pk: Side.of(record) for record in records}
