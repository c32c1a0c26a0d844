"""The app on a port of its own, with a replier and a fake model server behind it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
import pytest_asyncio
import uvicorn
from openai import AsyncOpenAI

from backend.accounts.models import ApiKey, User
from backend.accounts.services import api_key_create
from backend.config.asgi import application
from tests.backend.chat.conftest import (  # noqa: F401  # fixtures
    Repliers,
    assistant,
    empty_redis,
    fake,
    followers_end,
    replier,
    repliers,
)


@dataclass
class App:
    """Where the app listens."""

    url: str
    opened: list[AsyncOpenAI] = field(default_factory=list)

    def client(self, key: str = "", **headers: str) -> httpx2.AsyncClient:
        if key:
            headers["authorization"] = f"Bearer {key}"
        return httpx2.AsyncClient(base_url=self.url, headers=headers, timeout=20)

    def openai(self, key: str) -> AsyncOpenAI:
        client = AsyncOpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0)
        self.opened.append(client)
        return client


class Server(uvicorn.Server):
    """Leaves the signals to the tests."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@pytest_asyncio.fixture
async def app() -> AsyncIterator[App]:
    server = Server(
        uvicorn.Config(application, host="127.0.0.1", port=0, lifespan="off", log_config=None)
    )
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    running = App(f"http://127.0.0.1:{port}")
    yield running
    for client in running.opened:
        await client.close()
    server.should_exit = True
    await task


Key = Callable[..., str]


@pytest.fixture
def key(db: None) -> Key:
    """Makes a key and gives its secret: ``key(employee)``."""

    def make(owner: User, *scopes: str, actor: User | None = None, **fields: Any) -> str:
        given = [ApiKey.Scope(scope) for scope in scopes or ("chat",)]
        _row, secret = api_key_create(
            actor=actor or owner, owner=owner, name="k", scopes=given, **fields
        )
        return secret

    return make
