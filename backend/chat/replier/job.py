"""One answer, from the taken row to its last event."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from datetime import timedelta
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final, TypeVar

from django.db import DatabaseError
from django.utils import timezone
from psycopg_pool import PoolTimeout

from backend.chat import replay
from backend.chat.failures import SENTENCES, sentence
from backend.chat.models import Message
from backend.chat.replier import ledger
from backend.chat.replier.outbox import Flusher, Outbox
from backend.common.errors import DomainError, Unavailable
from backend.common.model_stream import UNREACHABLE

if TYPE_CHECKING:
    import uuid

    from backend.chat.replier.answering import Answering
    from backend.chat.replier.ledger import Outcome, Snapshot, Work
    from backend.common.model_stream import Piece

logger = logging.getLogger(__name__)

SAVE_EVERY_S: Final = 1.0
# Without new text the row is only told that its replier is alive, and more rarely.
BEAT_EVERY_S: Final = 3.0
DATABASE_PAUSE_S: Final = 0.5
LAST_EVENT_WITHIN_S: Final = 10.0

DATABASE_AWAY: Final = (DatabaseError, PoolTimeout)


R = TypeVar("R")


class Cut(Enum):
    """Why an answer is cut short."""

    STOP = auto()  # its owner wants no more of it
    SHUTDOWN = auto()  # this process ends
    LOST = auto()  # the row or the stream is somebody else's


class Job:
    """Answers one reply. ``cut`` may be called at any time and from anywhere in the loop."""

    def __init__(
        self, reply_id: "uuid.UUID", *, replier: str, flusher: Flusher, answering: "Answering"
    ) -> None:
        self.reply_id = reply_id
        self._replier = replier
        self._flusher = flusher
        self._answering = answering
        self._cut: Cut | None = None
        self._writing: asyncio.Task[Outcome] | None = None

    def cut(self, why: Cut) -> None:
        """End the answer where it is; the first reason counts."""
        if self._cut is None:
            self._cut = why
            if self._writing is not None:
                self._writing.cancel()

    async def run(self, *, on_taken: Callable[[], None]) -> None:
        """Take the reply and answer it; ``on_taken`` is called once its row says who has it."""
        try:
            work = await _until_done(ledger.take, reply_id=self.reply_id, replier=self._replier)
        except Exception:
            # Its rows cannot be read as a question: the next try would not do better.
            logger.exception("answer %s cannot be begun", self.reply_id)
            await _until_done(ledger.fail, reply_id=self.reply_id, replier=self._replier)
            return
        finally:
            on_taken()
        if work is None:
            return
        outbox = Outbox(
            self._flusher,
            self.reply_id,
            seq=work.seq,
            text=work.text,
            reasoning=work.reasoning,
            event_lengths=work.event_lengths,
        )
        outbox.put("reply.started", adapter=work.adapter)
        keeping = asyncio.create_task(self._keep(outbox))
        try:
            outcome = await self._outcome(work, outbox)
            await outbox.drained()
        finally:
            keeping.cancel()
        await self._end(outbox, outcome)

    async def _outcome(self, work: "Work", outbox: Outbox) -> "Outcome | None":
        """How the answer ended; None when this process leaves it to another one."""
        self._writing = asyncio.create_task(self._write(work, outbox))
        if self._cut is not None:
            self._writing.cancel()
        try:
            return await self._writing
        except asyncio.CancelledError:
            if self._cut is None:  # it is this job that is cancelled
                self._writing.cancel()
                raise
            return ledger.Outcome(state=Message.State.STOPPED) if self._cut is Cut.STOP else None
        except DomainError as error:
            await outbox.drained()
            return self._failure(error, work, has_text=bool(outbox.text or outbox.reasoning))
        except Exception:
            # The edge of the process: one answer's fault must not take the others with it.
            logger.exception("answer %s failed", self.reply_id)
            return failed("internal_error", work.language)

    async def _write(self, work: "Work", outbox: Outbox) -> "Outcome":
        """Carry the model's pieces into the outbox until it has no more."""
        first_at = last_at = 0.0
        waited, finish_reason, usage = timedelta(), "stop", dict[str, int]()
        async with aclosing(self._answering.pieces(work)) as pieces:
            async for piece in pieces:
                if piece.text or piece.reasoning:
                    last_at = time.monotonic()
                    is_first, first_at = not first_at, first_at or last_at
                    if is_first:
                        waited = timezone.now() - work.queued_at
                    self._put(outbox, piece, urgent=is_first)
                finish_reason = piece.finish_reason or finish_reason
                usage = piece.usage or usage
        measured: dict[str, Any] = {
            name: usage[name] for name in replay.TOKEN_COUNTS if name in usage
        }
        if first_at:
            measured["time_to_first_token_ms"] = round(waited.total_seconds() * 1000)
        tokens = usage.get("completion_tokens", 0)
        if tokens > 1 and last_at > first_at:
            measured["tokens_per_second"] = round((tokens - 1) / (last_at - first_at), 1)
        measured["total_ms"] = round((timezone.now() - work.queued_at).total_seconds() * 1000)
        return ledger.Outcome(
            state=Message.State.FINISHED, finish_reason=finish_reason, usage=measured
        )

    def _put(self, outbox: Outbox, piece: "Piece", *, urgent: bool) -> None:
        if piece.reasoning:
            outbox.write("reply.reasoning", piece.reasoning, urgent=urgent)
        if piece.text:
            outbox.write("reply.token", piece.text, urgent=urgent)

    def _failure(self, error: DomainError, work: "Work", *, has_text: bool) -> "Outcome":
        logger.warning("answer %s: %s: %s", self.reply_id, error.code, error.message)
        if has_text and isinstance(error, Unavailable) and error.code == UNREACHABLE:
            return ledger.Outcome(state=Message.State.INTERRUPTED)
        code = error.code if error.code in SENTENCES else "model_server_refused"
        return failed(code, work.language)

    async def _keep(self, outbox: Outbox) -> None:
        """Save what Redis has, every second; hear of a stop, and of having lost the answer."""
        saved_seq, beat_at = outbox.seq, time.monotonic()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(SAVE_EVERY_S):
                    await outbox.lost.wait()
            if outbox.lost.is_set():
                self.cut(Cut.LOST)
                return
            written = _snapshot(outbox) if outbox.seq != saved_seq else None
            if written is None and time.monotonic() - beat_at < BEAT_EVERY_S:
                continue
            try:
                goes_on = await ledger.save(
                    reply_id=self.reply_id, replier=self._replier, written=written
                )
            except DATABASE_AWAY as error:
                logger.warning("text of %s waits for the database: %s", self.reply_id, error)
                continue
            beat_at = time.monotonic()
            saved_seq = saved_seq if written is None else written.seq
            if not goes_on:
                self.cut(Cut.LOST if goes_on is None else Cut.STOP)
                if goes_on is None:
                    return

    async def _end(self, outbox: Outbox, outcome: "Outcome | None") -> None:
        mine = {"reply_id": self.reply_id, "replier": self._replier}
        if outbox.lost.is_set():
            await _until_done(ledger.disown, **mine)
            return
        if outcome is None:
            if self._cut is Cut.SHUTDOWN:
                await _until_done(ledger.settle, **mine)
            return
        row = await _until_done(ledger.end, **mine, written=_snapshot(outbox), outcome=outcome)
        if row is None:
            return
        fields = dict(replay.final_event(row))
        outbox.put(str(fields.pop("type")), **fields)
        try:
            async with asyncio.timeout(LAST_EVENT_WITHIN_S):
                await outbox.drained()
        except TimeoutError:
            # Followers look at the row when a stream stays silent.
            logger.warning("last event of %s not sent: Redis is away", self.reply_id)


def failed(code: str, language: str) -> "Outcome":
    error = {"code": code, "message": sentence(code, language=language)}
    return ledger.Outcome(state=Message.State.FAILED, error=error)


def _snapshot(outbox: Outbox) -> "Snapshot":
    return ledger.Snapshot(
        seq=outbox.seq,
        text=outbox.text,
        reasoning=outbox.reasoning,
        event_lengths=list(outbox.event_lengths),
    )


async def _until_done(step: Callable[..., Awaitable[R]], **arguments: Any) -> R:
    """A database step, again and again while the database is away (it restarts)."""
    while True:
        try:
            return await step(**arguments)
        except DATABASE_AWAY as error:
            logger.warning("waiting for the database: %s", error)
            await asyncio.sleep(DATABASE_PAUSE_S)
