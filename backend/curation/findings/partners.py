"""Those with whom a record had something, when it goes away."""

from functools import partial
from typing import TYPE_CHECKING

from django.db import transaction

from backend.curation.findings.summary import summarise
from backend.curation.models import Finding, Record

if TYPE_CHECKING:
    import uuid


def partners_of(record: Record) -> "set[uuid.UUID]":
    """Records that have a finding with this one."""
    return set(Finding.objects.filter(other=record).values_list("record_id", flat=True))


def partners_recount(ids: "set[uuid.UUID]") -> None:
    """Write down anew what is left to them, once their findings with a deleted one are gone.

    After the commit, where it can wait for each of them in turn without holding anything.
    """
    if ids:
        transaction.on_commit(partial(_recount, ids))


@transaction.atomic
def _recount(ids: "set[uuid.UUID]") -> None:
    locked = Record.objects.filter(pk__in=ids).order_by("pk").select_for_update(no_key=True)
    summarise(locked.values_list("pk", flat=True))
