"""When the runs that wait are expected to begin: from what similar work has taken."""

import heapq
import statistics
from dataclasses import dataclass, field
from datetime import timedelta
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from django.utils import timezone

from backend.training.models import AdapterJob, AnyJob, DeviceJob, TrainingRun
from backend.training.past_runs import settings_of

if TYPE_CHECKING:
    import uuid
    from datetime import datetime

# So many of the last runs, and of the last jobs on adapters, are asked how long they took.
LOOKED_AT: Final = 30

State = DeviceJob.State
KINDS: Final = (TrainingRun, AdapterJob)


def expected_starts() -> "dict[uuid.UUID, datetime]":
    """For every waiting run that it is known of, when its turn comes.

    A device takes what has waited longest when it has ended its own work; devices that do nothing
    are not known of, so a queue that nobody works on has no times. Once it is unknown how long
    something takes, so is what begins after it on that device.
    """
    now = timezone.now()
    free = [
        now + timedelta(seconds=seconds)
        for kind in KINDS
        for seconds in kind.objects.filter(state__in=DeviceJob.ACTIVE, remaining_s__isnull=False)
        .order_by()
        .values_list("remaining_s", flat=True)
        if seconds is not None
    ]
    if not free:
        return {}
    heapq.heapify(free)
    paces = _paces()
    starts: dict[uuid.UUID, datetime] = {}
    for job in _waiting():
        if not free:
            break
        start = heapq.heappop(free)
        if isinstance(job, TrainingRun):
            starts[job.pk] = start
        if (seconds := paces.expected_s(job)) is not None:
            heapq.heappush(free, start + timedelta(seconds=seconds))
    return starts


def _waiting() -> list[AnyJob]:
    """Everything in the queue, in its order."""
    runs = TrainingRun.objects.filter(state=State.QUEUED).select_related("dataset_version")
    jobs = AdapterJob.objects.filter(state=State.QUEUED)
    return sorted([*runs, *jobs], key=attrgetter("created_at", "number"))


@dataclass
class _Paces:
    """What work has taken: seconds per example by base model, seconds per job by its kind."""

    example_s: dict[str, float] = field(default_factory=dict)
    job_s: dict[str, float] = field(default_factory=dict)

    def expected_s(self, job: AnyJob) -> float | None:
        """How long it will take; None where nothing like it has ended yet."""
        if isinstance(job, AdapterJob):
            return self.job_s.get(job.kind)
        settings = settings_of(job.settings)
        if settings is None or job.base_model not in self.example_s:
            return None
        steps = job.total_steps or settings.steps(int(job.dataset_version.examples["train"]))
        left = max(0, steps - job.step) * settings.examples_per_step
        return left * self.example_s[job.base_model]


def _paces() -> _Paces:
    examples: dict[str, list[float]] = {}
    for run in TrainingRun.objects.filter(state=State.SUCCEEDED, step__gt=0).order_by("-number")[
        :LOOKED_AT
    ]:
        settings, seconds = settings_of(run.settings), _took_s(run)
        if settings is not None and seconds is not None:
            pace = seconds / (run.step * settings.examples_per_step)
            examples.setdefault(run.base_model, []).append(pace)
    jobs: dict[str, list[float]] = {}
    for job in AdapterJob.objects.filter(state=State.SUCCEEDED).order_by("-number")[:LOOKED_AT]:
        if (seconds := _took_s(job)) is not None:
            jobs.setdefault(job.kind, []).append(seconds)
    return _Paces(
        {model: statistics.median(paces) for model, paces in examples.items()},
        {kind: statistics.median(taken) for kind, taken in jobs.items()},
    )


def _took_s(job: AnyJob) -> float | None:
    if job.started_at is None or job.finished_at is None:
        return None
    return (job.finished_at - job.started_at).total_seconds()
