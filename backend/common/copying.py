"""Many rows at once, through PostgreSQL's COPY."""

from typing import TYPE_CHECKING, TypeVar

from django.db import connection, models

if TYPE_CHECKING:
    from collections.abc import Iterable

M = TypeVar("M", bound=models.Model)


def copy_insert(model: "type[M]", rows: "Iterable[M]") -> int:
    """Insert new rows of ``model`` as ``bulk_create`` would, in the caller's transaction.

    Args:
        model: has no parent table.
        rows: unsaved, each with all its values; a key that PostgreSQL gives stays None, and is
            not read back.

    Returns:
        How many there were.
    """
    fields = [
        field
        for field in model._meta.concrete_fields
        if field.column and not isinstance(field, models.AutoField)  # BigAutoField is one, too
    ]
    quote = connection.ops.quote_name
    columns = ", ".join(quote(field.column) for field in fields if field.column)
    number = 0
    with connection.cursor() as cursor:
        statement = f"COPY {quote(model._meta.db_table)} ({columns}) FROM STDIN"
        with cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(
                    [
                        field.get_db_prep_save(field.pre_save(row, add=True), connection)
                        for field in fields
                    ]
                )
                number += 1
    return number
