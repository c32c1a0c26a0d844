"""Keeps the tally of records short."""

from typing import Final

from django.db import connection, transaction

from backend.curation.locks import transaction_lock
from backend.curation.models import RecordTally

# Reading so many lines takes no time yet.
SHORT: Final = 200
# One statement sees one moment: the records that are counted and the lines that go belong together,
# and what others are writing now comes on top. Counting anew also mends what a restored copy of the
# tables may have doubled.
COMPACT: Final = """
    WITH gone AS (DELETE FROM curation_recordtally)
    INSERT INTO curation_recordtally (status, language, golden, worst_finding, number)
    SELECT status, language, golden, worst_finding, count(*) FROM curation_record
    GROUP BY status, language, golden, worst_finding
"""


def tally_compact() -> None:
    """Count anew where the lines have become many."""
    if RecordTally.objects.count() > SHORT:
        with transaction.atomic(), connection.cursor() as cursor:
            # Two at once would each write down all records.
            transaction_lock("record_tally")
            cursor.execute(COMPACT)
