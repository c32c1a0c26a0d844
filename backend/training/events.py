"""What a followed run tells: the events' shapes, their group and how they are made.

Every message of ``run.*`` carries ``run_id`` and ``step``. The row is the truth; an event is news
of it, sent after the commit.
"""

from typing import TYPE_CHECKING, Any, Literal, TypedDict

from django.utils.translation import gettext

if TYPE_CHECKING:
    import uuid
    from datetime import datetime

    from backend.training.models import Adapter, TrainingRun


class VersionRef(TypedDict):
    id: str
    number: int


class AssistantRef(TypedDict):
    id: str
    slug: str
    name: str


class ParentRef(TypedDict):
    """The adapter that a run goes on from."""

    id: str
    name: str


class PersonRef(TypedDict):
    id: str
    name: str


class RunError(TypedDict):
    code: str
    message: str


class DroppedExample(TypedDict):
    """An example that was left out, by record and phrasing, and why."""

    id: str
    reason: str


class RunFields(TypedDict):
    """A training run as REST and the socket show it."""

    id: str
    number: int
    state: str
    phase: str
    resumable: bool
    step: int
    total_steps: int
    epoch: float
    progress: float
    remaining_s: float | None
    position: int | None  # in the queue, from 1; None unless queued
    adapter: str | None
    adapter_name: str | None
    error: RunError | None
    advice: str | None
    dropped: list[DroppedExample]
    dataset_version: VersionRef
    assistant: AssistantRef
    base_model: str
    parent: ParentRef | None
    settings: dict[str, Any]  # Any: the values of ``ml.settings``, each of its own type
    started_by: PersonRef | None
    created_at: str
    started_at: str | None
    finished_at: str | None


class RunStateEvent(RunFields):
    type: Literal["run.state"]
    run_id: str


class RunMetricEvent(TypedDict):
    type: Literal["run.metric"]
    run_id: str
    step: int
    kind: str
    value: float


class RunLogEvent(TypedDict):
    """A piece of the log; ``offset`` counts the log's bytes up to the end of ``text``."""

    type: Literal["run.log"]
    run_id: str
    step: int
    offset: int
    text: str


RunEvent = RunStateEvent | RunMetricEvent | RunLogEvent


def run_group(run_id: "uuid.UUID | str") -> str:
    """The channel group of everybody who follows the run."""
    return f"run.{run_id}"


def run_fields(run: "TrainingRun") -> RunFields:
    """The run in plain JSON values.

    Expects a row of ``selectors.training_run_rows``, which loads what this reads. Sentences are
    stored in English and told in the active language.
    """
    adapter: Adapter | None = getattr(run, "adapter", None)
    return {
        "id": str(run.pk),
        "number": run.number,
        "state": run.state,
        "phase": run.phase,
        "resumable": run.resumable,
        "step": run.step,
        "total_steps": run.total_steps,
        "epoch": run.epoch,
        "progress": run.progress,
        "remaining_s": run.remaining_s,
        "position": getattr(run, "queue_position", None),
        "adapter": str(adapter.pk) if adapter else None,
        "adapter_name": adapter.name if adapter else None,
        "error": _told(run.error),
        "advice": gettext(run.advice) if run.advice else None,
        "dropped": run.dropped,
        "dataset_version": {
            "id": str(run.dataset_version_id),
            "number": run.dataset_version.number,
        },
        "assistant": {
            "id": str(run.assistant_id),
            "slug": run.assistant.slug,
            "name": run.assistant.name,
        },
        "base_model": run.base_model,
        "parent": {"id": str(run.parent.pk), "name": run.parent.name} if run.parent else None,
        "settings": run.settings,
        "started_by": (
            {"id": str(run.started_by.pk), "name": str(run.started_by)} if run.started_by else None
        ),
        "created_at": _utc(run.created_at),
        "started_at": _utc(run.started_at) if run.started_at else None,
        "finished_at": _utc(run.finished_at) if run.finished_at else None,
    }


def state_event(run: "TrainingRun") -> RunStateEvent:
    """The whole run as it now is."""
    return {"type": "run.state", "run_id": str(run.pk), **run_fields(run)}


def metric_event(run_id: "uuid.UUID", step: int, kind: str, value: float) -> RunMetricEvent:
    """One measured value."""
    return {
        "type": "run.metric",
        "run_id": str(run_id),
        "step": step,
        "kind": kind,
        "value": value,
    }


def log_event(run: "TrainingRun", text: str, offset: int) -> RunLogEvent:
    """A piece of the log that ends at byte ``offset``."""
    return {
        "type": "run.log",
        "run_id": str(run.pk),
        "step": run.step,
        "offset": offset,
        "text": text,
    }


def _told(error: dict[str, str] | None) -> RunError | None:
    if error is None:
        return None
    message = error["message"]
    return {"code": error["code"], "message": gettext(message) if message else ""}


def _utc(moment: "datetime") -> str:
    return moment.isoformat().replace("+00:00", "Z")
