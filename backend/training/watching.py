"""One watcher of one job's process: turns what it writes into rows and events, honours stop."""

import logging
from typing import TYPE_CHECKING, Any, Final, Self

from django.db import transaction
from django.utils import timezone

from backend.common.errors import DomainError
from backend.common.realtime import publish_on_commit
from backend.training import ending, files, launch, process
from backend.training.events import log_event, metric_event, run_group
from backend.training.models import AnyJob, DeviceJob, RunMetric, TrainingRun

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet

    from backend.training.models import AdapterJob

logger = logging.getLogger(__name__)

HEARTBEAT_S: Final = 3.0
LOG_AT_ONCE: Final = 32 * 1024
# From the stop file to SIGTERM: one optimiser step and a checkpoint; from there to SIGKILL.
STOP_GRACE_S: Final = 60.0
TERM_GRACE_S: Final = 20.0
# Changed on every look, and nothing that a page shows.
UNSHOWN: Final = {"metrics_offset", "log_offset"}


class WatchLost(Exception):
    """Another watcher has taken the job over, or it is no longer being worked on."""


class Watcher:
    """May write to the job's row as long as the row's ``watch`` is the number that it took."""

    def __init__(self, job: AnyJob) -> None:
        self.job = job
        self.folder = job.folder
        self.seen_at = timezone.now()

    @classmethod
    def take(cls, job: AnyJob) -> Self | None:
        """Become the watcher after number ``job.watch``; None when somebody else did."""
        taken = cls._own(job).update(
            watch=job.watch + 1, heartbeat_at=timezone.now(), asked_at=None
        )
        if not taken:
            return None
        job.watch += 1
        return cls(job)

    @staticmethod
    def _own(job: AnyJob) -> "QuerySet[TrainingRun] | QuerySet[AdapterJob]":
        """The job's row, as long as nobody else watches it and it is worked on."""
        return type(job).objects.filter(pk=job.pk, watch=job.watch, state__in=DeviceJob.ACTIVE)

    def adopt(self) -> bool:
        """Find the job's process on this machine and note where it is; False without one."""
        host = process.this_host()
        pid = process.find(self.folder, self.job.pid)
        if pid is None:
            return False
        if (self.job.host, self.job.pid) != (host, pid):
            logger.info("%s %s: found its process %s", self.job, self.job.pk, pid)
            self._write(host=host, pid=pid)
        return True

    def start(self) -> bool:
        """Start the process of a job that has had none yet.

        Returns:
            False when it could not be started and the job has failed.
        """
        try:
            if not launch.prepare(self.job):
                self._begin_anew()
            pid = process.start(self.job)
        except (DomainError, OSError) as error:
            logger.warning("%s %s: could not be started: %s", self.job, self.job.pk, error)
            if not ending.job_fail_start(job=self.job, error=error):
                raise WatchLost from error
            return False
        try:
            self._write(pid=pid)
        except WatchLost:
            process.kill(pid)
            raise
        return True

    def look(self) -> bool:
        """Note what is new and honour a stop; False when the job has ended."""
        if self.is_alive():
            self.note()
            self._honour_stop()
            return True
        self.note_rest()
        self.conclude()
        return False

    def is_alive(self) -> bool:
        """Whether the job's process is there; one that is not has written all it will."""
        pid = self.job.pid
        return pid is not None and process.find(self.folder, pid) is not None

    def note_rest(self) -> None:
        """Note everything that a process has left which is gone."""
        while self.note():
            pass

    def conclude(self, *, hand_back: bool = False) -> None:
        """Give the job, whose process is gone, its final state."""
        code = process.exit_code(self.job.pid)
        if not ending.job_conclude(job=self.job, exit_code=code, hand_back=hand_back):
            raise WatchLost

    def end_process(self, *, waited_s: float, term_after_s: float, kill_after_s: float) -> None:
        """Make the process end: a file that asks, then SIGTERM, then SIGKILL for its group."""
        files.ask_to_stop(self.folder)
        pid = process.find(self.folder, self.job.pid)
        if pid is None:
            return
        if waited_s > kill_after_s:
            process.kill(pid)
        elif waited_s > term_after_s:
            process.terminate(pid)

    def _begin_anew(self) -> None:
        """Forget what an attempt without a checkpoint had measured."""
        if not isinstance(self.job, TrainingRun):
            return
        with transaction.atomic():
            self._write(step=0, epoch=0.0, dropped=[], metrics_offset=0)
            self.job.metrics.all().delete()

    def note(self) -> bool:
        """Turn what the files newly say into rows and events; whether they said anything."""
        job = self.job
        text, log_offset = files.log_after(self.folder, job.log_offset, limit=LOG_AT_ONCE)
        status = files.status_read(self.folder)
        measures: list[files.Measure] = []
        values: dict[str, Any] = {"log_offset": log_offset, **_said(status)}
        if isinstance(job, TrainingRun):
            progress = files.progress_after(self.folder, job.metrics_offset)
            measures = progress.measures
            values |= _measured(progress, status)
        changed = {name: value for name, value in values.items() if getattr(job, name) != value}
        now = timezone.now()
        if not changed and (now - self.seen_at).total_seconds() < HEARTBEAT_S:
            return False
        with transaction.atomic():
            self._write(**changed)
            if isinstance(job, TrainingRun):
                _measures_write(job, measures)
                if text:
                    publish_on_commit(run_group(job.pk), log_event(job, text, log_offset))
            if changed.keys() - UNSHOWN:
                ending.publish_state(job)
        self.seen_at = now
        return not changed.keys().isdisjoint(UNSHOWN)

    def _honour_stop(self) -> None:
        self.job.refresh_from_db(fields=["state", "stop_asked_at"])
        if self.job.state != DeviceJob.State.STOPPING:
            return
        asked_at: datetime = self.job.stop_asked_at or self.seen_at
        self.end_process(
            waited_s=(timezone.now() - asked_at).total_seconds(),
            term_after_s=STOP_GRACE_S,
            kill_after_s=STOP_GRACE_S + TERM_GRACE_S,
        )

    def _write(self, **values: object) -> None:
        """Write to the row and show a sign of life.

        Raises:
            WatchLost: the job is somebody else's by now.
        """
        now = timezone.now()
        written = self._own(self.job).update(
            **values, heartbeat_at=now, asked_at=None, updated_at=now
        )
        if not written:
            raise WatchLost
        for name, value in values.items():
            setattr(self.job, name, value)


