"""Which run is whose turn, and which are watched by nobody. The database is the truth.

Broker messages only hurry things along: whatever they lose is found here again.
"""

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from backend.training import ending, process
from backend.training.models import TrainingRun

if TYPE_CHECKING:
    import uuid

logger = logging.getLogger(__name__)

# A watcher shows a sign of life every few seconds; without one this long, another is asked for.
STALE_AFTER_S: Final = 20
# Asked for this long in vain: the machine is gone.
LOST_AFTER_S: Final = 120

State = TrainingRun.State


def claim_next() -> "tuple[uuid.UUID, int] | None":
    """Take the first waiting run for this machine, unless it has one already.

    Returns:
        The run's id and the number of its first slice; None when there is nothing to do.
    """
    host = process.this_host()
    if TrainingRun.objects.filter(host=host, state__in=TrainingRun.ACTIVE).exists():
        return None
    for run in TrainingRun.objects.filter(state=State.QUEUED).order_by("number"):
        try:
            with transaction.atomic():
                now = timezone.now()
                claimed = TrainingRun.objects.transition(
                    run.pk,
                    State.QUEUED,
                    State.RUNNING,
                    host=host,
                    pid=None,
                    error=None,
                    advice="",
                    started_at=Coalesce(F("started_at"), Now()),
                    heartbeat_at=now,
                    asked_at=None,
                    watch=F("watch") + 1,
                )
                if claimed:
                    ending.publish_state(run.pk)
                    ending.publish_queue()
        except IntegrityError:
            return None  # another process of this machine took one at the same moment
        if claimed:
            run.refresh_from_db(fields=["watch"])
            return run.pk, run.watch
    return None


def has_waiting() -> bool:
    """Whether a run waits for a machine."""
    return TrainingRun.objects.filter(state=State.QUEUED).exists()


def unwatched(*, host: str | None = None) -> "list[tuple[uuid.UUID, int]]":
    """Runs that need a watcher, with the number of the slice to ask for.

    Args:
        host: a trainer has just started on that machine: its runs, however fresh their last
            sign of life. None: those of any machine without a sign of life.
    """
    now = timezone.now()
    stale = Q(heartbeat_at=None) | Q(heartbeat_at__lt=now - timedelta(seconds=STALE_AFTER_S))
    wanted = stale if host is None else Q(host=host)
    asked = []
    for run in TrainingRun.objects.filter(wanted, state__in=TrainingRun.ACTIVE):
        if run.asked_at and (now - run.asked_at).total_seconds() > LOST_AFTER_S:
            logger.warning("run %s: nobody on %s answers", run.pk, run.host)
            ending.run_fail(run=run, code="machine_lost", message=ending.LOST)
            continue
        # With a new number, so that an old message, should it still come, is an old one.
        if TrainingRun.objects.filter(
            pk=run.pk, watch=run.watch, state__in=TrainingRun.ACTIVE
        ).update(watch=run.watch + 1, asked_at=Coalesce(F("asked_at"), Now())):
            asked.append((run.pk, run.watch + 1))
    return asked


def end_strays() -> None:
    """Ask training processes to end on this machine whose run no longer counts as being trained."""
    folders = {run.folder for run in TrainingRun.objects.filter(state__in=TrainingRun.ACTIVE)}
    for pid, folder in process.all_in(settings.RUNS_DIR):
        if folder not in folders:
            logger.warning("ending a stray training process", extra={"pid": pid})
            process.terminate(pid)
