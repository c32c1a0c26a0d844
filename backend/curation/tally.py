"""Keeps the tally of records short."""

from typing import Final

from django.db import connection, transaction

from backend.curation.models import RecordTally

# Reading so many lines takes no time yet.
SHORT: Final = 200
# One statement, so that whoever reads sees either the lines or their sums. Two at once are safe:
# the second sums up only what it deletes itself.
COMPACT: Final = """
    WITH gone AS (DELETE FROM curation_recordtally RETURNING *)
    INSERT INTO curation_recordtally (status, language, golden, worst_finding, number)
    SELECT status, language, golden, worst_finding, sum(number) FROM gone
    GROUP BY status, language, golden, worst_finding HAVING sum(number) <> 0
"""


def tally_compact() -> None:
    """Add up the lines where they have become many."""
    if RecordTally.objects.count() > SHORT:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(COMPACT)
