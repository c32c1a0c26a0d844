"""Events on their way into Redis: numbered when they leave, all replies' in one pipeline per tick.

One pipeline each 30 ms costs a third of one XADD per reply and token, and what a person reads
comes no later: starts, first tokens and ends do not wait for the tick.
"""

import asyncio
import logging
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

from redis.exceptions import RedisError, ResponseError

from backend.chat import streams
from backend.chat.events import FINAL_TYPES

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterable, Sequence

    import redis.asyncio

logger = logging.getLogger(__name__)

TICK_S: Final = 0.03
RETRY_S: Final = 0.5
REDIS_TIMEOUT_S: Final = 10.0
TEXT_EVENTS: Final = {"reply.token": 1, "reply.reasoning": -1}


@dataclass(slots=True)
class Draft:
    """An event without its number; a text event gathers what comes until it leaves."""

    fields: dict[str, Any]
    parts: list[str] = field(default_factory=list)
    urgent: bool = False


@dataclass(slots=True)
class Entry:
    """A numbered event, as long as Redis has not said that it has it."""

    key: str
    seq: int
    type: str
    text: str
    wire: str
    is_first: bool
    is_final: bool


class Outbox:
    """The events of one answer; ``seq``, ``text`` and the rest tell what Redis has acknowledged."""

    def __init__(
        self,
        flusher: "Flusher",
        reply_id: "uuid.UUID",
        *,
        seq: int,
        text: str,
        reasoning: str,
        event_lengths: "Sequence[int]",
    ) -> None:
        self.reply_id = reply_id
        self.seq = seq
        self.event_lengths = list(event_lengths)
        # Somebody else writes this answer: nothing of ours may follow.
        self.lost = asyncio.Event()
        self._flusher = flusher
        self._text, self._reasoning = [text], [reasoning]
        self._waiting: deque[Draft] = deque()
        self._leaving: Entry | None = None
        self._has_written = False
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def text(self) -> str:
        self._text = ["".join(self._text)]
        return self._text[0]

    @property
    def reasoning(self) -> str:
        self._reasoning = ["".join(self._reasoning)]
        return self._reasoning[0]

    def put(self, type_: str, **fields: Any) -> None:
        """An event that carries no text; it leaves at once."""
        self._add(Draft({"type": type_, **fields}, urgent=True))

    def write(self, type_: str, text: str, *, urgent: bool = False) -> None:
        """More text; it joins the event of its kind that waits, if that is the last one."""
        last = self._waiting[-1] if self._waiting else None
        if last is not None and last.parts and last.fields["type"] == type_:
            last.parts.append(text)
            return
        self._add(Draft({"type": type_}, parts=[text], urgent=urgent))

    async def drained(self) -> None:
        """Return when Redis has everything, or the answer is lost to somebody else."""
        await self._empty.wait()

    def _add(self, draft: Draft) -> None:
        if self.lost.is_set():
            return
        self._waiting.append(draft)
        self._empty.clear()
        self._flusher.ready(self, urgent=draft.urgent)

    # The flusher's side.

    def next_entry(self) -> Entry | None:
        """What has to leave now: one entry at a time, so that a refusal leaves no hole."""
        if self._leaving is None and self._waiting and not self.lost.is_set():
            draft = self._waiting.popleft()
            seq, text = self.seq + 1, "".join(draft.parts)
            event = {"message_id": str(self.reply_id), "seq": seq, **draft.fields}
            if draft.parts:
                event["text"] = text
            self._leaving = Entry(
                key=streams.stream_key(self.reply_id),
                seq=seq,
                type=event["type"],
                text=text,
                wire=streams.wire(event),
                is_first=not self._has_written,
                is_final=event["type"] in FINAL_TYPES,
            )
        return self._leaving

    def acknowledged(self) -> None:
        """Redis has the entry that was leaving."""
        entry, self._leaving = self._leaving, None
        if entry is None:
            return
        self._has_written = True
        self.seq = entry.seq
        self.event_lengths.append(TEXT_EVENTS.get(entry.type, 0) * len(entry.text))
        if entry.type == "reply.token":
            self._text.append(entry.text)
        elif entry.type == "reply.reasoning":
            self._reasoning.append(entry.text)
        if self._waiting:
            self._flusher.ready(self, urgent=self._waiting[0].urgent)
        else:
            self._empty.set()

    def give_up(self) -> None:
        """Another writer was there: keep nothing and write nothing more."""
        self._waiting.clear()
        self._leaving = None
        self.lost.set()
        self._empty.set()


