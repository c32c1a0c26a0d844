"""The replier: takes queued replies from Redis and streams their answers, one task each.

Several such processes share the queue. Redis, the database and the model server may go and come
back at any time; what is acknowledged is never lost, and no loop here ends because of them.
"""

import asyncio
import logging
import secrets
import uuid
from typing import TYPE_CHECKING, Final, cast

from redis.exceptions import RedisError, ResponseError

from backend.chat import selectors, streams
from backend.chat.replier import ledger
from backend.chat.replier.answering import Answering
from backend.chat.replier.job import DATABASE_AWAY, Cut, Job
from backend.chat.replier.outbox import Flusher
from backend.common.model_stream import ModelStream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

logger = logging.getLogger(__name__)

ANSWERS_AT_ONCE: Final = 200
BLOCK_MS: Final = 5_000
# An offer that was read but not taken by then belongs to a replier that is gone.
UNTAKEN_MS: Final = 5_000
GONE_MS: Final = 3_600_000
HEAL_EVERY_S: Final = 3.0
ALIVE_EVERY_S: Final = 2.0
ALIVE_TTL_S: Final = 10
PAUSE_S: Final = 0.5
SHUTDOWN_WITHIN_S: Final = 8.0


class Replier:
    """One process's share of the answers."""

    def __init__(self) -> None:
        self.name = secrets.token_hex(8)
        self._jobs: dict[uuid.UUID, tuple[Job, asyncio.Task[None]]] = {}
        self._freed = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Answer until ``stop`` is set; then leave every answer in a truthful state."""
        async with ModelStream() as server, streams.async_client() as client:
            self._client = client
            self._flusher = Flusher(client)
            self._answering = Answering(server)
            loops = [
                asyncio.create_task(loop)
                for loop in (
                    self._flusher.run(),
                    _again(self._show_alive, every_s=ALIVE_EVERY_S),
                    _again(self._heal, every_s=HEAL_EVERY_S),
                    _again(self._forget_the_gone, every_s=GONE_MS / 1000),
                    _again(self._listen_for_stops, every_s=PAUSE_S),
                )
            ]
            intake = asyncio.create_task(_again(self._take_in, every_s=0))
            stopping = asyncio.create_task(stop.wait())
            try:
                # None of them ends by itself: whichever does has failed, and so has the process.
                done, _pending = await asyncio.wait(
                    {stopping, intake, *loops}, return_when=asyncio.FIRST_COMPLETED
                )
                for task in done - {stopping}:
                    task.result()
            finally:
                intake.cancel()
                await self._leave()
                for task in (stopping, *loops):
                    task.cancel()
                await asyncio.gather(stopping, intake, *loops, return_exceptions=True)

    async def _take_in(self) -> None:
        """Read offers for as many answers as there is room for, and begin them."""
        free = ANSWERS_AT_ONCE - len(self._jobs)
        if free <= 0:
            self._freed.clear()
            await self._freed.wait()
            return
        try:
            async with asyncio.timeout(BLOCK_MS / 1000 + 10):
                answer = await self._client.xreadgroup(
                    streams.GROUP, self.name, {streams.QUEUE: ">"}, count=free, block=BLOCK_MS
                )
        except ResponseError as error:
            if "NOGROUP" not in str(error):
                raise
            await self._make_group()
            return
        for _stream, entries in cast("streams.Streams", answer or []):
            for queue_id, fields in entries:
                self._begin(queue_id, fields)

    async def _make_group(self) -> None:
        try:
            await self._client.xgroup_create(streams.QUEUE, streams.GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def _forget_the_gone(self) -> None:
        """Names of repliers that ended long ago and left nothing."""
        await self._make_group()
        for consumer in await self._client.xinfo_consumers(streams.QUEUE, streams.GROUP):
            if consumer["pending"] == 0 and consumer["idle"] > GONE_MS:
                await self._client.xgroup_delconsumer(
                    streams.QUEUE, streams.GROUP, consumer["name"]
                )

    def _begin(self, queue_id: str, fields: dict[str, str]) -> None:
        reply_id = selectors.as_uuid(fields.get("reply"))
        if reply_id is None or reply_id in self._jobs:
            # Nothing to answer, or offered twice and in hand.
            self._flusher.taken(queue_id)
            return
        job = Job(reply_id, replier=self.name, flusher=self._flusher, answering=self._answering)
        task = asyncio.create_task(job.run(on_taken=lambda: self._flusher.taken(queue_id)))
        self._jobs[reply_id] = (job, task)
        task.add_done_callback(lambda task: self._ended(reply_id, task))

    def _ended(self, reply_id: uuid.UUID, task: "asyncio.Task[None]") -> None:
        del self._jobs[reply_id]
        self._freed.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("answer %s broke its task", reply_id, exc_info=error)

    async def _heal(self) -> None:
        """Take over offers that a dead replier had read; let the database say what is lost."""
        try:
            _next, entries, *_deleted = await self._client.xautoclaim(
                streams.QUEUE, streams.GROUP, self.name, min_idle_time=UNTAKEN_MS, count=100
            )
            for queue_id, fields in cast("streams.Entries", entries):
                self._begin(queue_id, fields or {})
        except ResponseError as error:
            if "NOGROUP" not in str(error):
                raise
            await self._make_group()
        await ledger.heal()

    async def _listen_for_stops(self) -> None:
        async with self._client.pubsub(ignore_subscribe_messages=True) as pubsub:
            await pubsub.subscribe(streams.STOP_CHANNEL)
            async for message in pubsub.listen():
                reply_id = selectors.as_uuid(message["data"])
                if reply_id in self._jobs:
                    self._jobs[reply_id][0].cut(Cut.STOP)

    async def _show_alive(self) -> None:
        await self._client.set(streams.replier_key(self.name), "1", ex=ALIVE_TTL_S)

    async def _leave(self) -> None:
        tasks = []
        for job, task in list(self._jobs.values()):
            job.cut(Cut.SHUTDOWN)
            tasks.append(task)
        if tasks:
            _done, late = await asyncio.wait(tasks, timeout=SHUTDOWN_WITHIN_S)
            for task in late:
                task.cancel()  # another replier settles what could not be settled in time
            await asyncio.gather(*late, return_exceptions=True)
        try:
            async with asyncio.timeout(1):
                await self._client.delete(streams.replier_key(self.name))
        except (RedisError, OSError, TimeoutError):
            logger.info("left without a word to Redis, which is away")


async def _again(step: "Callable[[], Awaitable[None]]", *, every_s: float) -> None:
    """``step`` over and over; Redis or the database being away only makes it wait."""
    while True:
        try:
            await step()
        except (RedisError, OSError, TimeoutError, *DATABASE_AWAY) as error:
            logger.warning("%s waits: %s", getattr(step, "__name__", "step"), error)
            await asyncio.sleep(PAUSE_S)
        await asyncio.sleep(every_s)
