"""The replier's steps in the database: take, save, end. Each is short and holds nothing after."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from backend.chat import recovery, replay, selectors, streams
from backend.chat.database import database_step
from backend.chat.events import AdapterName
from backend.chat.failures import language_of, sentence
from backend.chat.models import Message
from backend.chat.prompts import ChatMessage, prompt_messages
from backend.serving.selectors import Production, production


@dataclass(frozen=True, kw_only=True)
class Work:
    """Everything that one answer needs, read once when it is taken."""

    reply_id: uuid.UUID
    messages: list[ChatMessage]
    production: Production
    adapter: AdapterName | None
    temperature: float
    max_new_tokens: int
    options: dict[str, Any]  # Any: JSON values
    language: str
    queued_at: datetime
    seq: int
    text: str
    reasoning: str
    event_lengths: list[int]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How an answer ended."""

    state: Message.State
    finish_reason: str = ""
    usage: dict[str, Any] | None = None  # Any: whole numbers, and tokens_per_second
    error: dict[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What Redis has of an answer, and so may be kept as the row's text."""

    seq: int
    text: str
    reasoning: str
    event_lengths: list[int]


@database_step
def take(*, reply_id: uuid.UUID, replier: str) -> Work | None:
    """Claim a queued reply and read what it needs; None when it is not to be had."""
    reply = (
        Message.objects.filter(pk=reply_id, state=Message.State.QUEUED)
        .select_related("conversation__assistant", "conversation__owner__department")
        .first()
    )
    if reply is None:
        return None
    now, conversation = timezone.now(), reply.conversation
    live = production(assistant=conversation.assistant)
    taken = Message.objects.filter(attempts=reply.attempts, seq=reply.seq).transition(
        reply_id,
        Message.State.QUEUED,
        Message.State.STREAMING,
        replier=replier,
        heartbeat_at=now,
        attempts=reply.attempts + 1,
        adapter=live.adapter,
    )
    if not taken:
        return None
    # The answer itself ends the branch: what it has already is to be gone on with.
    branch = selectors.branch(leaf_id=reply_id)
    language = language_of(user=conversation.owner, question=branch[-2].text)
    adapter = live.adapter
    return Work(
        reply_id=reply_id,
        messages=prompt_messages(conversation=conversation, branch=branch, language=language),
        production=live,
        adapter=None if adapter is None else {"id": str(adapter.pk), "name": adapter.name},
        temperature=conversation.assistant.temperature,
        max_new_tokens=conversation.assistant.max_new_tokens,
        options=reply.options,
        language=language,
        queued_at=reply.queued_at or now,
        seq=reply.seq,
        text=reply.text,
        reasoning=reply.reasoning,
        event_lengths=reply.event_lengths,
    )


@database_step
def save(*, reply_id: uuid.UUID, replier: str, written: Snapshot | None) -> bool | None:
    """Keep the text so far (None: as it is kept already) and a sign of life.

    Returns:
        Whether to go on: False when a stop is asked for, None when the answer is not ours.
    """
    ours = Message.objects.filter(pk=reply_id, replier=replier, state=Message.State.STREAMING)
    values: dict[str, Any] = {"heartbeat_at": timezone.now()}  # Any: columns
    if written is not None:
        values |= vars(written)
    if ours.filter(stop_requested=False).update(**values):
        return True
    return False if ours.exists() else None


@database_step
def end(
    *, reply_id: uuid.UUID, replier: str, written: Snapshot, outcome: Outcome
) -> Message | None:
    """Keep the whole answer and how it ended; its last event's number is counted already.

    Returns:
        The row as far as its last event tells it, or None when somebody else has ended it.
    """
    ended = Message.objects.filter(replier=replier).transition(
        reply_id,
        Message.State.STREAMING,
        outcome.state,
        seq=written.seq + 1,
        text=written.text,
        reasoning=written.reasoning,
        event_lengths=[*written.event_lengths, 0],
        finish_reason=outcome.finish_reason,
        usage=outcome.usage or {},
        error=outcome.error,
        heartbeat_at=timezone.now(),
    )
    if not ended:
        return None
    return Message(
        pk=reply_id,
        state=outcome.state,
        seq=written.seq + 1,
        finish_reason=outcome.finish_reason,
        usage=outcome.usage or {},
        error=outcome.error,
    )


@database_step
def disown(*, reply_id: uuid.UUID, replier: str) -> None:
    """Leave an answer whose stream somebody else writes to ``recovery``."""
    Message.objects.filter(pk=reply_id, replier=replier, state=Message.State.STREAMING).update(
        replier=""
    )


@database_step
def settle(*, reply_id: uuid.UUID, replier: str) -> None:
    """Leave an answer as a dead replier's is left, but at once: this process ends."""
    reply = Message.objects.select_related("adapter").filter(pk=reply_id, replier=replier).first()
    if reply is not None:
        recovery.reply_settle(reply=reply)


@database_step
def fail(*, reply_id: uuid.UUID, replier: str) -> None:
    """End an answer that could not even be begun."""
    reply = Message.objects.filter(pk=reply_id).first()
    if reply is None or not reply.is_under_way or reply.replier not in {"", replier}:
        return
    code = "internal_error"
    failed = Message.objects.transition(
        reply.pk,
        reply.state,
        Message.State.FAILED,
        seq=reply.seq + 1,
        event_lengths=[*reply.event_lengths, 0],
        error={"code": code, "message": sentence(code, language="en")},
    )
    if failed:
        reply.refresh_from_db()
        streams.final_publish(replay.final_event(reply))


@database_step
def heal() -> recovery.Healed:
    """See ``recovery.replies_heal``."""
    return recovery.replies_heal()
