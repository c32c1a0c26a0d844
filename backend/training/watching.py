"""One watcher of one run's process: turns what it writes into rows and events, honours stop."""

import logging
from typing import TYPE_CHECKING, Any, Final, Self

from django.db import transaction
from django.utils import timezone

from backend.common.errors import DomainError
from backend.common.realtime import publish_on_commit
from backend.training import ending, files, launch, process
from backend.training.events import log_event, metric_event, run_group
from backend.training.models import RunMetric, TrainingRun

if TYPE_CHECKING:
    from datetime import datetime

logger = logging.getLogger(__name__)

HEARTBEAT_S: Final = 3.0
LOG_AT_ONCE: Final = 32 * 1024
# From the stop file to SIGTERM: one optimiser step and a checkpoint; from there to SIGKILL.
STOP_GRACE_S: Final = 60.0
TERM_GRACE_S: Final = 20.0
# Changed on every look, and nothing that a page shows.
UNSHOWN: Final = {"metrics_offset", "log_offset"}


class WatchLost(Exception):
    """Another watcher has taken the run over, or it is no longer being trained."""


class Watcher:
    """May write to the run as long as the row's ``watch`` is the number that it took."""

    def __init__(self, run: TrainingRun) -> None:
        self.run = run
        self.folder = run.folder
        self.seen_at = timezone.now()

    @classmethod
    def take(cls, run: TrainingRun) -> Self | None:
        """Become the watcher after number ``run.watch``; None when somebody else did."""
        taken = TrainingRun.objects.filter(
            pk=run.pk, watch=run.watch, state__in=TrainingRun.ACTIVE
        ).update(watch=run.watch + 1, heartbeat_at=timezone.now(), asked_at=None)
        if not taken:
            return None
        run.watch += 1
        return cls(run)

    def adopt(self) -> bool:
        """Find the run's process on this machine and note where it is; False without one."""
        host = process.this_host()
        pid = process.find(self.folder, self.run.pid)
        if pid is None:
            return False
        if (self.run.host, self.run.pid) != (host, pid):
            logger.info("run %s: found its process %s", self.run.pk, pid)
            self._write(host=host, pid=pid)
        return True

    def start(self) -> bool:
        """Start the process of a run that has had none yet.

        Returns:
            False when it could not be started and the run has failed.
        """
        try:
            if not launch.prepare(self.run):
                self._begin_anew()
            pid = process.start(self.folder)
        except (DomainError, OSError) as error:
            logger.warning("run %s: could not be started: %s", self.run.pk, error)
            if not ending.run_fail_start(run=self.run, error=error):
                raise WatchLost from error
            return False
        try:
            self._write(pid=pid)
        except WatchLost:
            process.kill(pid)
            raise
        return True

    def look(self) -> bool:
        """Note what is new and honour a stop; False when the run has ended."""
        if self.is_alive():
            self.note()
            self._honour_stop()
            return True
        self.note_rest()
        self.conclude()
        return False

    def is_alive(self) -> bool:
        """Whether the run's process is there; one that is not has written all it will."""
        pid = self.run.pid
        return pid is not None and process.find(self.folder, pid) is not None

    def note_rest(self) -> None:
        """Note everything that a process has left which is gone."""
        while self.note():
            pass

    def conclude(self, *, hand_back: bool = False) -> None:
        """Give the run, whose process is gone, its final state."""
        code = process.exit_code(self.run.pid)
        if not ending.run_conclude(run=self.run, exit_code=code, hand_back=hand_back):
            raise WatchLost

    def end_process(self, *, waited_s: float, term_after_s: float, kill_after_s: float) -> None:
        """Make the process end: a file that asks, then SIGTERM, then SIGKILL for its group."""
        files.ask_to_stop(self.folder)
        pid = process.find(self.folder, self.run.pid)
        if pid is None:
            return
        if waited_s > kill_after_s:
            process.kill(pid)
        elif waited_s > term_after_s:
            process.terminate(pid)

    def _begin_anew(self) -> None:
        """Forget what an attempt without a checkpoint had measured."""
        with transaction.atomic():
            self._write(step=0, epoch=0.0, dropped=[], metrics_offset=0)
            self.run.metrics.all().delete()

    def note(self) -> bool:
        """Turn what the files newly say into rows and events; whether they said anything."""
        run = self.run
        progress = files.progress_after(self.folder, run.metrics_offset)
        text, log_offset = files.log_after(self.folder, run.log_offset, limit=LOG_AT_ONCE)
        values: dict[str, Any] = _shown(progress, files.status_read(self.folder))
        values |= {"metrics_offset": progress.offset, "log_offset": log_offset}
        changed = {name: value for name, value in values.items() if getattr(run, name) != value}
        now = timezone.now()
        if not changed and (now - self.seen_at).total_seconds() < HEARTBEAT_S:
            return False
        with transaction.atomic():
            self._write(**changed)
            latest = {(measure.step, measure.kind): measure for measure in progress.measures}
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
            if text:
                publish_on_commit(run_group(run.pk), log_event(run, text, log_offset))
            if changed.keys() - UNSHOWN:
                ending.publish_state(run.pk)
        self.seen_at = now
        return not changed.keys().isdisjoint(UNSHOWN)

    def _honour_stop(self) -> None:
        self.run.refresh_from_db(fields=["state", "stop_asked_at"])
        if self.run.state != TrainingRun.State.STOPPING:
            return
        asked_at: datetime = self.run.stop_asked_at or self.seen_at
        self.end_process(
            waited_s=(timezone.now() - asked_at).total_seconds(),
            term_after_s=STOP_GRACE_S,
            kill_after_s=STOP_GRACE_S + TERM_GRACE_S,
        )

    def _write(self, **values: object) -> None:
        """Write to the row and show a sign of life.

        Raises:
            WatchLost: the run is somebody else's by now.
        """
        now = timezone.now()
        written = TrainingRun.objects.filter(
            pk=self.run.pk, watch=self.run.watch, state__in=TrainingRun.ACTIVE
        ).update(**values, heartbeat_at=now, asked_at=None, updated_at=now)
        if not written:
            raise WatchLost
        for name, value in values.items():
            setattr(self.run, name, value)


def _shown(progress: files.Progress, status: files.Status | None) -> dict[str, Any]:
    """The row's fields that the files speak of."""
    values: dict[str, Any] = {}
    if status is not None:
        values = {"phase": status.phase, "resumable": status.resumable}
        said = {
            "step": status.step,
            "total_steps": status.total_steps,
            "dropped": status.dropped[: files.DROPPED_SHOWN],
        }
        # What a process has not found out yet is no news.
        values |= {name: value for name, value in said.items() if value}
    # The metrics file is the newer one of the two while it grows.
    for name in ("step", "total_steps", "epoch", "remaining_s"):
        if (value := getattr(progress, name)) is not None:
            values[name] = value
    return values
