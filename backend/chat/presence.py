"""Who may still hold a socket: asked for all sockets of a process at once, every half minute."""

import asyncio
import logging
from typing import TYPE_CHECKING, Final, Protocol
from weakref import WeakKeyDictionary

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import DatabaseError
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from psycopg_pool import PoolTimeout

from backend.accounts.models import User
from backend.accounts.roles import roles_of
from backend.chat.database import database_step

if TYPE_CHECKING:
    from collections.abc import Collection

logger = logging.getLogger(__name__)

CHECK_EVERY_S: Final = 30.0
NOT_SIGNED_IN: Final = 4401
# The page comes back at once and is let in to what it may see now.
OTHER_RIGHTS: Final = 4409


class Watched(Protocol):
    """A socket, as far as this module is concerned."""

    session_key: str
    user: User

    async def turn_out(self, code: int) -> None:
        """Close the socket with this code."""


class Presence:
    """The open sockets of this process; ``of_this_loop`` gives the one of the running loop."""

    def __init__(self) -> None:
        self._sockets: set[Watched] = set()
        self._task: asyncio.Task[None] | None = None

    def enter(self, socket: Watched) -> None:
        self._sockets.add(socket)
        if self._task is None:
            self._task = asyncio.create_task(self._check_for_ever(), name="presence")

    def leave(self, socket: Watched) -> None:
        self._sockets.discard(socket)
        if not self._sockets and self._task is not None:
            self._task.cancel()
            self._task = None

    async def check(self) -> None:
        """Turn out whoever may not stay; the others get their person read anew."""
        sockets = list(self._sockets)
        people = await people_of({socket.session_key for socket in sockets})
        for socket in sockets:
            fresh = people.get(socket.session_key)
            if fresh is None:
                await socket.turn_out(NOT_SIGNED_IN)
            elif _rights(fresh) != _rights(socket.user):
                await socket.turn_out(OTHER_RIGHTS)
            else:
                socket.user = fresh

    async def _check_for_ever(self) -> None:
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            try:
                await self.check()
            except (DatabaseError, PoolTimeout) as error:
                logger.warning("sockets are checked later: %s", error)


@database_step
def people_of(session_keys: "Collection[str]") -> dict[str, User]:
    """The active person of each session that is still valid, roles read."""
    sessions = Session.objects.filter(session_key__in=session_keys, expire_date__gt=timezone.now())
    claims = {session.session_key: session.get_decoded() for session in sessions}
    ids = {claim[SESSION_KEY] for claim in claims.values() if SESSION_KEY in claim}
    people = {
        str(user.pk): user
        for user in User.objects.filter(pk__in=ids, is_active=True)
        .select_related("department")
        .prefetch_related("groups")
    }
    found: dict[str, User] = {}
    for key, claim in claims.items():
        user = people.get(str(claim.get(SESSION_KEY)))
        # The hash changes with the password, which ends every session.
        if user is not None and constant_time_compare(
            claim.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash()
        ):
            roles_of(user)
            found[key] = user
    return found


def _rights(user: User) -> object:
    return user.pk, user.department_id, roles_of(user)


_presences: "WeakKeyDictionary[asyncio.AbstractEventLoop, Presence]" = WeakKeyDictionary()


def of_this_loop() -> Presence:
    """The running loop's presence, made at the first call."""
    return _presences.setdefault(asyncio.get_running_loop(), Presence())
