"""Follows the streams of many answers through one blocking read for the whole process.

Sockets and API requests hand in where they are and a function that takes what comes; they are
told everything after that place exactly once, up to the answer's last event.
"""

import asyncio
import logging
import secrets
import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, cast
from weakref import WeakKeyDictionary

from django.db import DatabaseError
from psycopg_pool import PoolTimeout
from redis.exceptions import RedisError

from backend.chat import replay, streams
from backend.chat.database import database_step
from backend.chat.events import FINAL_TYPES
from backend.chat.models import Message

if TYPE_CHECKING:
    from collections.abc import Iterable

    from backend.chat.events import ReplyEvent

logger = logging.getLogger(__name__)

BLOCK_MS: Final = 5_000
PAUSE_S: Final = 0.5
# After this long without an event the row is looked at: the stream may have lost its end.
QUIET_S: Final = 8.0
LOOK_EVERY_S: Final = 4.0
WAKE_TTL_S: Final = 3600

# Takes an event as JSON text, and whether it is the last one.
Sink = Callable[[str, bool], None]


class Following:
    """One follower of one answer; ``seq`` is the last event that it was given."""

    def __init__(self, reply_id: uuid.UUID, after_seq: int, sink: Sink) -> None:
        self.reply_id = reply_id
        self.key = streams.stream_key(reply_id)
        self.seq = after_seq
        self.heard_at = time.monotonic()
        # Whether the read under way began at or before ``seq``.
        self.is_read_for = False
        self._sink = sink

    def give(self, seq: int, event: str, *, is_final: bool) -> None:
        if seq > self.seq:
            self.seq, self.heard_at = seq, time.monotonic()
            self._sink(event, is_final)


class Tail:
    """The followers of this process; ``of_this_loop`` gives the one of the running loop."""

    def __init__(self) -> None:
        self._by_key: dict[str, set[Following]] = {}
        self._any = asyncio.Event()
        self._news = asyncio.Event()
        self._wake_key, self._wake_id = f"loredesk:wake:{secrets.token_hex(8)}", "0-0"
        self._client = streams.async_client()
        self._tasks = [
            asyncio.create_task(work(), name=f"tail-{work.__name__}")
            for work in (self._read, self._wake, self._look_at_quiet)
        ]

    async def close(self) -> None:
        """Stop following; for tests, for a web process just ends."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.aclose()

    def follow(self, reply_id: uuid.UUID, *, after_seq: int, sink: Sink) -> Following:
        """Give ``sink`` every event after ``after_seq``, past and coming, in order.

        An answer that has ended must be told from its row: its stream may be gone.
        """
        following = Following(reply_id, after_seq, sink)
        self._by_key.setdefault(following.key, set()).add(following)
        self._any.set()
        self._news.set()
        return following

    def unfollow(self, following: Following) -> None:
        """Give no more to it; again changes nothing."""
        followers = self._by_key.get(following.key, set())
        followers.discard(following)
        if not followers:
            self._by_key.pop(following.key, None)
        if not self._by_key:
            self._any.clear()

    async def _read(self) -> None:
        while True:
            await self._any.wait()
            places: dict[Any, Any] = {self._wake_key: self._wake_id}  # Any: redis-py's own
            for key, followers in self._by_key.items():
                places[key] = f"{min(following.seq for following in followers)}-0"
                for following in followers:
                    following.is_read_for = True
            try:
                async with asyncio.timeout(BLOCK_MS / 1000 + 10):
                    answer = await self._client.xread(places, block=BLOCK_MS)
            except (RedisError, OSError) as error:
                logger.warning("answers are not followed while Redis is away: %s", error)
                await asyncio.sleep(PAUSE_S)
                continue
            for key, entries in cast("streams.Streams", answer or []):
                if key == self._wake_key:
                    self._wake_id = entries[-1][0]
                else:
                    self._give(key, entries)

    def _give(self, key: str, entries: streams.Entries) -> None:
        for entry_id, fields in entries:
            seq, is_final = int(entry_id.partition("-")[0]), streams.IS_FINAL in fields
            for following in tuple(self._by_key.get(key, ())):
                if following.is_read_for:
                    self._give_one(following, seq, fields[streams.EVENT], is_final=is_final)

    def _give_one(self, following: Following, seq: int, event: str, *, is_final: bool) -> None:
        try:
            following.give(seq, event, is_final=is_final)
        except Exception:
            # One follower's fault must not take the others' events.
            logger.exception("a follower of %s failed", following.reply_id)
            is_final = True
        if is_final:
            self.unfollow(following)

    async def _wake(self) -> None:
        """End the read under way when somebody new has come.

        An entry in a stream of our own that is read along: unlike ``CLIENT UNBLOCK`` it cannot
        come too early.
        """
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                async with self._client.pipeline(transaction=False) as pipe:
                    pipe.xadd(self._wake_key, {"wake": "1"}, maxlen=1)
                    pipe.expire(self._wake_key, WAKE_TTL_S)
                    await pipe.execute()
            except (RedisError, OSError):
                self._news.set()
                await asyncio.sleep(PAUSE_S)

    async def _look_at_quiet(self) -> None:
        """Tell followers of a silent stream what the row says, when it says that it has ended."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            before = time.monotonic() - QUIET_S
            quiet = [
                following
                for followers in self._by_key.values()
                for following in followers
                if following.heard_at < before
            ]
            if not quiet:
                continue
            try:
                rows = await rows_of({following.reply_id for following in quiet})
            except (DatabaseError, PoolTimeout) as error:
                logger.warning("quiet answers are looked at later: %s", error)
                continue
            for following in quiet:
                row = rows.get(following.reply_id)
                if row is None:
                    self._tell(following, [replay.deleted_event(following.reply_id, following.seq)])
                elif not row.is_under_way:
                    self._tell(following, replay.events_after(row, following.seq))

    def _tell(self, following: Following, events: "Iterable[ReplyEvent]") -> None:
        for event in events:
            is_final = event["type"] in FINAL_TYPES
            # The last one is told even to a place beyond it, which otherwise waits for ever.
            following.seq = min(following.seq, event["seq"] - 1)
            self._give_one(following, event["seq"], streams.wire(event), is_final=is_final)


@database_step
def rows_of(reply_ids: "set[uuid.UUID]") -> dict[uuid.UUID, Message]:
    """The answers' rows as they are now; deleted ones are missing."""
    rows = Message.objects.filter(pk__in=reply_ids).select_related("adapter")
    return {row.pk: row for row in rows}


_tails: "WeakKeyDictionary[asyncio.AbstractEventLoop, Tail]" = WeakKeyDictionary()


def of_this_loop() -> Tail:
    """The running loop's tail, made at the first call."""
    loop = asyncio.get_running_loop()
    tail = _tails.get(loop)
    if tail is None:
        tail = _tails[loop] = Tail()
    return tail
