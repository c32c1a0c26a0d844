"""Watching jobs in short slices, so that no Celery task is long and any may come twice.

A slice may write only while the job's ``watch`` is its own number: a message that comes again, a
slice that slept and one that was given up for lost do no harm. The process outlives whoever
watches it; the next slice finds it again.
"""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.db.models import Q

from backend.training import files, process
from backend.training.models import DeviceJob
from backend.training.queueing import job_find, jobs_active
from backend.training.watching import Watcher, WatchLost

if TYPE_CHECKING:
    import uuid

SLICE_S: Final = 3.0  # shared by the devices of a machine, whose one trainer watches them in turn
TICK_S: Final = 0.4
# When the trainer shuts down: time for one optimiser step and a checkpoint, then for SIGTERM.
HAND_BACK_TERM_S: Final = 30.0
HAND_BACK_KILL_S: Final = 45.0


@dataclass(frozen=True)
class Continue:
    """The process goes on; ``watch`` is the number of the next slice's message."""

    watch: int


@dataclass(frozen=True)
class Elsewhere:
    """The job is another machine's: its own queue is the place for this message."""

    host: str


@dataclass(frozen=True)
class Ended:
    """The job has ended and its device is free."""


@dataclass(frozen=True)
class Superseded:
    """The message was an old one, or somebody else took over; nothing is left to do."""


Outcome = Continue | Elsewhere | Ended | Superseded


def job_slice(*, job_id: "uuid.UUID | str", watch: int, seconds: float | None = None) -> Outcome:
    """Watch a job for some seconds; start its process where none was started yet.

    Args:
        job_id: a run's or that of a job on an adapter.
        watch: the number that the row must still have.
        seconds: how long to watch before the next slice is due; this device's share if None.

    Returns:
        What there is to do next.
    """
    job = job_find(job_id, watch=watch, state__in=DeviceJob.ACTIVE)
    if job is None:
        return Superseded()
    if job.host != process.this_host() and process.find(job.folder, job.pid) is None:
        return Elsewhere(job.host)
    watcher = Watcher.take(job)
    if watcher is None:
        return Superseded()
    try:
        if not watcher.adopt() and job.pid is None and not watcher.start():
            return Ended()
        if seconds is None:
            seconds = SLICE_S / len(settings.TRAINING_DEVICES)
        end_at = time.monotonic() + seconds
        while watcher.look():
            if time.monotonic() >= end_at:
                return Continue(job.watch)
            time.sleep(TICK_S)
    except WatchLost:
        return Superseded()
    return Ended()


def hand_back() -> bool:
    """End what this machine works on, a run with a checkpoint, before its trainer shuts down.

    It goes back to the queue and continues when a trainer is there again; what people had asked
    to stop is stopped.

    Returns:
        Whether there was one.
    """
    found = False
    jobs = list(jobs_active(Q(host=process.this_host())))
    for job in jobs:
        if job.pid is not None:
            files.ask_to_stop(job.folder)  # all at once: one after the other takes too long
    for job in jobs:
        watcher = Watcher.take(job)
        if watcher is None:
            continue
        try:
            _end_and_conclude(watcher)
        except WatchLost:
            continue
        found = True
    return found


def _end_and_conclude(watcher: Watcher) -> None:
    watcher.adopt()
    started_at = time.monotonic()
    while watcher.is_alive():
        watcher.end_process(
            waited_s=time.monotonic() - started_at,
            term_after_s=HAND_BACK_TERM_S,
            kill_after_s=HAND_BACK_KILL_S,
        )
        watcher.note()
        time.sleep(TICK_S)
    watcher.note_rest()
    watcher.conclude(hand_back=True)
