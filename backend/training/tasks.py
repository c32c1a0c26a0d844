"""Celery's part in training: short messages that make somebody look at the database.

Every message may be lost, late or doubled. A trainer takes the queue ``training`` and one of its
own machine's, where the slices of its own run come.
"""

import logging
from typing import TYPE_CHECKING, Any, Final

import redis
from celery import shared_task
from django.conf import settings
from django.db import Error as DatabaseError
from kombu.exceptions import OperationalError as BrokerUnavailable
from psycopg_pool import PoolTimeout

from backend.common import heartbeat
from backend.training import ending, process, queueing, supervision
from backend.training.models import DeviceJob

if TYPE_CHECKING:
    import uuid

    from celery import Task

logger = logging.getLogger(__name__)

QUEUE: Final = "training"


def host_queue(host: str) -> str:
    """The queue that only the trainer on that machine takes."""
    return f"{QUEUE}.{host}"


@shared_task
def training_queue_advance() -> None:
    """Start what has waited longest on a free device of this machine."""
    claimed = queueing.claim_next()
    if claimed is None:
        return
    if queueing.has_waiting():
        queue_advance_ask()  # another device may be free
    _watch(*claimed)


@shared_task
def training_job_watch(job_id: str, watch: int) -> None:
    """Watch a job for one slice, the one with number ``watch``."""
    _watch(job_id, watch)


@shared_task
def training_trainer_joined() -> None:
    """A trainer has started on this machine: take up what an earlier one left."""
    queueing.end_strays()
    host = process.this_host()
    for job_id, watch in queueing.unwatched(host=host):
        watch_ask(job_id, watch, queue=host_queue(host))
    queue_advance_ask()


@shared_task
def training_runs_reap() -> None:
    """Ask again for watchers and starts that the broker may have lost."""
    for job_id, watch in queueing.unwatched():
        watch_ask(job_id, watch)
    if queueing.has_waiting() and _has_trainer():
        queue_advance_ask()


def queue_advance_ask() -> None:
    """Have some trainer look at the queue."""
    _send(training_queue_advance, queue=QUEUE)


def watch_ask(job_id: "uuid.UUID | str", watch: int, *, queue: str = QUEUE) -> None:
    """Have a trainer watch the job."""
    _send(training_job_watch, str(job_id), watch, queue=queue)


def _watch(job_id: "uuid.UUID | str", watch: int) -> None:
    try:
        outcome = supervision.job_slice(job_id=job_id, watch=watch)
    except (DatabaseError, PoolTimeout):
        raise  # the database is away for a moment; the reaper asks for another slice
    except Exception:
        logger.exception("job %s: watching failed", job_id)
        _fail_without_process(job_id)
        raise
    match outcome:
        case supervision.Continue(watch=following):
            watch_ask(job_id, following, queue=host_queue(process.this_host()))
        case supervision.Elsewhere(host=host):
            watch_ask(job_id, watch, queue=host_queue(host))
        case supervision.Ended():
            queue_advance_ask()
        case supervision.Superseded():
            pass


def _fail_without_process(job_id: "uuid.UUID | str") -> None:
    """No job stays in progress without a process; a living one is left to the next slice."""
    job = queueing.job_find(job_id, state__in=DeviceJob.ACTIVE)
    if job is not None and process.find(job.folder, job.pid) is None:
        ending.job_fail(job=job, code="internal_error", message=ending.FAULT)


def _has_trainer() -> bool:
    """Whether any trainer shows a sign of life: messages to nobody would only pile up."""
    with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2) as client:
        return heartbeat.alive(client, "trainer") > 0


def _send(task: "Task[Any, None]", *arguments: object, queue: str) -> None:
    """Enqueue; without a broker the reaper will do so later."""
    try:
        task.apply_async(arguments, queue=queue, retry=False)
    except BrokerUnavailable as error:
        logger.warning("message lost: %s", error, extra={"task": task.name})
