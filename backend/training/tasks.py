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
from backend.training.models import TrainingRun

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
    """Start the first waiting run on this machine, unless it trains already."""
    claimed = queueing.claim_next()
    if claimed is not None:
        _watch(*claimed)


@shared_task
def training_run_watch(run_id: str, watch: int) -> None:
    """Watch a run for one slice, the one with number ``watch``."""
    _watch(run_id, watch)


@shared_task
def training_trainer_joined() -> None:
    """A trainer has started on this machine: take up what an earlier one left."""
    queueing.end_strays()
    host = process.this_host()
    for run_id, watch in queueing.unwatched(host=host):
        watch_ask(run_id, watch, queue=host_queue(host))
    queue_advance_ask()


@shared_task
def training_runs_reap() -> None:
    """Ask again for watchers and starts that the broker may have lost."""
    for run_id, watch in queueing.unwatched():
        watch_ask(run_id, watch)
    if queueing.has_waiting() and _has_trainer():
        queue_advance_ask()


def queue_advance_ask() -> None:
    """Have some trainer look at the queue of runs."""
    _send(training_queue_advance, queue=QUEUE)


def watch_ask(run_id: "uuid.UUID | str", watch: int, *, queue: str = QUEUE) -> None:
    """Have a trainer watch the run."""
    _send(training_run_watch, str(run_id), watch, queue=queue)


def _watch(run_id: "uuid.UUID | str", watch: int) -> None:
    try:
        outcome = supervision.run_slice(run_id=run_id, watch=watch)
    except (DatabaseError, PoolTimeout):
        raise  # the database is away for a moment; the reaper asks for another slice
    except Exception:
        logger.exception("run %s: watching failed", run_id)
        _fail_without_process(run_id)
        raise
    match outcome:
        case supervision.Continue(watch=following):
            watch_ask(run_id, following, queue=host_queue(process.this_host()))
        case supervision.Elsewhere(host=host):
            watch_ask(run_id, watch, queue=host_queue(host))
        case supervision.Ended():
            queue_advance_ask()
        case supervision.Superseded():
            pass


def _fail_without_process(run_id: "uuid.UUID | str") -> None:
    """No run stays in progress without a process; a living one is left to the next slice."""
    run = TrainingRun.objects.filter(pk=run_id, state__in=TrainingRun.ACTIVE).first()
    if run is not None and process.find(run.folder, run.pid) is None:
        ending.run_fail(run=run, code="internal_error", message=ending.FAULT)


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
