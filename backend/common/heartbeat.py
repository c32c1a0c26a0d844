"""Signs of life: each process renews a key in Redis, and ``/readyz`` reads who is there."""

import logging
import os
import socket
import threading
from typing import Final

import redis
from django.conf import settings

logger = logging.getLogger(__name__)

PERIOD_S: Final = 3
TTL_S: Final = 12


def alive_key(kind: str, instance: str) -> str:
    return f"loredesk:alive:{kind}:{instance}"


def this_instance() -> str:
    """Host name and process id: several of one kind may run."""
    return f"{socket.gethostname()}:{os.getpid()}"


def beat_in_background(kind: str) -> None:
    """Renew this process's sign of life every three seconds until it ends."""
    threading.Thread(target=_beat, args=(kind,), name=f"alive-{kind}", daemon=True).start()


def _beat(kind: str) -> None:
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=PERIOD_S)
    key, pause = alive_key(kind, this_instance()), threading.Event()
    while True:
        try:
            client.set(key, "1", ex=TTL_S)
        except redis.RedisError as error:
            logger.warning("no sign of life possible: %s", error)
        pause.wait(PERIOD_S)


def alive(client: "redis.Redis", kind: str) -> int:
    """How many processes of ``kind`` showed a sign of life within the last twelve seconds."""
    return sum(1 for _ in client.scan_iter(alive_key(kind, "*"), count=500))
