"""Records that ask nearly the same, then those that share a question's rarest words.

Both look at a bounded number of candidates, however many records there are.
"""

from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING, Any, Final

from django.db import connection

from backend.common.words import indexed, quoted
from backend.curation.content import content_of, wordings
from backend.curation.models import Record
from backend.curation.selectors import MANY, record_list
from backend.curation.standing import record_counts
from ml.near import NEAR, near_keys, similarity

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from backend.accounts.models import User

SHOWN: Final = 8
MAX_TEXT: Final = 4000  # characters of a question that are looked at
SOUGHT: Final = 8  # the rarest words, by which candidates are found
COUNTED_WORDS: Final = 200  # of a long question, the first
WEIGHED: Final = 24  # the rarest words, by which candidates are ranked
# Records that share less of the question's words (by weight) are not similar.
SHARE: Final = 0.25
# A word in more records than this is as common as that.
COUNTED: Final = 2000
# One look into the index for each key; what shares most keys is most likely near.
SAME_KEYS: Final = """
    SELECT record.id
    FROM unnest(%s::bigint[]) AS key
    JOIN curation_record AS record ON record.near_keys @> ARRAY[key]
    GROUP BY record.id
    ORDER BY count(*) DESC, record.id
    LIMIT 200
"""
# In how many records each word stands. What PostgreSQL has sampled rules out the commonest of very
# many records, whose counting takes longest; of fewer, a sample that is out of date would mislead.
FREQUENCIES: Final = """
    WITH sampled AS (
        SELECT word, frequency * reltuples AS number
        FROM pg_class, pg_stats, unnest(most_common_elems::text::text[], most_common_elem_freqs)
            AS common(word, frequency)
        WHERE pg_class.oid = 'curation_record'::regclass AND reltuples >= %(many)s
            AND schemaname = current_schema() AND tablename = 'curation_record'
            AND attname = 'search' AND word = ANY(%(words)s::text[])
            AND frequency * reltuples > %(counted)s
    )
    SELECT sought.word, coalesce(sampled.number, (
        SELECT count(*) FROM (
            SELECT FROM curation_record WHERE search @@ sought.query::tsquery LIMIT %(counted)s
        ) AS found
    ))
    FROM unnest(%(words)s::text[], %(queries)s::text[]) AS sought(word, query)
    LEFT JOIN sampled USING (word)
"""
SAME_WORDS: Final = """
    WITH candidates AS (
        SELECT DISTINCT found.id
        FROM unnest(%(sought)s::text[]) AS word
        CROSS JOIN LATERAL (
            SELECT id FROM curation_record WHERE search @@ word::tsquery LIMIT 200
        ) AS found
    )
    SELECT record.id
    FROM curation_record AS record
    JOIN candidates USING (id)
    CROSS JOIN LATERAL (
        SELECT sum(weight) AS weight
        FROM unnest(%(words)s::text[], %(weights)s::float8[]) AS sought(word, weight)
        WHERE record.search @@ word::tsquery
    ) AS shared
    WHERE shared.weight >= %(least)s AND NOT record.id = ANY(%(without)s)
    ORDER BY shared.weight DESC, ts_rank(record.search, %(any)s::tsquery) DESC, record.id
    LIMIT %(limit)s
"""


@dataclass(frozen=True)
class Similar:
    """A record beside a question; ``near`` says how near their questions are, None by words."""

    record: Record
    near: float | None

    def __getattr__(self, name: str) -> object:
        # As templates and serializers read it: a record, and how near it is.
        return getattr(self.record, name)


def similar_records(
    *,
    user: "User",
    text: str,
    context: str = "",
    except_id: "uuid.UUID | None" = None,
    limit: int = SHOWN,
) -> list[Similar]:
    """Records whose question is like ``text``: the nearest first, then those that share its words.

    Args:
        user: who asks.
        text: a question, stored or not.
        context: the question's context, which belongs to it.
        except_id: the record that the question stands in.
        limit: how many at most.

    Raises:
        NotAllowed: the person may not read records.
    """
    return _similar(user, [_whole(text[:MAX_TEXT], context[:MAX_TEXT])], except_id, limit)


def similar_to(*, user: "User", record: Record, limit: int = SHOWN) -> list[Similar]:
    """The same for a record, by each of its phrasings.

    Raises:
        NotAllowed: the person may not read records.
    """
    return _similar(user, wordings(content_of(record)), record.pk, limit)


def _whole(text: str, context: str) -> str:
    return f"{text}\n{context}" if context.strip() else text


def _similar(
    user: "User", asked: "Sequence[str]", except_id: "uuid.UUID | None", limit: int
) -> list[Similar]:
    readable = record_list(user=user)
    if not any(text.strip() for text in asked):
        return []
    near = _near(asked, except_id)[:limit]
    without = [pk for pk, _near in near] + ([except_id] if except_id else [])
    others = _by_words(user, asked[0], without, limit - len(near)) if len(near) < limit else []
    found: dict[uuid.UUID, float | None] = {**dict(near), **dict.fromkeys(others)}
    records = readable.in_bulk(list(found))
    return [Similar(records[pk], score) for pk, score in found.items() if pk in records]


def _near(asked: "Sequence[str]", except_id: "uuid.UUID | None") -> "list[tuple[uuid.UUID, float]]":
    with connection.cursor() as cursor:
        cursor.execute(SAME_KEYS, [near_keys(asked)])
        ids = [pk for (pk,) in cursor.fetchall() if pk != except_id]
    candidates = Record.objects.filter(pk__in=ids).values_list(
        "pk", "instruction", "phrasings", "input"
    )
    scored = [
        (pk, similarity(asked, [_whole(text, context) for text in (instruction, *phrasings)]))
        for pk, instruction, phrasings, context in candidates
    ]
    return sorted(
        ((pk, score) for pk, score in scored if score >= NEAR), key=lambda found: -found[1]
    )


def _by_words(user: "User", text: str, without: "list[uuid.UUID]", limit: int) -> "list[uuid.UUID]":
    weights = _weights(user, list(dict.fromkeys(indexed(text[:MAX_TEXT])))[:COUNTED_WORDS])
    # Single characters of Chinese say little, and a word that is everywhere says nothing.
    telling = [word for word in weights if weights[word] > 1 and len(word) > 1] or list(weights)
    telling.sort(key=lambda word: -weights[word])
    weighed = telling[:WEIGHED]
    if not weighed:
        return []
    queries = [quoted(word) for word in weighed]
    with connection.cursor() as cursor:
        cursor.execute(
            SAME_WORDS,
            {
                "sought": queries[:SOUGHT],
                "words": queries,
                "weights": [weights[word] for word in weighed],
                "least": SHARE * sum(weights[word] for word in weighed),
                "any": " | ".join(queries),
                "without": without,
                "limit": limit,
            },
        )
        return [pk for (pk,) in cursor.fetchall()]


def _weights(user: "User", words: list[str]) -> dict[str, float]:
    """How much each word tells, by inverse document frequency; without those that stand nowhere."""
    total = sum(number for *_kind, number in record_counts(user=user))
    given: dict[str, Any] = {  # Any: of columns
        "words": words,
        "queries": [quoted(word) for word in words],
        "many": MANY,
        "counted": COUNTED,
    }
    with connection.cursor() as cursor:
        cursor.execute(FREQUENCIES, given)
        return {word: log(1 + total / number) for word, number in cursor.fetchall() if number}
