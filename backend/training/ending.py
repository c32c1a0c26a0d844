"""How a job ends: what its process left is turned into the row's final state."""

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from backend.common.realtime import publish_on_commit
from backend.training import files
from backend.training.events import run_group, state_event
from backend.training.models import Adapter, AdapterJob, AnyJob, DeviceJob, TrainingRun
from backend.training.selectors import training_run_rows

if TYPE_CHECKING:
    from backend.common.errors import DomainError
    from backend.common.models import TransitionQuerySet

State = DeviceJob.State

# Sentences are stored in English and translated when they are told.
ENDED: Final = gettext_noop("The process ended without saying why.")
KILLED: Final = gettext_noop("The process was killed from outside.")
LOST: Final = gettext_noop("The machine that worked on this no longer answers.")
FAULT: Final = gettext_noop("Something went wrong here while the process was watched; see the log.")
NOT_STARTED: Final = gettext_noop("The process could not be started; see the log.")
NO_WEIGHTS: Final = gettext_noop("The training process finished but left no adapter.")
NO_RESULT: Final = gettext_noop("The process finished but left no result.")
STOPPED_OUTSIDE: Final = gettext_noop("Somebody stopped the process on its machine.")
HANDED_BACK: Final = gettext_noop(
    "The trainer was shut down. This goes on by itself when it is back."
)
RESUME: Final = gettext_noop("It can be resumed from its last checkpoint.")
MEMORY: Final = gettext_noop(
    "If the machine ran short of memory, lower the batch size or the cutoff and start a new run."
)


NOTHING_LEFT: Final = {
    TrainingRun: ("no_adapter", NO_WEIGHTS),
    AdapterJob: ("no_result", NO_RESULT),
}


@transaction.atomic
def job_conclude(*, job: AnyJob, exit_code: int | None, hand_back: bool = False) -> bool:
    """Give a job whose process is gone the state that its files tell of.

    Args:
        job: with the ``watch`` of whoever concludes.
        exit_code: how the process ended, where that is known.
        hand_back: the trainer shuts down, so what is unfinished goes back to the queue.

    Returns:
        False when somebody else watches the job by now; then nothing was written.
    """
    status = files.status_read(job.folder)
    for before in (State.RUNNING, State.STOPPING):
        to, changes = _verdict(job, status, exit_code, before, hand_back=hand_back)
        if _rows(job).transition(job.pk, before, to, **changes):
            if isinstance(job, AdapterJob):
                transaction.on_commit(partial(files.words_forget, job.folder))
            elif to == State.SUCCEEDED:
                _adapter_create(job)
            publish_state(job)
            publish_queue()
            return True
    return False


@transaction.atomic
def job_fail(*, job: AnyJob, code: str, message: str, advice: str = "") -> bool:
    """End a job that nobody can go on watching, as failed; False when it has changed meanwhile."""
    resumable = files.has_checkpoint(job.folder)
    advice = advice or (RESUME if resumable else "")
    changes = _ended(_failed(code, message, advice=advice, resumable=resumable))
    for before in (State.RUNNING, State.STOPPING):
        if _rows(job).transition(job.pk, before, State.FAILED, **changes):
            if isinstance(job, AdapterJob):
                transaction.on_commit(partial(files.words_forget, job.folder))
            publish_state(job)
            publish_queue()
            return True
    return False


def job_fail_start(*, job: AnyJob, error: "DomainError | OSError") -> bool:
    """End a job whose process could not be started."""
    if isinstance(error, OSError):
        return job_fail(job=job, code="not_started", message=NOT_STARTED, advice=str(error))
    return job_fail(job=job, code=error.code, message=error.message)


def publish_state(job: AnyJob) -> None:
    """Tell the followers of a run how it now stands; nobody follows a job on an adapter."""
    if isinstance(job, TrainingRun):
        publish_on_commit(run_group(job.pk), state_event(training_run_rows().get(pk=job.pk)))


def publish_queue() -> None:
    """Tell the followers of waiting runs where they now stand."""
    for waiting in training_run_rows().filter(state=State.QUEUED):
        publish_on_commit(run_group(waiting.pk), state_event(waiting))


def _rows(job: AnyJob) -> "TransitionQuerySet[TrainingRun] | TransitionQuerySet[AdapterJob]":
    """The job's table, without rows that somebody else watches by now."""
    return type(job).objects.filter(watch=job.watch)


def _verdict(
    job: AnyJob,
    status: files.Status | None,
    exit_code: int | None,
    before: str,
    *,
    hand_back: bool,
) -> tuple[str, dict[str, Any]]:
    """The state that follows ``before``, and the fields that go with it."""
    phase = status.phase if status else ""
    resumable = files.has_checkpoint(job.folder)
    if status is not None and phase == "finished" and (left := _left_by(job)) is not None:
        return State.SUCCEEDED, _ended(
            {"error": None, "advice": status.advice, "resumable": False, **left}
        )
    if status is not None and phase == "failed":
        error = status.error or {"code": "failed", "message": ENDED}
        return State.FAILED, _ended(
            _failed(
                error["code"], error["message"], advice=status.advice, resumable=status.resumable
            )
        )
    if hand_back and before == State.RUNNING and phase != "finished":
        changes = _ended({"error": None, "advice": HANDED_BACK, "resumable": resumable})
        return State.QUEUED, {**changes, "finished_at": None, "host": ""}
    if before == State.STOPPING or phase == "stopped":
        advice = RESUME if resumable else ""
        if before == State.RUNNING:
            advice = STOPPED_OUTSIDE
        return State.STOPPED, _ended({"error": None, "advice": advice, "resumable": resumable})
    code, message = "process_lost", ENDED
    if phase == "finished":
        code, message = NOTHING_LEFT[type(job)]
    elif exit_code == 2:
        code, message = "not_started", NOT_STARTED
    elif exit_code is not None and exit_code < 0:
        message = KILLED
    advice = RESUME if resumable else MEMORY
    return State.FAILED, _ended(_failed(code, message, advice=advice, resumable=resumable))


def _left_by(job: AnyJob) -> dict[str, Any] | None:
    """The fields that hold what a finished process left; None where it left nothing."""
    if isinstance(job, AdapterJob):
        result = files.result_read(job.folder)
        return {"result": result} if result else None
    return {} if files.has_adapter(job.folder) else None


def _failed(code: str, message: str, *, advice: str, resumable: bool) -> dict[str, Any]:
    return {
        "error": {"code": code, "message": message},
        "advice": advice,
        "resumable": resumable,
    }


def _ended(changes: dict[str, Any]) -> dict[str, Any]:
    """What every end has in common."""
    return {
        "pid": None,
        "phase": "",
        "remaining_s": None,
        "asked_at": None,
        "stop_asked_at": None,
        "finished_at": timezone.now(),
        **changes,
    }


def _adapter_create(run: TrainingRun) -> Adapter:
    folder = run.folder / files.ADAPTER
    return Adapter.objects.create(
        name=f"{run.assistant.slug}-run-{run.number}",
        run=run,
        assistant=run.assistant,
        base_model=run.base_model,
        path=folder.relative_to(settings.DATA_DIR).as_posix(),
        card=files.json_read(folder / "card.json"),
    )
