"""The events of an answer made again from its row, one for one, when the stream is gone."""

from typing import TYPE_CHECKING, cast

from backend.chat.models import Message

if TYPE_CHECKING:
    import uuid

    from backend.chat.events import ReplyEvent, Timings, Usage

TOKEN_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")


def events_after(message: Message, after_seq: int) -> "list[ReplyEvent]":
    """Every event up to ``message.seq`` that follows ``after_seq``; an ended answer's last always.

    Their texts, joined, are exactly what is missing of the stored text.
    """
    message_id, ended = str(message.pk), not message.is_under_way
    events: list[ReplyEvent] = []
    text_at = reasoning_at = 0
    for seq, length in enumerate(message.event_lengths, start=1):
        start_text, start_reasoning = text_at, reasoning_at
        text_at += max(length, 0)
        reasoning_at += max(-length, 0)
        if seq <= after_seq or (ended and seq == message.seq):
            continue
        if length > 0:
            part = message.text[start_text:text_at]
            events.append(
                {"type": "reply.token", "message_id": message_id, "seq": seq, "text": part}
            )
        elif length < 0:
            part = message.reasoning[start_reasoning:reasoning_at]
            events.append(
                {"type": "reply.reasoning", "message_id": message_id, "seq": seq, "text": part}
            )
        else:
            # A start, or the end of an earlier attempt that has been taken up again.
            events.append(started_event(message, seq=seq))
    if ended:
        events.append(final_event(message))
    return events


def started_event(message: Message, *, seq: int) -> "ReplyEvent":
    adapter = message.adapter
    return {
        "type": "reply.started",
        "message_id": str(message.pk),
        "seq": seq,
        "adapter": None if adapter is None else {"id": str(adapter.pk), "name": adapter.name},
    }


def deleted_event(message_id: "uuid.UUID", seq: int) -> "ReplyEvent":
    """The end of an answer whose conversation was deleted while somebody followed it."""
    return {"type": "reply.interrupted", "message_id": str(message_id), "seq": seq + 1}


def final_event(message: Message) -> "ReplyEvent":
    """The last event of an ended answer, as its row tells it."""
    message_id, seq = str(message.pk), message.seq
    match message.state:
        case Message.State.FINISHED:
            timings = {k: v for k, v in message.usage.items() if k not in TOKEN_COUNTS}
            return {
                "type": "reply.finished",
                "message_id": message_id,
                "seq": seq,
                "finish_reason": message.finish_reason,
                "usage": cast("Usage", message.usage),
                "timings": cast("Timings", timings),
            }
        case Message.State.STOPPED:
            return {"type": "reply.stopped", "message_id": message_id, "seq": seq}
        case Message.State.INTERRUPTED:
            return {"type": "reply.interrupted", "message_id": message_id, "seq": seq}
        case Message.State.FAILED:
            error = message.error or {}
            return {
                "type": "reply.failed",
                "message_id": message_id,
                "seq": seq,
                "code": str(error.get("code", "")),
                "message": str(error.get("message", "")),
            }
    raise ValueError(f"the answer {message_id} has not ended")
