"""A fake model server, a running replier, and tabs: what a conversation needs."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.conf import settings as django_settings
from django.db import connections
from django.test import Client
from pytest_django import Settings

from backend.accounts.models import User
from backend.assistants.models import Assistant
from backend.chat import presence, streams, tail
from backend.chat.database import database_step
from backend.chat.events import FINAL_TYPES
from backend.chat.models import Message
from backend.chat.replier.process import Replier
from backend.config.asgi import application
from tests.fake_model_server import FakeModelServer

P = ParamSpec("P")
R = TypeVar("R")
Event = dict[str, Any]

PROMPT = "You help the people of a company.\n{{ name }} of {{ department }} is asking."
FINAL = FINAL_TYPES


@pytest.fixture
def fake(settings: Settings) -> Iterator[FakeModelServer]:
    with FakeModelServer() as server:
        settings.MODEL_SERVER_URL = server.url
        yield server


@pytest.fixture
def assistant(db: None) -> Assistant:
    return Assistant.objects.create(
        slug="abc",
        name="小助手",
        system_prompt=PROMPT,
        base_model="packaged:smollm2-135m-instruct",
        max_new_tokens=100,
    )


@pytest.fixture(autouse=True)
def empty_redis() -> None:
    streams.client().flushdb()


@pytest_asyncio.fixture(autouse=True)
async def followers_end() -> AsyncIterator[None]:
    """Ends what the web process keeps per event loop."""
    yield
    await tail.of_this_loop().close()
    task = presence.of_this_loop()._task
    if task is not None:
        task.cancel()
    # Channels' test tools keep its thread from giving its connection back.
    await sync_to_async(connections.close_all)()


class Repliers:
    """Starts and ends repliers inside the test's own loop."""

    def __init__(self) -> None:
        self._running: list[tuple[asyncio.Event, asyncio.Task[None]]] = []

    async def start(self) -> Replier:
        replier, stop = Replier(), asyncio.Event()
        self._running.append((stop, asyncio.create_task(replier.run(stop))))
        return replier

    async def end(self) -> None:
        """As SIGTERM does."""
        for stop, task in self._running:
            stop.set()
            await task
        self._running.clear()


@pytest_asyncio.fixture
async def repliers() -> AsyncIterator[Repliers]:
    running = Repliers()
    yield running
    await running.end()


@pytest_asyncio.fixture
async def replier(repliers: Repliers, fake: FakeModelServer) -> Replier:
    return await repliers.start()


class Tab:
    """One browser tab with its socket."""

    def __init__(self, communicator: WebsocketCommunicator) -> None:
        self.communicator = communicator

    async def send(self, type_: str, **fields: object) -> None:
        await self.communicator.send_to(text_data=json.dumps({"type": type_, **fields}))

    async def next(self, *, timeout_s: float = 5) -> Event:
        event: Event = json.loads(await self.communicator.receive_from(timeout_s))
        return event

    async def until(self, type_: str, *, timeout_s: float = 10) -> list[Event]:
        """The events up to the first one of that type."""
        events = [await self.next(timeout_s=timeout_s)]
        while events[-1]["type"] != type_:
            events.append(await self.next(timeout_s=timeout_s))
        return events

    async def ask(self, text: str, **fields: object) -> Event:
        """Send a question; what was accepted."""
        if "conversation_id" not in fields:
            fields.setdefault("assistant", "abc")
        fields.setdefault("client_id", str(uuid.uuid4()))
        await self.send("message.send", text=text, **fields)
        return await self.next()

    async def follow(
        self, reply_id: str, after_seq: int = 0, *, timeout_s: float = 10
    ) -> list[Event]:
        """Everything up to the end of the answer."""
        await self.send("reply.follow", message_id=reply_id, after_seq=after_seq)
        events = [await self.next(timeout_s=timeout_s)]
        while events[-1]["type"] not in FINAL:
            events.append(await self.next(timeout_s=timeout_s))
        return events

    async def answer(self, text: str, **fields: object) -> tuple[Event, list[Event]]:
        accepted = await self.ask(text, **fields)
        return accepted, await self.follow(accepted["reply_id"])


OpenTab = Callable[..., Awaitable[Tab]]


@pytest_asyncio.fixture
async def tab() -> AsyncIterator[OpenTab]:
    """Opens the socket of a person: ``await tab(employee)``."""
    async with AsyncExitStack() as stack:

        async def open_(user: User | None, **headers: str) -> Tab:
            communicator = WebsocketCommunicator(
                application, "/ws/", headers=await in_thread(socket_headers)(user, **headers)
            )
            connected, _code = await communicator.connect(5)
            assert connected
            stack.push_async_callback(communicator.disconnect)
            return Tab(communicator)

        yield open_


def socket_headers(user: User | None, **headers: str) -> list[tuple[bytes, bytes]]:
    sent = {"host": "testserver", "origin": "http://testserver", **headers}
    if user is not None:
        client = Client()
        client.force_login(user)
        name = django_settings.SESSION_COOKIE_NAME
        sent["cookie"] = f"{name}={client.cookies[name].value}"
    return [(name.encode(), value.encode()) for name, value in sent.items()]


def in_thread(function: Callable[P, R]) -> Callable[P, Awaitable[R]]:
    """Django's database from an asynchronous test."""

    @wraps(function)
    async def call(*args: P.args, **kwargs: P.kwargs) -> R:
        return await database_step(function)(*args, **kwargs)

    return call


@in_thread
def row(message_id: str) -> Message:
    return Message.objects.select_related("adapter", "conversation").get(pk=message_id)


def text_of(events: list[Event]) -> str:
    return "".join(event["text"] for event in events if event["type"] == "reply.token")


def types_of(events: list[Event]) -> list[str]:
    """Their types in order, runs of one type as one."""
    types: list[str] = []
    for event in events:
        if not types or types[-1] != event["type"]:
            types.append(event["type"])
    return types


async def eventually(condition: Callable[[], Awaitable[bool]], *, timeout_s: float = 10) -> None:
    async with asyncio.timeout(timeout_s):
        while not await condition():
            await asyncio.sleep(0.02)
