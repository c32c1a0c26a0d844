"""What a worker does with a job: claims it, shows signs of life, ends it truthfully."""

import logging
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import F
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from backend.common.errors import DomainError
from backend.common.jobs import (
    INTERNAL_ERROR,
    KINDS,
    WORKER_LOST,
    error_json,
    job_ended,
    tell_again,
)
from backend.common.models import Job

if TYPE_CHECKING:
    import uuid

    from backend.common.jobs import Json

logger = logging.getLogger(__name__)

BEAT_S: Final = 1.0
# Without a sign of life for this long, its worker is gone.
STALE_AFTER_S: Final = 60

LOST: Final = gettext_noop(
    "The worker was stopped in the middle. Nothing was stored; it can be started again."
)
FAULT: Final = gettext_noop(
    "Something went wrong here; it has been logged. Nothing was stored; it can be started again."
)

State = Job.State


class Stopped(Exception):  # no error: it was asked for
    """The work has to stop: somebody cancelled it, or it was given up or taken over."""


def job_claim(*, job_id: "uuid.UUID | str") -> Job | None:
    """Take a job that waits; None where it does not, or where another one runs.

    A message that comes twice, or late, therefore changes nothing.
    """
    now = timezone.now()
    try:
        with transaction.atomic():
            claimed = Job.objects.transition(
                job_id,  # type: ignore[arg-type]  # Django takes its text as well
                State.QUEUED,
                State.RUNNING,
                started_at=now,
                heartbeat_at=now,
                attempt=F("attempt") + 1,
            )
    except IntegrityError:
        return None  # it is another one's turn; whoever ends tells of this one
    return Job.objects.select_related("owner").get(pk=job_id) if claimed else None


def job_run(*, job_id: "uuid.UUID | str") -> None:
    """Do a job from claim to end, if it is there to be done."""
    job = job_claim(job_id=job_id)
    if job is None:
        return
    try:
        with SignsOfLife(job) as signs, translation.override(job.language or None):
            _do(job, signs)
    finally:
        job_ended(job.pk)


def _do(job: Job, signs: "SignsOfLife") -> None:
    try:
        with transaction.atomic():
            result = KINDS[job.kind].run(job, signs)
            # Together with what it wrote: either both are there or neither.
            if not _end(job, State.SUCCEEDED, only_if_wanted=True, result=result):
                raise Stopped
    except Stopped:
        # Nothing happens here where it was given up and perhaps taken over meanwhile.
        _end(job, State.CANCELLED)
    except DomainError as error:
        _end(job, State.FAILED, error=error_json(job.kind, error))
    except Exception:
        _end(job, State.FAILED, error={"code": INTERNAL_ERROR, "message": FAULT, "details": {}})
        logger.exception("job %s (%s) failed", job.pk, job.kind)
        raise


def _end(job: Job, to: State, *, only_if_wanted: bool = False, **changes: object) -> bool:
    mine = Job.objects.filter(attempt=job.attempt)
    if only_if_wanted:
        mine = mine.filter(cancel_requested=False)
    return mine.transition(job.pk, State.RUNNING, to, ended_at=timezone.now(), **changes)


def jobs_reap() -> None:
    """End the jobs whose worker is gone; tell again of those that wait."""
    before = timezone.now() - timedelta(seconds=STALE_AFTER_S)
    for job in Job.objects.filter(state=State.RUNNING, heartbeat_at__lt=before):
        stale = Job.objects.filter(attempt=job.attempt, heartbeat_at__lt=before)
        end = {"ended_at": timezone.now()}
        if job.cancel_requested:
            ended = stale.transition(job.pk, State.RUNNING, State.CANCELLED, **end)
        else:
            error: Json = {"code": WORKER_LOST, "message": LOST, "details": {}}
            ended = stale.transition(job.pk, State.RUNNING, State.FAILED, error=error, **end)
        if ended:
            logger.warning("job %s (%s): its worker is gone", job.pk, job.kind)
            job_ended(job.pk)
    tell_again()


class SignsOfLife:
    """Shows for a running job that its worker lives, how far it is, and hears that it shall stop.

    From a thread of its own, because the work's transaction must not hold what others have to see,
    and the thread's connection is another one. Called, it is the work's ``Progress``.
    """

    def __init__(self, job: Job) -> None:
        self.job_id, self.attempt = job.pk, job.attempt
        self.progress: dict[str, int | None] = {}
        self.stop = threading.Event()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._beat, name=f"job-{job.pk}", daemon=True)

    def __enter__(self) -> "SignsOfLife":
        self.thread.start()
        return self

    def __exit__(self, *_failure: object) -> None:
        self.over.set()
        self.thread.join()

    def __call__(self, done: int, total: int | None = None) -> None:
        self.progress = {"done": done, "total": total}
        if self.stop.is_set():
            raise Stopped

    def _beat(self) -> None:
        try:
            while not self.over.wait(BEAT_S):
                try:
                    self._show()
                except DatabaseError as error:  # away for a moment; the next one may come through
                    logger.warning("job %s: no sign of life possible: %s", self.job_id, error)
        finally:
            connection.close()

    def _show(self) -> None:
        mine = Job.objects.filter(pk=self.job_id, attempt=self.attempt, state=State.RUNNING)
        wanted = mine.filter(cancel_requested=False)
        if not wanted.update(heartbeat_at=timezone.now(), progress=self.progress):
            self.stop.set()


def said_error(job: Job) -> "Json | None":
    """Why a job failed, in the language of the moment where it is kept what the words are made of.

    Otherwise the sentence stays in the language of whoever asked for the job.
    """
    if job.error is None:
        return None
    error = {name: job.error[name] for name in ("code", "message", "details")}
    before, kind = error["message"], KINDS.get(job.kind)
    if before in {LOST, FAULT}:
        error["message"] = _(before)
    elif kind and (reason := job.error.get("reason")):
        error["message"] = kind.say(reason)
        error["details"] = {
            name: [error["message"]] if value == [before] else value
            for name, value in error["details"].items()
        }
    return error
