"""Whose turn it is, and which jobs are watched by nobody. The database is the truth.

Runs and jobs on adapters wait in one queue, the oldest first. Broker messages only hurry things
along: whatever they lose is found here again.
"""

import logging
from datetime import timedelta
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from backend.curation.locks import transaction_lock
from backend.training import ending, process
from backend.training.models import AdapterJob, AnyJob, DeviceJob, TrainingRun

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterator

logger = logging.getLogger(__name__)

# A watcher shows a sign of life every few seconds; without one this long, another is asked for.
STALE_AFTER_S: Final = 15
# Asked for this long in vain: the machine is gone.
LOST_AFTER_S: Final = 120

State = DeviceJob.State
KINDS: Final = (TrainingRun, AdapterJob)

# A job as a message names it: the id and the number of its next slice.
Turn = tuple["uuid.UUID", int]


def claim_next() -> Turn | None:
    """Take the job that has waited longest for this machine, where a device is free.

    Returns:
        Its id and the number of its first slice; None when there is nothing to do.
    """
    try:
        with transaction.atomic():
            return _claim(process.this_host())
    except IntegrityError:
        return None  # another process of this machine took the device at the same moment


def _claim(host: str) -> Turn | None:
    transaction_lock(f"devices of {host}")  # the two tables cannot exclude each other
    free = [device for device in settings.TRAINING_DEVICES if device not in _busy(host)]
    if not free:
        return None
    for job in sorted(_waiting(), key=attrgetter("created_at", "number")):
        claimed = type(job).objects.transition(
            job.pk,
            State.QUEUED,
            State.RUNNING,
            host=host,
            device=free[0],
            pid=None,
            error=None,
            advice="",
            started_at=Coalesce(F("started_at"), Now()),
            heartbeat_at=timezone.now(),
            asked_at=None,
            watch=F("watch") + 1,
        )
        if claimed:
            ending.publish_state(job)
            ending.publish_queue()
            job.refresh_from_db(fields=["watch"])
            return job.pk, job.watch
    return None


def job_find(job_id: "uuid.UUID | str", **conditions: object) -> AnyJob | None:
    """The run or the job on an adapter with that id, where the conditions hold."""
    found: AnyJob | None = (
        TrainingRun.objects.select_related("dataset_version", "assistant", "started_by")
        .filter(pk=job_id, **conditions)
        .first()
    )
    return found or (
        AdapterJob.objects.select_related("adapter__run__dataset_version")
        .filter(pk=job_id, **conditions)
        .first()
    )


def jobs_active(*conditions: Q) -> "Iterator[AnyJob]":
    """Everything that somebody has, or had, a process for."""
    runs = TrainingRun.objects.select_related("assistant")
    yield from runs.filter(*conditions, state__in=DeviceJob.ACTIVE)
    jobs = AdapterJob.objects.select_related("adapter")
    yield from jobs.filter(*conditions, state__in=DeviceJob.ACTIVE)


def has_waiting() -> bool:
    """Whether something waits for a machine."""
    return any(kind.objects.filter(state=State.QUEUED).exists() for kind in KINDS)


def unwatched(*, host: str | None = None) -> list[Turn]:
    """What needs a watcher, with the number of the slice to ask for.

    Args:
        host: a trainer has just started on that machine: its jobs, however fresh their last
            sign of life. None: those of any machine without a sign of life.
    """
    now = timezone.now()
    stale = Q(heartbeat_at=None) | Q(heartbeat_at__lt=now - timedelta(seconds=STALE_AFTER_S))
    asked = []
    for job in jobs_active(stale if host is None else Q(host=host)):
        if job.asked_at and (now - job.asked_at).total_seconds() > LOST_AFTER_S:
            logger.warning("%s %s: nobody on %s answers", job, job.pk, job.host)
            ending.job_fail(job=job, code="machine_lost", message=ending.LOST)
            continue
        # With a new number, so that an old message, should it still come, is an old one.
        if (
            type(job)
            .objects.filter(pk=job.pk, watch=job.watch, state__in=DeviceJob.ACTIVE)
            .update(watch=job.watch + 1, asked_at=Coalesce(F("asked_at"), Now()))
        ):
            asked.append((job.pk, job.watch + 1))
    return asked


def end_strays() -> None:
    """Ask processes on this machine to end whose job no longer counts as being worked on."""
    folders = {job.folder for job in jobs_active()}
    for pid, folder in process.all_in(settings.RUNS_DIR):
        if folder not in folders:
            logger.warning("ending a stray process", extra={"pid": pid})
            process.terminate(pid)


def _waiting() -> list[AnyJob]:
    """The first few of each kind that wait."""
    return [
        job
        for kind in KINDS
        for job in kind.objects.filter(state=State.QUEUED).order_by("created_at", "number")[:10]
    ]


def _busy(host: str) -> set[str]:
    """The devices of a machine that are worked on."""
    return {job.device for job in jobs_active(Q(host=host))}
