"""Short database steps from asyncio code: none holds a connection while an answer streams."""

from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import Final, ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.db import connections

P = ParamSpec("P")
R = TypeVar("R")

# Steps are mostly Python, which runs one at a time: more threads only take turns with the event
# loop more often. And far fewer than the pool holds, so that no step waits for a connection.
STEPS_AT_ONCE: Final = 4
_threads: Final = ThreadPoolExecutor(STEPS_AT_ONCE, thread_name_prefix="database")


def database_step(function: Callable[P, R]) -> Callable[P, Awaitable[R]]:
    """``function`` in a thread of its own, its connection given back before the result arrives.

    Channels' own ``database_sync_to_async`` sends every step of a process through one thread.
    """

    @wraps(function)
    def step(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        finally:
            connections.close_all()

    return sync_to_async(step, thread_sensitive=False, executor=_threads)
