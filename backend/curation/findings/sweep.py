"""Checking whatever is due: new, changed, or checked with other checks than today's."""

import time
from typing import TYPE_CHECKING, Final

from django.db.models import F, Q

from backend.curation.findings.writing import Checks, records_check
from backend.curation.models import Record

if TYPE_CHECKING:
    import uuid

CHUNK: Final = 200
SLICE_S: Final = 20.0  # after which other tasks get their turn


def due_records(checks: Checks, *, without: "set[uuid.UUID]", limit: int) -> "list[uuid.UUID]":
    """Records whose findings may not be those that they would have today."""
    # Two questions, for each has an index of its own.
    for due in (
        ~Q(checked_revision=F("revision")),
        Q(checked_with__lt=checks.fingerprint) | Q(checked_with__gt=checks.fingerprint),
    ):
        rows = Record.objects.order_by().filter(due).exclude(pk__in=without)
        if found := list(rows.values_list("pk", flat=True)[:limit]):
            return found
    return []


def findings_sweep(*, slice_s: float = SLICE_S) -> bool:
    """Check what is due, chunk by chunk, for about ``slice_s`` seconds.

    Returns:
        Whether more is left that can be checked now.
    """
    until = time.monotonic() + slice_s
    checks = Checks.now()
    left: set[uuid.UUID] = set()
    while ids := due_records(checks, without=left, limit=CHUNK):
        outcome = records_check(ids, checks)
        # What is in other hands comes with the next sweep; what was deleted meanwhile, never.
        left |= set(ids) - outcome.checked
        if time.monotonic() > until:
            return True
    return False
