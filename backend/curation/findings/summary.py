"""What a record's findings say together, kept with the record to list and to filter by."""

from typing import TYPE_CHECKING, Any, Final

from django.db import connection

from ml.quality import Severity

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterable

    from backend.curation.models import Record

_SUMMARY: Final = """
    UPDATE curation_record AS record
    SET finding_codes = now.codes, finding_counts = now.counts, worst_finding = now.worst,
        checked_revision = CASE
            WHEN now.done THEN record.revision WHEN now.due THEN 0 ELSE record.checked_revision
        END,
        checked_with = CASE WHEN now.done THEN %(checks)s ELSE record.checked_with END
    FROM (
        SELECT own.id,
            own.id = ANY(%(done)s::uuid[]) AS done, own.id = ANY(%(due)s::uuid[]) AS due,
            coalesce(max(found.severity), 0) AS worst,
            coalesce(array_agg(DISTINCT found.code) FILTER (WHERE found.code IS NOT NULL), '{}')
                ::varchar[] AS codes,
            coalesce(
                jsonb_object_agg(found.severity, found.number)
                    FILTER (WHERE found.severity IS NOT NULL),
                '{}'
            ) AS counts
        FROM unnest(%(ids)s::uuid[]) AS own(id)
        LEFT JOIN (
            SELECT record_id, code, severity,
                count(*) OVER (PARTITION BY record_id, severity) AS number
            FROM curation_finding WHERE ignored_at IS NULL AND record_id = ANY(%(ids)s::uuid[])
        ) AS found ON found.record_id = own.id
        GROUP BY own.id
    ) AS now
    WHERE record.id = now.id AND (
        now.done OR now.due
        OR record.finding_codes <> now.codes OR record.finding_counts <> now.counts
    )
"""


def summarise(
    ids: "Iterable[uuid.UUID]",
    *,
    done: "Iterable[uuid.UUID]" = (),
    due: "Iterable[uuid.UUID]" = (),
    checks: str = "",
) -> None:
    """Write down anew what the findings of those records say together; the caller holds them.

    Args:
        ids: the records.
        done: of them, those that are checked in the form that they have.
        due: of them, those that the worker shall check once more.
        checks: the fingerprint of what they were checked with.
    """
    values: dict[str, Any] = {
        "ids": sorted(set(ids)),
        "done": list(done),
        "due": list(due),
        "checks": checks,
    }
    with connection.cursor() as cursor:
        cursor.execute(_SUMMARY, values)


def severity_counts(record: "Record") -> dict[str, int]:
    """How many findings of each severity a record has: ``{error, warning, info}``."""
    counts = record.finding_counts
    return {
        severity.name.lower(): int(counts.get(str(int(severity)), 0))
        for severity in sorted(Severity, reverse=True)
    }
