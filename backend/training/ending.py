"""How a run ends: what its process left is turned into the row's final state."""

from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from backend.common.realtime import publish_on_commit
from backend.training import files
from backend.training.events import run_group, state_event
from backend.training.models import Adapter, TrainingRun
from backend.training.selectors import training_run_rows

if TYPE_CHECKING:
    import uuid

    from backend.common.errors import DomainError

State = TrainingRun.State

# Sentences are stored in English and translated when they are told.
ENDED: Final = gettext_noop("The training process ended without saying why.")
KILLED: Final = gettext_noop("The training process was killed from outside.")
LOST: Final = gettext_noop("The machine that trained this run no longer answers.")
FAULT: Final = gettext_noop("Something went wrong here while the run was watched; see the log.")
NOT_STARTED: Final = gettext_noop("The training process could not be started; see the log.")
NO_WEIGHTS: Final = gettext_noop("The training process finished but left no adapter.")
STOPPED_OUTSIDE: Final = gettext_noop("Somebody stopped the training process on its machine.")
HANDED_BACK: Final = gettext_noop(
    "The trainer was shut down. The run goes on by itself when it is back."
)
RESUME: Final = gettext_noop("It can be resumed from its last checkpoint.")
MEMORY: Final = gettext_noop(
    "If the machine ran short of memory, lower the batch size or the cutoff and start a new run."
)


@transaction.atomic
def run_conclude(*, run: TrainingRun, exit_code: int | None, hand_back: bool = False) -> bool:
    """Give a run whose process is gone the state that its files tell of.

    Args:
        run: with the ``watch`` of whoever concludes.
        exit_code: how the process ended, where that is known.
        hand_back: the trainer shuts down, so an unfinished run goes back to the queue.

    Returns:
        False when somebody else watches the run by now; then nothing was written.
    """
    status = files.status_read(run.folder)
    watched = TrainingRun.objects.filter(watch=run.watch)
    for before in (State.RUNNING, State.STOPPING):
        to, changes = _verdict(run, status, exit_code, before, hand_back=hand_back)
        if watched.transition(run.pk, before, to, **changes):
            if to == State.SUCCEEDED:
                _adapter_create(run)
            publish_state(run.pk)
            publish_queue()
            return True
    return False


@transaction.atomic
def run_fail(*, run: TrainingRun, code: str, message: str, advice: str = "") -> bool:
    """End a run that nobody can go on watching, as failed; False when it has changed meanwhile."""
    resumable = files.has_checkpoint(run.folder)
    advice = advice or (RESUME if resumable else "")
    changes = _failed(code, message, advice=advice, resumable=resumable)
    watched = TrainingRun.objects.filter(watch=run.watch)
    for before in (State.RUNNING, State.STOPPING):
        if watched.transition(run.pk, before, State.FAILED, **_ended(changes)):
            publish_state(run.pk)
            publish_queue()
            return True
    return False


def run_fail_start(*, run: TrainingRun, error: "DomainError | OSError") -> bool:
    """End a run whose process could not be started."""
    if isinstance(error, OSError):
        return run_fail(run=run, code="not_started", message=NOT_STARTED, advice=str(error))
    return run_fail(run=run, code=error.code, message=error.message)


def publish_state(run_id: "uuid.UUID") -> None:
    """Tell the run's followers how it now stands."""
    publish_on_commit(run_group(run_id), state_event(training_run_rows().get(pk=run_id)))


def publish_queue() -> None:
    """Tell the followers of waiting runs where they now stand."""
    for waiting in training_run_rows().filter(state=State.QUEUED):
        publish_on_commit(run_group(waiting.pk), state_event(waiting))


def _verdict(
    run: TrainingRun,
    status: files.Status | None,
    exit_code: int | None,
    before: str,
    *,
    hand_back: bool,
) -> tuple[str, dict[str, Any]]:
    """The state that follows ``before``, and the fields that go with it."""
    phase = status.phase if status else ""
    resumable = files.has_checkpoint(run.folder)
    if phase == "finished" and files.has_adapter(run.folder):
        return State.SUCCEEDED, _ended({"error": None, "advice": "", "resumable": False})
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
        code, message = "no_adapter", NO_WEIGHTS
    elif exit_code == 2:
        code, message = "not_started", NOT_STARTED
    elif exit_code is not None and exit_code < 0:
        message = KILLED
    advice = RESUME if resumable else MEMORY
    return State.FAILED, _ended(_failed(code, message, advice=advice, resumable=resumable))


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
