"""``manage.py replier``: the process that streams every answer."""

import asyncio
import signal
from typing import Any

from django.core.management.base import BaseCommand

from backend.chat.replier.process import Replier
from backend.common import heartbeat


class Command(BaseCommand):
    help = "Answers queued questions until it is told to end (SIGTERM or Ctrl-C)."

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002  # Any: Django's own
        asyncio.run(_run())


async def _run() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stop.set)
    heartbeat.beat_in_background("replier")
    await Replier().run(stop)