def _said(status: files.Status | None) -> dict[str, Any]:
    """The row's fields that every process speaks of."""
    if status is None:
        return {}
    said = {"step": status.step, "total_steps": status.total_steps}
    # What a process has not found out yet is no news.
    known = {name: value for name, value in said.items() if value}
    return {"phase": status.phase, "resumable": status.resumable, **known}


def _measured(progress: files.Progress, status: files.Status | None) -> dict[str, Any]:
    """The fields of a run's row that only training speaks of."""
    values: dict[str, Any] = {"metrics_offset": progress.offset}
    if status is not None and status.dropped:
        values["dropped"] = status.dropped[: files.DROPPED_SHOWN]
    # The metrics file is the newer one of the two while it grows.
    for name in ("step", "total_steps", "epoch", "remaining_s"):
        if (value := getattr(progress, name)) is not None:
            values[name] = value
    return values


def _measures_write(run: TrainingRun, measures: "list[files.Measure]") -> None:
    latest = {(measure.step, measure.kind): measure for measure in measures}
    RunMetric.objects.bulk_create(
        [
            RunMetric(run=run, step=measure.step, kind=measure.kind, value=measure.value)
            for measure in latest.values()
        ],
        # A step that is trained again after a resume replaces itself.
        update_conflicts=True,
        unique_fields=["run", "step", "kind"],
        update_fields=["value"],
    )
    for measure in latest.values():
        event = metric_event(run.pk, measure.step, measure.kind, measure.value)
        publish_on_commit(run_group(run.pk), event)
