"""The socket of one tab."""

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.db import DatabaseError
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation.trans_real import parse_accept_lang_header
from psycopg_pool import PoolTimeout
from redis.exceptions import RedisError

from backend.accounts.models import User
from backend.accounts.roles import roles_of
from backend.chat import presence, replay, selectors, streams, tail
from backend.chat.client_messages import checked, parsed
from backend.chat.database import database_step
from backend.chat.events import error_event
from backend.chat.services import questions, replies
from backend.common.errors import DomainError, Unavailable
from backend.training.events import run_group
from backend.training.selectors import run_follow_snapshot

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping

logger = logging.getLogger(__name__)

# The page comes back and goes on from its last ``seq``.
TOO_SLOW: Final = 4408
WAITING_EVENTS: Final = 2_000
FOLLOWED_AT_ONCE: Final = 100


class TabConsumer(AsyncWebsocketConsumer):
    """Authenticates, authorises, joins, forwards."""

    user: User
    session_key: str

    async def connect(self) -> None:
        self._following: dict[uuid.UUID, tail.Following] = {}
        self._just_asked: uuid.UUID | None = None
        self._runs: set[str] = set()
        self._outgoing: asyncio.Queue[str] = asyncio.Queue(WAITING_EVENTS)
        self._sender: asyncio.Task[None] | None = None
        self._is_too_slow = False
        user = self.scope.get("user")
        if user is None or not user.is_authenticated:
            # Accepted first: before that a browser is not told the code.
            await self.accept()
            await self.close(presence.NOT_SIGNED_IN)
            return
        self.session_key = str(self.scope["session"].session_key)
        self.user = await own_row(user.pk)
        translation.activate(self._language())
        self._sender = asyncio.create_task(self._send_waiting())
        presence.of_this_loop().enter(self)
        await self.accept()

    async def disconnect(self, code: int) -> None:  # noqa: ARG002
        """Leaving stops no answer."""
        presence.of_this_loop().leave(self)
        for following in self._following.values():
            tail.of_this_loop().unfollow(following)
        if self._sender is not None:
            self._sender.cancel()
        for group in self._runs:
            await self.channel_layer.group_discard(group, self.channel_name)

    async def turn_out(self, code: int) -> None:
        await self.close(code)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:  # noqa: ARG002
        if self._sender is None:  # it is being closed
            return
        message: dict[str, Any] = {}  # Any: JSON
        try:
            message = parsed(text_data)
            values = checked(message)
            await self._handle(message["type"], values)
        except DomainError as error:
            self._say(error_event(error, message))
        except (RedisError, OSError, DatabaseError, PoolTimeout) as error:
            logger.warning("message not done: %s", error)
            away = Unavailable(_("This cannot be done at the moment. Try again."))
            self._say(error_event(away, message))
        except Exception:
            logger.exception("message %s failed", str(message.get("type"))[:40])
            fault = DomainError(
                _("Something went wrong here; it has been logged."), code="internal_error"
            )
            self._say(error_event(fault, message))

    async def _handle(self, kind: str, values: "Mapping[str, Any]") -> None:
        match kind:
            case "message.send":
                self._accept(await message_send(user=self.user, **values))
            case "reply.follow":
                await self._follow(**values)
            case "reply.stop":
                await reply_stop(user=self.user, **values)
            case "reply.regenerate":
                self._accept(await reply_regenerate(user=self.user, **values))
            case "reply.continue":
                await reply_continue(user=self.user, **values)
            case "run.follow":
                await self._follow_run(**values)

    def _accept(self, accepted: "questions.Accepted") -> None:
        self._say(accepted.event())
        if accepted.is_new:
            self._just_asked = accepted.reply_id

    async def _follow(self, *, message_id: "uuid.UUID", after_seq: int) -> None:
        if message_id == self._just_asked:
            # This socket has just opened its stream: nothing to authorise, nothing to replay.
            self._just_asked = None
            self._follow_live(message_id, after_seq)
            return
        reply = await reply_get(user=self.user, message_id=message_id)
        for event in replay.events_after(reply, after_seq):
            self._say(event)
        if reply.is_under_way:
            self._follow_live(reply.pk, max(after_seq, reply.seq))

    def _follow_live(self, reply_id: "uuid.UUID", after_seq: int) -> None:
        followed = tail.of_this_loop()
        if earlier := self._following.pop(reply_id, None):
            followed.unfollow(earlier)
        if len(self._following) >= FOLLOWED_AT_ONCE:
            oldest = next(iter(self._following))
            followed.unfollow(self._following.pop(oldest))

        def give(event: str, is_final: bool) -> None:
            self._put(event)
            if is_final:
                self._following.pop(reply_id, None)

        self._following[reply_id] = followed.follow(reply_id, after_seq=after_seq, sink=give)

    async def _follow_run(self, *, run_id: "uuid.UUID", after_step: int, after_offset: int) -> None:
        group = run_group(run_id)
        # Joined first: what happens meanwhile waits behind the snapshot.
        await self.channel_layer.group_add(group, self.channel_name)
        self._runs.add(group)
        try:
            snapshot = await run_snapshot(
                user=self.user, run_id=run_id, after_step=after_step, after_offset=after_offset
            )
        except DomainError:
            await self.channel_layer.group_discard(group, self.channel_name)
            self._runs.discard(group)
            raise
        for event in snapshot:
            self._say(event)

    async def forward(self, message: "Mapping[str, Any]") -> None:
        """An event of a group that this socket has joined."""
        self._say(message["event"])

    def _say(self, event: "Mapping[str, Any]") -> None:
        self._put(streams.wire(event))

    def _put(self, event: str) -> None:
        if self._is_too_slow:
            return
        try:
            self._outgoing.put_nowait(event)
        except asyncio.QueueFull:
            self._is_too_slow = True
            self._closing = asyncio.create_task(self.close(TOO_SLOW))

    async def _send_waiting(self) -> None:
        while True:
            await self.send(text_data=await self._outgoing.get())

    def _language(self) -> str:
        """By cookie, profile, then what the browser asks for; as the pages do it."""
        chosen = self.scope.get("cookies", {}).get(settings.LANGUAGE_COOKIE_NAME)
        headers = dict(self.scope.get("headers", ()))
        asked = headers.get(b"accept-language", b"").decode("latin-1")
        wanted = [chosen, self.user.language]
        wanted += [code for code, _q in parse_accept_lang_header(asked)]
        for code in filter(None, wanted):
            try:
                return translation.get_supported_language_variant(code)
            except LookupError:
                continue
        return settings.LANGUAGE_CODE


@database_step
def own_row(user_id: "uuid.UUID") -> User:
    """The person with department and roles read, so that nothing else is asked later."""
    user = User.objects.select_related("department").get(pk=user_id)
    roles_of(user)
    return user


message_send = database_step(questions.message_send)
reply_stop = database_step(replies.reply_stop)
reply_regenerate = database_step(replies.reply_regenerate)
reply_continue = database_step(replies.reply_continue)
reply_get = database_step(selectors.reply_get)
run_snapshot = database_step(run_follow_snapshot)