class Flusher:
    """Carries the entries of all outboxes of a process, and the queue's acknowledgements."""

    def __init__(self, client: "redis.asyncio.Redis") -> None:
        self._client = client
        self._ready: set[Outbox] = set()
        self._taken: list[str] = []
        self._wake, self._hurry = asyncio.Event(), asyncio.Event()

    def ready(self, outbox: Outbox, *, urgent: bool) -> None:
        self._ready.add(outbox)
        self._wake.set()
        if urgent:
            self._hurry.set()

    def taken(self, queue_id: str) -> None:
        """The row now says who answers: the queue may forget this entry."""
        self._taken.append(queue_id)
        self._wake.set()

    async def run(self) -> None:
        """Flush until cancelled; while Redis is away everything waits here."""
        next_tick = 0.0
        while True:
            await self._wake.wait()
            if (pause := next_tick - time.monotonic()) > 0 and not self._hurry.is_set():
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._hurry.wait()
            self._wake.clear()
            self._hurry.clear()
            next_tick = time.monotonic() + TICK_S
            outboxes, self._ready = self._ready, set()
            taken, self._taken = self._taken, []
            await self._flush(list(outboxes), taken)

    async def _flush(self, outboxes: "Iterable[Outbox]", taken: list[str]) -> None:
        """Returns when every outbox given has got rid of its next entry."""
        leaving = [(box, entry) for box in outboxes if (entry := box.next_entry())]
        while leaving or taken:
            try:
                results = await self._send([entry for _box, entry in leaving], taken)
            except (RedisError, OSError) as error:
                logger.warning("events wait for Redis: %s", error)
                await asyncio.sleep(RETRY_S)
                continue
            taken = []
            leaving = [
                (box, entry)
                for (box, entry), result in zip(leaving, results, strict=True)
                if not await self._is_settled(box, entry, result)
            ]
            if leaving:
                await asyncio.sleep(RETRY_S)

    async def _send(self, entries: list[Entry], taken: list[str]) -> list[object]:
        """Everything in one round trip; the results of the entries, in their order."""
        async with self._client.pipeline(transaction=False) as pipe:
            for entry in entries:
                fields: dict[Any, Any] = {streams.EVENT: entry.wire}  # Any: redis-py's own
                if entry.is_final:
                    fields[streams.IS_FINAL] = "1"
                pipe.xadd(entry.key, fields, id=f"{entry.seq}-0")
            for entry in entries:
                if entry.is_final:
                    pipe.expire(entry.key, streams.FINISHED_TTL_S)
                elif entry.is_first:
                    pipe.expire(entry.key, streams.UNFINISHED_TTL_S)
            if taken:
                pipe.xack(streams.QUEUE, streams.GROUP, *taken)
                pipe.xdel(streams.QUEUE, *taken)
            async with asyncio.timeout(REDIS_TIMEOUT_S):
                results = await pipe.execute(raise_on_error=False)
        return list(results[: len(entries)])

    async def _is_settled(self, box: Outbox, entry: Entry, result: object) -> bool:
        """Whether the entry is in its stream, or will never be; False: try again."""
        if not isinstance(result, Exception):
            box.acknowledged()
            return True
        if not isinstance(result, ResponseError) or "equal or smaller" not in str(result):
            logger.warning("an event waits for Redis: %s", result)  # it loads, or has no room
            return False
        # Either an answer to this very entry was lost on the way, or somebody else writes here.
        try:
            found = await self._client.xrange(entry.key, f"{entry.seq}-0", f"{entry.seq}-0")
        except (RedisError, OSError):
            return False
        if [fields[streams.EVENT] for _id, fields in cast("streams.Entries", found)] == [
            entry.wire
        ]:
            box.acknowledged()
        else:
            logger.warning("answer lost to another writer: %s", box.reply_id)
            box.give_up()
        return True
