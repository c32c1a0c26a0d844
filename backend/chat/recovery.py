"""What heals answers when Redis forgot them or their replier died: the database is the truth.

Run by every replier at its start and on a timer, and by beat through ``chat.tasks``. Everything
here is compare-and-set, so it does not matter how many do it at once.
"""

import logging
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import redis
from django.utils import timezone

from backend.chat import replay, streams
from backend.chat.models import Message

logger = logging.getLogger(__name__)

# A row is offered right after its commit; one that is still not there by then was lost.
OFFERED_WITHIN_S: Final = 2
# Repliers save every second; one that has not for this long, and whose key is gone, is dead.
SILENT_S: Final = 8
MAX_ATTEMPTS: Final = 3


@dataclass(kw_only=True)
class Healed:
    """How many replies were offered again, and how many were settled for a dead replier."""

    offered: int = 0
    settled: int = 0


@dataclass(kw_only=True)
class Written:
    """What an answer holds, with the events that its stream has beyond its row."""

    seq: int
    text: str
    reasoning: str
    event_lengths: list[int] = field(default_factory=list)


def replies_heal() -> Healed:
    """Offer what the queue lost and settle what dead repliers left; nothing while Redis is away."""
    try:
        return Healed(offered=_offer_lost(), settled=_settle_abandoned())
    except redis.RedisError as error:
        logger.warning("answers are not looked after while Redis is away: %s", error)
        return Healed()


def _offer_lost() -> int:
    before = timezone.now() - timedelta(seconds=OFFERED_WITHIN_S)
    queued = list(
        Message.objects.filter(state=Message.State.QUEUED, queued_at__lt=before)
        .order_by("queued_at")
        .values_list("pk", flat=True)
    )
    # Looked at after the rows: whoever is taken in between is offered once too often, harmlessly.
    offered = streams.queue_offered() if queued else set()
    lost = [reply_id for reply_id in queued if str(reply_id) not in offered]
    for reply_id in lost:
        streams.queue_add(reply_id)
    return len(lost)


def _settle_abandoned() -> int:
    before = timezone.now() - timedelta(seconds=SILENT_S)
    silent = Message.objects.filter(state=Message.State.STREAMING, heartbeat_at__lt=before)
    return sum(
        reply_settle(reply=reply)
        for reply in silent.select_related("adapter")
        if not streams.is_replier_alive(reply.replier)
    )


def reply_settle(*, reply: Message) -> bool:
    """Give an answer that nobody writes any more a truthful end, or another try.

    One without a single word goes back to the queue, a few times; one with text is interrupted,
    with every character that reached its stream.

    Returns:
        False when somebody else has settled it.
    """
    written = written_so_far(reply)
    has_text = bool(written.text or written.reasoning)
    if reply.stop_requested:
        return _settle(reply, written, Message.State.STOPPED)
    if not has_text and reply.attempts < MAX_ATTEMPTS:
        return reply_requeue(reply=reply, written=written)
    return _settle(reply, written, Message.State.INTERRUPTED)


def reply_requeue(*, reply: Message, written: Written) -> bool:
    """Put an answer that has not begun back into the queue."""
    requeued = Message.objects.filter(replier=reply.replier).transition(
        reply.pk,
        Message.State.STREAMING,
        Message.State.QUEUED,
        seq=written.seq,
        event_lengths=written.event_lengths,
    )
    if requeued:
        streams.queue_add(reply.pk)
    return requeued


def written_so_far(reply: Message) -> Written:
    """The row's text and what the stream has beyond it."""
    written = Written(
        seq=reply.seq,
        text=reply.text,
        reasoning=reply.reasoning,
        event_lengths=list(reply.event_lengths),
    )
    for event in streams.entries_after(reply.pk, reply.seq):
        if event["seq"] != written.seq + 1:
            # A hole: what lies behind it cannot be joined to what lies before.
            break
        written.seq = event["seq"]
        text = event.get("text", "")
        if event["type"] == "reply.token":
            written.text += text
            written.event_lengths.append(len(text))
        elif event["type"] == "reply.reasoning":
            written.reasoning += text
            written.event_lengths.append(-len(text))
        else:
            written.event_lengths.append(0)
    return written


def _settle(reply: Message, written: Written, state: Message.State) -> bool:
    seq = written.seq + 1
    settled = Message.objects.filter(replier=reply.replier).transition(
        reply.pk,
        Message.State.STREAMING,
        state,
        seq=seq,
        text=written.text,
        reasoning=written.reasoning,
        event_lengths=[*written.event_lengths, 0],
    )
    if settled:
        reply.state, reply.seq = state, seq
        streams.final_publish(replay.final_event(reply))
        logger.info("answer settled", extra={"reply": str(reply.pk), "state": state.value})
    return settled
