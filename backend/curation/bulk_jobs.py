"""A step for very many records as long work: asked for, done by a worker, and shown of it.

A worker's step is one transaction: it is done with all of them at its end, and cancelled it is
done with none.
"""

import datetime
import uuid
from typing import TYPE_CHECKING, Any, Final

from django.db import transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.common import jobs
from backend.common.models import Job
from backend.curation.locks import transaction_lock
from backend.curation.services.bulk import (
    DECISIONS,
    KIND,
    BulkAction,
    bulk_check,
    chosen_ids,
    records_bulk,
)
from backend.curation.services.bulk_result import BulkResult, result_json, result_of, result_shown
from backend.curation.services.versions import FREEZE_LOCK

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from django.db.models import QuerySet

    from backend.common.jobs import Progress
    from backend.curation.models import Record

# What is taken within a request; more are a worker's.
AT_ONCE: Final = 2000

Json = dict[str, Any]  # Any: JSON of the shape that is built here


def records_bulk_ask(
    *,
    actor: User,
    records: "QuerySet[Record] | Collection[uuid.UUID]",
    action: BulkAction,
    reason: str = "",
    tags: "Sequence[str]" = (),
    seen_at: datetime.datetime | None = None,
) -> BulkResult | Job:
    """Take one step with each of the records: the result, or where they are many, a worker's job.

    Args:
        actor: as for ``records_bulk``, as all the others.
        records: see there; which ones they are is settled now, whenever a worker comes to it.
        action: see there.
        reason: see there.
        tags: see there.
        seen_at: see there. A worker decides on nothing that is changed while it waits.

    Raises:
        NotAllowed: the person's role does not allow it.
        Invalid: the reason is too long, or the tags are none or cannot be stored.
    """
    note, named = bulk_check(actor=actor, action=action, reason=reason, tags=tags)
    asked_at = timezone.now()
    ids = chosen_ids(records)
    if len(ids) <= AT_ONCE:
        return records_bulk(
            actor=actor, records=ids, action=action, reason=note, tags=named, seen_at=seen_at
        )
    params = {
        "action": action.value,
        "ids": [str(pk) for pk in ids],
        "number": len(ids),
        "reason": note,
        "tags": list(named),
        "seen_at": (seen_at or asked_at).isoformat() if action in DECISIONS else None,
    }
    with transaction.atomic():
        return jobs.job_start(kind=KIND, owner=actor, params=params)


def run(job: Job, progress: "Progress") -> Json:
    """What ``jobs.Kind.run`` says."""
    params, seen_at = job.params, job.params["seen_at"]
    # A version frozen meanwhile would hold what is long marked as changed, and be counted wrongly.
    transaction_lock(FREEZE_LOCK)
    result = records_bulk(
        actor=User.objects.get(pk=job.owner_id),
        records=[uuid.UUID(pk) for pk in params["ids"]],
        action=BulkAction(params["action"]),
        reason=params["reason"],
        tags=params["tags"],
        seen_at=datetime.datetime.fromisoformat(seen_at) if seen_at else None,
        progress=progress,
    )
    return result_json(result)


def present(kept: Json) -> Json:
    """What ``jobs.Kind.present`` says: the shape of the answer to a step for many records."""
    return result_shown(result_of(kept))


def ended(job: Job) -> None:
    """What ``jobs.Kind.ended`` says: which ones they were stays only where it can be done again."""
    if jobs.is_restartable(job) or not job.has_ended:
        return
    kept = {name: value for name, value in job.params.items() if name != "ids"}
    Job.objects.filter(pk=job.pk, state=job.state).update(params=kept)


def register() -> None:
    jobs.KINDS[KIND] = jobs.Kind(run=run, present=present, ended=ended)
