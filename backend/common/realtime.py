"""The only caller of ``group_send``: events leave after the commit that they tell of."""

import logging
from typing import TYPE_CHECKING

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger(__name__)


def publish_on_commit(group: str, event: "Mapping[str, object]") -> None:
    """Send ``event`` (a JSON object with ``type``) to everybody in ``group`` after the commit.

    The row is the truth and the event only news of it: when Redis is away the news is dropped
    with a log line, and the page reads the row at its next follow.
    """
    transaction.on_commit(lambda: _send(group, event))


def _send(group: str, event: "Mapping[str, object]") -> None:
    layer = get_channel_layer()
    if layer is None:  # pragma: no cover - settings always name one
        raise RuntimeError("CHANNEL_LAYERS is not configured")
    try:
        async_to_sync(layer.group_send)(group, {"type": "forward", "event": dict(event)})
    except (OSError, ConnectionError) as error:
        logger.warning("event lost", extra={"group": group, "reason": str(error)})
