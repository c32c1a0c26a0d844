"""A reply as an HTTP request waits for it; whoever goes away before its end stops it."""

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

from backend.chat import tail
from backend.chat.database import database_step
from backend.chat.events import FINAL_TYPES
from backend.chat.models import Message
from backend.chat.services.replies import reply_stop
from backend.common.errors import DomainError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from backend.accounts.models import User
    from backend.chat.services.questions import Accepted

# The event loop keeps only weak references to tasks.
_stopping: Final[set["asyncio.Task[None]"]] = set()
_stop = database_step(reply_stop)

# Any: an event of ``chat.events``, read from JSON.
Event = dict[str, Any]


class Answer:
    """The events of one reply, in order. Make it in the event loop, and ``leave`` it at the end."""

    def __init__(self, accepted: "Accepted", *, owner: "User") -> None:
        self.accepted = accepted
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._held_back: list[Event] = []
        self._has_ended = self._has_left = False
        self._following = tail.of_this_loop().follow(
            accepted.reply_id, after_seq=0, sink=self._take
        )

    def _take(self, event: str, is_final: bool) -> None:
        self._queue.put_nowait(event)
        self._has_ended = self._has_ended or is_final

    async def begun(self, *, within_s: float) -> Event | None:
        """The first event that says something (a word or the end); None if it takes longer.

        ``events`` gives it again, with those before it.
        """
        try:
            async with asyncio.timeout(within_s):
                while True:
                    event: Event = json.loads(await self._queue.get())
                    self._held_back.append(event)
                    if event["type"] == "reply.token" or event["type"] in FINAL_TYPES:
                        return event
        except TimeoutError:
            return None

    async def events(self, *, silence_s: float) -> "AsyncIterator[Event | None]":
        """Every event up to the last; None whenever nothing came for ``silence_s``."""
        held, self._held_back = self._held_back, []
        for event in held:
            yield event
            if event["type"] in FINAL_TYPES:
                return
        while True:
            try:
                async with asyncio.timeout(silence_s):
                    event = json.loads(await self._queue.get())
            except TimeoutError:
                yield None
                continue
            yield event
            if event["type"] in FINAL_TYPES:
                return

    async def row(self) -> Message:
        """Wait for the end; the answer as it is stored.

        Raises:
            DomainError: it was deleted meanwhile.
        """
        async for _event in self.events(silence_s=3600):
            pass
        row = (await tail.rows_of({self.accepted.reply_id})).get(self.accepted.reply_id)
        if row is None:
            raise DomainError("the conversation was deleted", code="deleted")
        return row

    def leave(self) -> None:
        """Follow no longer, and stop an answer that has not ended. From any thread, any time."""
        self._loop.call_soon_threadsafe(self._leave)

    def _leave(self) -> None:
        if self._has_left:
            return
        self._has_left = True
        tail.of_this_loop().unfollow(self._following)
        if not self._has_ended:
            task = self._loop.create_task(self._stop_answer())
            _stopping.add(task)
            task.add_done_callback(_stopping.discard)

    async def _stop_answer(self) -> None:
        try:
            await _stop(user=self._owner, message_id=self.accepted.reply_id)
        except DomainError:
            return  # its conversation is gone, and with it the answer
