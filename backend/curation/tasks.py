"""Celery's part in the curation: messages that make the worker look at the database.

Each may be lost, late or doubled; a timer asks again.
"""

import logging

from celery import shared_task
from kombu.exceptions import OperationalError as BrokerUnavailable

from backend.curation import uploads
from backend.curation.findings.sweep import findings_sweep
from backend.curation.tally import tally_compact

logger = logging.getLogger(__name__)

QUEUE = "knowledge"
# One look finds everything that is due, so older messages need no answer.
EXPIRES_S = 60


@shared_task
def uploads_clean() -> None:
    """Remove uploaded files that nobody came back for."""
    uploads.uploads_clean()


@shared_task(name="backend.curation.tasks.sweep_findings")
def sweep_findings() -> None:
    """Check records that are due; goes on in another message, so that others get their turn."""
    tally_compact()
    if findings_sweep():
        sweep_ask()


def sweep_ask() -> None:
    """Have the worker look; without a broker the timer will."""
    try:
        sweep_findings.apply_async(queue=QUEUE, expires=EXPIRES_S, retry=False)
    except BrokerUnavailable as error:
        logger.warning("message lost: %s", error, extra={"task": sweep_findings.name})
