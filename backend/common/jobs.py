"""Long work as a row: asked for, told to a worker, cancelled, done again. Knows no kind of it.

The database is the truth; the broker's messages only hurry things along. ``job_runs`` is what a
worker does with a row.
"""

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol

from celery import current_app
from django.db import transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError as BrokerUnavailable

from backend.common.errors import Conflict
from backend.common.models import Job

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Mapping

    from django.contrib.auth.models import AbstractBaseUser

    from backend.common.errors import DomainError

logger = logging.getLogger(__name__)

QUEUE: Final = "knowledge"
RUN_TASK: Final = "backend.common.tasks.job_run"
# A message lives no longer than this, and another is sent after it: they never pile up.
ASK_AGAIN_S: Final = 30

# The worker that did it was stopped; nothing of the work is wrong, so that it can be done again.
WORKER_LOST: Final = "worker_lost"
INTERNAL_ERROR: Final = "internal_error"
RESTARTABLE: Final = frozenset({WORKER_LOST, INTERNAL_ERROR})

State = Job.State
Json = dict[str, Any]  # Any: JSON of the kind's own shape


class Progress(Protocol):
    """What the work calls now and then; it raises where the work has to stop."""

    def __call__(self, done: int, total: int | None = None) -> None: ...


@dataclass(frozen=True)
class Kind:
    """How one kind of work is done, shown and tidied up.

    ``run`` does it inside a transaction that is committed only if the job succeeds, and returns
    the result. ``present`` gives the result for people, in the language of the moment. ``reason``
    gives what an error's sentence is made of, as JSON, or nothing; ``say`` makes the sentence of
    it. ``ended`` is called after the end, whatever it was.
    """

    run: "Callable[[Job, Progress], Json]"
    present: "Callable[[Json], Json]" = dict
    reason: "Callable[[DomainError], Json]" = lambda error: {}  # noqa: ARG005
    say: "Callable[[Json], str]" = str
    ended: "Callable[[Job], None]" = lambda job: None  # noqa: ARG005


# Filled by the apps as they load.
KINDS: "Final[dict[str, Kind]]" = {}


def job_start(*, kind: str, owner: "AbstractBaseUser", params: "Mapping[str, Any]") -> Job:
    """Ask for a piece of long work. The caller has checked the right; ``run`` checks it again."""
    job = Job.objects.create(
        kind=kind,
        owner_id=owner.pk,
        params=dict(params),
        language=translation.get_language() or "",
        asked_at=timezone.now(),
    )
    transaction.on_commit(lambda: _tell(job.pk))
    return job


def job_record(
    *,
    kind: str,
    owner: "AbstractBaseUser",
    params: "Mapping[str, Any]",
    result: Json | None,
    error: Json | None = None,
) -> Job:
    """The row of work that was short enough to be done at once; with an error, in vain."""
    now = timezone.now()
    return Job.objects.create(
        kind=kind,
        owner_id=owner.pk,
        params=dict(params),
        result=result,
        error=error,
        state=State.SUCCEEDED if error is None else State.FAILED,
        language=translation.get_language() or "",
        started_at=now,
        ended_at=now,
    )


def job_cancel(*, job: Job) -> Job:
    """End it now where it waits; ask it to stop where it runs. Again changes nothing.

    Raises:
        Conflict: it has ended.
    """
    with transaction.atomic():
        if Job.objects.transition(
            job.pk, State.QUEUED, State.CANCELLED, ended_at=timezone.now(), cancel_requested=True
        ):
            transaction.on_commit(lambda: job_ended(job.pk))
        else:
            Job.objects.filter(pk=job.pk, state=State.RUNNING).update(cancel_requested=True)
    job.refresh_from_db()
    if job.state in {State.SUCCEEDED, State.FAILED}:
        raise Conflict(_("This has ended already; there is nothing to cancel."), code="task_ended")
    return job


def job_restart(*, job: Job) -> Job:
    """Do it again after its worker was lost.

    Raises:
        Conflict: it did not end that way.
    """
    if not is_restartable(job) or not Job.objects.transition(
        job.pk,
        State.FAILED,
        State.QUEUED,
        error=None,
        progress={},
        cancel_requested=False,
        asked_at=timezone.now(),
        ended_at=None,
    ):
        raise Conflict(_("This cannot be started again."), code="task_not_restartable")
    transaction.on_commit(lambda: _tell(job.pk))
    job.refresh_from_db()
    return job


def is_restartable(job: Job) -> bool:
    return job.state == State.FAILED and (job.error or {}).get("code") in RESTARTABLE


def shown_result(job: Job) -> Json | None:
    """The result, with sentences in the language of the moment."""
    if job.result is None:
        return None
    kind = KINDS.get(job.kind)
    return kind.present(job.result) if kind else job.result


def error_json(kind: str, error: "DomainError") -> Json:
    """Why a job failed, as it is kept."""
    said = {"code": error.code, "message": error.message, "details": error.details}
    return {**said, "reason": KINDS[kind].reason(error)}


def job_ended(job_id: "uuid.UUID") -> None:
    """Tidy up after a job, and have a worker look at the next one."""
    job = Job.objects.filter(pk=job_id).first()
    if job is not None and (kind := KINDS.get(job.kind)):
        kind.ended(job)
    tell_next()


def tell_next() -> None:
    """Have a worker look at the job that waits longest."""
    waiting = Job.objects.filter(state=State.QUEUED).order_by("created_at", "pk").first()
    if waiting is not None:
        _ask(waiting.pk)


def tell_again() -> None:
    """Tell a worker of the jobs that wait and whose message must be lost by now."""
    before = timezone.now() - timedelta(seconds=ASK_AGAIN_S)
    for job in Job.objects.filter(state=State.QUEUED, asked_at__lt=before).order_by("created_at"):
        _ask(job.pk)


def _ask(job_id: "uuid.UUID") -> None:
    Job.objects.filter(pk=job_id, state=State.QUEUED).update(asked_at=timezone.now())
    _tell(job_id)


def _tell(job_id: "uuid.UUID") -> None:
    try:
        current_app.send_task(
            RUN_TASK, (str(job_id),), queue=QUEUE, retry=False, expires=ASK_AGAIN_S
        )
    except BrokerUnavailable as error:
        logger.warning("job %s: message lost: %s", job_id, error)
