"""When the runs that wait are expected to begin: from what similar runs have taken."""

import heapq
import statistics
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from django.utils import timezone

from backend.training.models import TrainingRun
from backend.training.past_runs import settings_of

if TYPE_CHECKING:
    import uuid
    from datetime import datetime

# So many of the last finished runs are asked how long they took.
LOOKED_AT: Final = 30

State = TrainingRun.State


def expected_starts() -> "dict[uuid.UUID, datetime]":
    """For every waiting run that it is known of, when its turn comes.

    A machine takes the next run when it has ended its own; machines that train nothing are not
    known of, so a queue that nobody works on has no times. Once a run's own duration is unknown,
    so are the starts of those after it on that machine.
    """
    now = timezone.now()
    active = TrainingRun.objects.filter(state__in=TrainingRun.ACTIVE, remaining_s__isnull=False)
    free = [
        now + timedelta(seconds=seconds)
        for seconds in active.order_by().values_list("remaining_s", flat=True)
        if seconds is not None
    ]
    if not free:
        return {}
    heapq.heapify(free)
    paces = _paces()
    starts: dict[uuid.UUID, datetime] = {}
    queued = TrainingRun.objects.filter(state=State.QUEUED).select_related("dataset_version")
    for run in queued.order_by("number"):
        if not free:
            break
        starts[run.pk] = heapq.heappop(free)
        if (seconds := _expected_s(run, paces)) is not None:
            heapq.heappush(free, starts[run.pk] + timedelta(seconds=seconds))
    return starts


def _paces() -> dict[str, float]:
    """Seconds per example of the runs that have ended well, by base model."""
    ended = TrainingRun.objects.filter(
        state=State.SUCCEEDED, started_at__isnull=False, finished_at__isnull=False, step__gt=0
    ).order_by("-number")
    seen: dict[str, list[float]] = {}
    for run in ended.only("base_model", "settings", "step", "started_at", "finished_at")[
        :LOOKED_AT
    ]:
        settings = settings_of(run.settings)
        if settings is None or run.started_at is None or run.finished_at is None:
            continue
        seconds = (run.finished_at - run.started_at).total_seconds()
        seen.setdefault(run.base_model, []).append(
            seconds / (run.step * settings.examples_per_step)
        )
    return {model: statistics.median(paces) for model, paces in seen.items()}


def _expected_s(run: TrainingRun, paces: dict[str, float]) -> float | None:
    """How long a waiting run will take; None where no run of its base model has ended yet."""
    settings = settings_of(run.settings)
    if settings is None or run.base_model not in paces:
        return None
    steps = run.total_steps or settings.steps(int(run.dataset_version.examples["train"]))
    return max(0, steps - run.step) * settings.examples_per_step * paces[run.base_model]
