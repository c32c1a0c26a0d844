"""One at a time: locks that PostgreSQL holds until the transaction ends."""

from django.db import connection


def transaction_lock(name: str) -> None:
    """Wait until no other transaction holds ``name``, and hold it until this one ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])
