"""Reads of runs, their metrics and logs, for whoever may read runs."""

import math
from typing import TYPE_CHECKING, Final

from django.core.exceptions import ValidationError
from django.db.models import Case, Count, OuterRef, Q, Subquery, When
from django.db.models.functions import Coalesce, Mod
from django.utils.translation import gettext as _

from backend.accounts.roles import Action, require
from backend.common.errors import NotFound
from backend.training import files
from backend.training.events import RunEvent, log_event, metric_event, state_event
from backend.training.models import Adapter, AdapterJob, RunMetric, TrainingRun

if TYPE_CHECKING:
    import uuid

    from django.db.models import QuerySet

    from backend.accounts.models import User

METRICS_LIMIT: Final = 20_000
LOG_LIMIT: Final = 256 * 1024
# What a page that opens a run is sent over the socket.
REPLAY_METRICS: Final = 5_000
REPLAY_RECENT_STEPS: Final = 200
REPLAY_LOG: Final = 64 * 1024


def training_run_rows() -> "QuerySet[TrainingRun]":
    """Runs with everything that ``events.run_fields`` reads, in one query; checks nobody."""
    queued = TrainingRun.State.QUEUED
    runs = TrainingRun.objects.filter(state=queued, number__lte=OuterRef("number"))
    jobs = AdapterJob.objects.filter(state=queued, created_at__lt=OuterRef("created_at"))
    before: list[Coalesce] = [
        Coalesce(
            Subquery(kind.order_by().values("state").annotate(count=Count("pk")).values("count")), 0
        )
        for kind in (runs, jobs)
    ]
    return TrainingRun.objects.select_related(
        "dataset_version", "assistant", "started_by", "adapter", "parent"
    ).annotate(queue_position=Case(When(state=queued, then=before[0] + before[1])))


def training_run_list(*, user: "User") -> "QuerySet[TrainingRun]":
    """All runs, newest first."""
    require(user, Action.RUNS_READ)
    return training_run_rows()


def training_run_get(*, user: "User", run_id: "uuid.UUID | str") -> TrainingRun:
    """One run.

    Raises:
        NotFound: there is none with that id.
    """
    runs = training_run_list(user=user)
    try:
        found = runs.filter(pk=run_id).first()
    except ValidationError:  # no UUID at all, as a socket may send
        found = None
    if found is None:
        raise NotFound(_("There is no such training run."))
    return found


def parent_get(*, user: "User", adapter_id: "uuid.UUID | str") -> Adapter:
    """The adapter that a new run is to go on from.

    Raises:
        NotFound: there is none with that id.
    """
    require(user, Action.RUNS_READ)
    found = Adapter.objects.select_related("run").filter(pk=adapter_id).first()
    if found is None:
        raise NotFound(_("There is no such adapter."))
    return found


def training_run_metrics(
    *, user: "User", run_id: "uuid.UUID | str", after: int = -1
) -> list[RunMetric]:
    """What was measured at the steps after ``after``, by step; at most 20,000 values.

    A caller that gets as many asks again after the last step.
    """
    run = training_run_get(user=user, run_id=run_id)
    return list(run.metrics.filter(step__gt=after)[:METRICS_LIMIT])


def training_run_log(
    *, user: "User", run_id: "uuid.UUID | str", after: int | None = None
) -> tuple[str, int]:
    """Text of the log from byte ``after`` on, and the byte after it; at most 256 KiB.

    Without ``after`` the end of the log.
    """
    run = training_run_get(user=user, run_id=run_id)
    start = max(files.log_size(run.folder) - LOG_LIMIT, 0) if after is None else after
    return files.log_after(run.folder, start, limit=LOG_LIMIT)


def run_follow_snapshot(
    *, user: "User", run_id: "uuid.UUID | str", after_step: int = -1, after_offset: int = 0
) -> list[RunEvent]:
    """What a follower is sent first: the run's state, past metrics, and the log so far.

    Join ``events.run_group`` before calling this and send later news after it: then nothing is
    missing. A metric may come twice (a validation loss may follow its step's loss, so the step
    ``after_step`` itself is sent again); it replaces itself. Log text that ends at or before
    the last ``offset`` was seen before. A long curve is thinned out, save its last 200 steps and
    all validation losses; a long log is cut at the front.

    Raises:
        NotAllowed: the person may not read runs.
        NotFound: there is none with that id.
    """
    run = training_run_get(user=user, run_id=run_id)
    replayed: list[RunEvent] = [state_event(run)]
    replayed.extend(
        metric_event(run.pk, metric.step, metric.kind, metric.value)
        for metric in _thinned(run, after_step)
    )
    # Only what was published before: the next live piece begins exactly there.
    start = max(after_offset, run.log_offset - REPLAY_LOG)
    if start < run.log_offset:
        text, offset = files.log_after(run.folder, start, limit=run.log_offset - start)
        replayed.append(log_event(run, text, offset))
    return replayed


def _thinned(run: TrainingRun, after_step: int) -> "QuerySet[RunMetric]":
    metrics = run.metrics.filter(step__gte=after_step)
    every = math.ceil(metrics.count() / REPLAY_METRICS)
    if every <= 1:
        return metrics
    return metrics.alias(rest=Mod("step", every)).filter(
        Q(rest=0) | Q(kind=RunMetric.Kind.EVAL_LOSS) | Q(step__gt=run.step - REPLAY_RECENT_STEPS)
    )
