"""What a version frozen now would hold: read by the freeze and by its preview alike."""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from django.db import connection, transaction
from django.utils import timezone

from backend.curation.frozen import IN_ORDER, Placed, canonical_order
from backend.curation.models import DatasetVersionItem
from backend.curation.split import assign
from ml.formats import question_key

if TYPE_CHECKING:
    import datetime
    import uuid
    from collections.abc import Iterator, Mapping

Split = DatasetVersionItem.Split
Reason = DatasetVersionItem.Reason
READ_AT_ONCE: Final = 2000

# One statement, so that no edit can come between a record, its keys and its revision. Of the keys
# of near questions only those that two records share leave the database, and the words only of
# records that have one, or that stand after a system prompt or earlier turns: what
# ``Record.wording_keys`` holds is then another question, and here the same words still give the
# answer away.
APPROVED: Final = """
    WITH approved AS MATERIALIZED (
        SELECT id, near_keys FROM curation_record
        WHERE status = 'approved' AND forgotten_at IS NULL
    ),
    key AS (SELECT id, unnest(near_keys) AS value FROM approved),
    shared AS (SELECT value FROM key GROUP BY value HAVING count(*) > 1),
    near AS (
        SELECT key.id, array_agg(key.value ORDER BY key.value) AS keys
        FROM key JOIN shared USING (value) GROUP BY key.id
    )
    SELECT record.id, revision.id, record.revision, record.golden, record.valid_from,
        record.valid_until, jsonb_array_length(record.phrasings), record.wording_keys, near.keys,
        others.exist,
        CASE WHEN others.exist OR near.keys IS NOT NULL THEN record.instruction END,
        CASE WHEN others.exist OR near.keys IS NOT NULL THEN record.input END,
        CASE WHEN others.exist OR near.keys IS NOT NULL THEN record.phrasings END
    FROM approved
    JOIN curation_record AS record ON record.id = approved.id
    JOIN curation_revision AS revision
        ON revision.record_id = record.id AND revision.number = record.revision
    LEFT JOIN near ON near.id = record.id
    CROSS JOIN LATERAL (
        SELECT record.system <> '' OR jsonb_array_length(record.history) > 0 AS exist
    ) AS others
    ORDER BY record.created_at, record.id
"""
STOOD: Final = """
    SELECT record_id, bool_or(split = 'train') FROM curation_datasetversionitem
    WHERE split IN ('train', 'validation') GROUP BY record_id
"""


@dataclass(slots=True)
class Candidate:
    """An approved record in its present form, without its words, and where it would stand."""

    record_id: "uuid.UUID"
    revision_id: "uuid.UUID"
    revision: int
    golden: bool
    valid_from: "datetime.date | None"
    valid_until: "datetime.date | None"
    examples: int  # one for each wording
    split: Split = Split.TRAIN
    reason: str = ""

    def invalid_on(self, day: "datetime.date") -> Reason | None:
        """Why it is left out on ``day``; both days of its validity belong to it."""
        if self.valid_until is not None and day > self.valid_until:
            return Reason.EXPIRED
        if self.valid_from is not None and day < self.valid_from:
            return Reason.NOT_YET_VALID
        return None


@dataclass
class FreezePlan:
    """Everything that is approved now, with its place, oldest first."""

    day: "datetime.date"
    candidates: list[Candidate] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        """Records by split."""
        counted = Counter(candidate.split for candidate in self.candidates)
        return {split.value: counted[split] for split in Split}

    @property
    def examples(self) -> dict[str, int]:
        """Examples by split, one for each wording of a record's question."""
        counted: Counter[Split] = Counter()
        for candidate in self.candidates:
            counted[candidate.split] += candidate.examples
        return {split.value: counted[split] for split in IN_ORDER}

    def placed(self) -> list[Placed]:
        """What the version would hold, in the canonical order."""
        rows = [
            Placed(candidate.record_id, candidate.revision_id, candidate.split)
            for candidate in self.candidates
            if candidate.split is not Split.DROPPED
        ]
        return sorted(rows, key=canonical_order)


def freeze_plan(share: float, *, day: "datetime.date | None" = None) -> FreezePlan:
    """Where each approved record would stand in a version frozen now.

    Args:
        share: of the questions new since the last version is held out; see ``split.sides``.
        day: on which records have to be valid; today in ``settings.TIME_ZONE`` if not given.
    """
    plan = FreezePlan(day or timezone.localdate())
    keys: dict[uuid.UUID, list[str]] = {}
    near: dict[uuid.UUID, list[int]] = {}
    wordings: dict[uuid.UUID, list[str]] = {}
    for candidate, own_keys, near_keys, texts in _approved():
        plan.candidates.append(candidate)
        keys[candidate.record_id] = own_keys
        if near_keys:
            near[candidate.record_id] = near_keys
            wordings[candidate.record_id] = texts
    golden = {candidate.record_id for candidate in plan.candidates if candidate.golden}
    invalid = {
        candidate.record_id: reason
        for candidate in plan.candidates
        if (reason := candidate.invalid_on(plan.day)) is not None
    }
    places = assign(
        keys,
        links=_links(near, wordings, golden),
        golden=golden,
        invalid=invalid,
        earlier=_earlier(),
        share=share,
    )
    for candidate in plan.candidates:
        candidate.split, candidate.reason = places[candidate.record_id]
    return plan


def _approved() -> "Iterator[tuple[Candidate, list[str], list[int] | None, list[str]]]":
    """Each with the keys of its question, of near questions, and its wordings where needed."""
    # A cursor of the server holds the rows, not this process; it lives in a transaction.
    with transaction.atomic(), connection.chunked_cursor() as cursor, connection.cursor() as plain:
        # Right after many were approved, PostgreSQL still thinks of few, and would go through all
        # near keys once for each record.
        plain.execute("SET LOCAL enable_nestloop = off")
        cursor.execute(APPROVED)
        while rows := cursor.fetchmany(READ_AT_ONCE):
            for (
                *facts, phrasings, own_keys, near_keys, has_before, instruction, context, others
            ) in rows:  # fmt: skip
                questions: list[str] = []
                if instruction is not None:
                    questions = [instruction, *json.loads(others)]
                if has_before:
                    own_keys = [question_key(question, context) for question in questions]
                after = f"\n{context}" if context else ""
                texts = [question + after for question in questions]
                facts.append(1 + phrasings)
                yield Candidate(*facts), own_keys, near_keys, texts
        plain.execute("SET LOCAL enable_nestloop TO DEFAULT")


def _links(
    near: "Mapping[uuid.UUID, list[int]]",
    wordings: "Mapping[uuid.UUID, list[str]]",
    golden: "set[uuid.UUID]",
) -> "list[tuple[uuid.UUID, uuid.UUID]]":
    # Here, for every process loads this module, and numpy is of use only to those that freeze.
    from ml.near_pairs import near_pairs

    # Golden ones first: of a crowd each is compared with the first, and none may be missed there.
    in_order = sorted(near, key=lambda record: record not in golden)
    pairs = near_pairs(((record, near[record]) for record in in_order), wordings.__getitem__)
    return [(one, other) for one, other, _similarity in pairs]


def _earlier() -> "dict[uuid.UUID, str]":
    """Where each record stood: TRAIN where any version trained it, else VALIDATION."""
    with connection.cursor() as cursor:
        cursor.execute(STOOD)
        return {
            record: Split.TRAIN if trained else Split.VALIDATION
            for record, trained in cursor.fetchall()
        }
