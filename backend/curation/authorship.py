"""Whose words a record has now: who only sorts it, by tags or as golden, has written nothing."""

from typing import TYPE_CHECKING, Final

from django.db import connection

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from ml.formats import RecordFields

# What a reviewer decides on is the words; these only say where a record belongs.
SORTING: Final = ("tags", "golden")
# The newest revision of each that differs from the one before it in more than its sorting.
WORDED: Final = """
    SELECT DISTINCT ON (revision.record_id) revision.record_id, revision.author_id
    FROM curation_revision AS revision
    LEFT JOIN curation_revision AS before
        ON before.record_id = revision.record_id AND before.number = revision.number - 1
    WHERE revision.record_id = ANY(%(records)s)
        AND (
            before.id IS NULL
            OR revision.content - %(sorting)s::text[]
                IS DISTINCT FROM before.content - %(sorting)s::text[]
        )
    ORDER BY revision.record_id, revision.number DESC
"""


def worded_by(record_ids: "Sequence[uuid.UUID]") -> "dict[uuid.UUID, uuid.UUID | None]":
    """The person who wrote the present words of each record; None for what was imported."""
    with connection.cursor() as cursor:
        cursor.execute(WORDED, {"records": list(record_ids), "sorting": list(SORTING)})
        return dict(cursor.fetchall())


def same_words(one: "RecordFields", other: "RecordFields") -> bool:
    """Whether two contents differ in their sorting at most."""
    names = set(one.__dataclass_fields__) - set(SORTING)
    return all(getattr(one, name) == getattr(other, name) for name in names)
