"""One wire, two servers: the fake of the tests and the real one keep the same promises."""

import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import requests
from pytest_django import Settings

from backend.common import model_server
from backend.common.errors import Invalid, NotFound, Unavailable
from backend.common.model_stream import (
    MODEL_UNKNOWN,
    PROMPT_TOO_LONG,
    UNREACHABLE,
    ModelStream,
    Piece,
)
from backend.config import env
from backend.config.embedded.ports import free_port
from tests.fake_model_server import BASE, FakeModelServer

READY_WITHIN_S = 90
BUILD = """
import sys
from pathlib import Path
from tests.ml.tiny import build_adapter, build_model
build_adapter(Path(sys.argv[2]), base=build_model(Path(sys.argv[1])), seed=1)
"""
QUESTION = [
    {"role": "system", "content": "You are the assistant."},
    {"role": "user", "content": "你是谁?"},
]


@dataclass(frozen=True)
class Server:
    """Where a server listens, and what it has."""

    url: str
    base: str
    adapter: Path


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    adapter = tmp_path_factory.mktemp("adapter")
    (adapter / "adapter_config.json").write_text("{}")
    with FakeModelServer() as running:
        running.answer = lambda _body: ["I ", "am ", "the ", "assistant", "."] * 20
        running.token_s, running.max_model_len = 0.01, 256
        yield Server(running.url, BASE, adapter)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """``python -m ml serve`` with a tiny random model."""
    folder = tmp_path_factory.mktemp("models")
    base, adapter = folder / "tiny-base", folder / "tiny-adapter"
    # In a process of its own: this one stays without torch.
    building = [sys.executable, "-c", BUILD, str(base), str(adapter)]
    subprocess.run(building, cwd=env.ROOT, check=True, timeout=READY_WITHIN_S)
    port = free_port()
    command = [sys.executable, "-m", "ml", "serve", "--base-model", str(base)]
    command += ["--models-dir", str(folder), "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(command, cwd=env.ROOT)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_it_answers(url, process)
        yield Server(url, base.name, adapter)
    finally:
        process.terminate()
        process.wait(30)


def wait_until_it_answers(url: str, process: "subprocess.Popen[bytes]") -> None:
    give_up_at = time.monotonic() + READY_WITHIN_S
    while True:
        assert process.poll() is None, "the model server ended"
        try:
            if requests.get(f"{url}/health", timeout=2).ok:
                return
        except requests.ConnectionError:
            pass
        assert time.monotonic() < give_up_at, "the model server never answered"
        time.sleep(0.2)


@pytest.fixture(params=["fake", "real"])
def server(request: pytest.FixtureRequest, settings: Settings) -> Server:
    found: Server = request.getfixturevalue(request.param)
    settings.MODEL_SERVER_URL = found.url
    return found


@pytest_asyncio.fixture
async def stream(server: Server) -> AsyncIterator[ModelStream]:
    async with ModelStream() as opened:
        yield opened


def asked(server: Server, **fields: Any) -> dict[str, Any]:
    body = {"model": server.base, "messages": QUESTION, "max_tokens": 20, "temperature": 0.0}
    return body | fields


async def pieces_of(stream: ModelStream, body: dict[str, Any]) -> list[Piece]:
    async with stream.answer(body) as pieces:
        return [piece async for piece in pieces]


def text_of(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


def test_it_is_alive_and_names_its_base(server: Server) -> None:
    model_server.health()
    assert server.base in model_server.model_list()


async def test_a_streamed_answer_ends_with_a_reason_and_counts(
    server: Server, stream: ModelStream
) -> None:
    pieces = await pieces_of(stream, asked(server))
    assert text_of(pieces)
    assert [piece.finish_reason for piece in pieces if piece.finish_reason] in (
        ["stop"],
        ["length"],
    )
    usage = next(piece.usage for piece in pieces if piece.usage)
    assert 0 < usage["completion_tokens"] <= 20
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    counted = await stream.token_count(model=server.base, messages=QUESTION)
    assert usage["prompt_tokens"] == counted.count


async def test_the_same_question_is_answered_the_same_streamed_or_not(
    server: Server, stream: ModelStream
) -> None:
    streamed = text_of(await pieces_of(stream, asked(server)))
    whole = requests.post(f"{server.url}/v1/chat/completions", json=asked(server), timeout=30)
    assert whole.json()["choices"][0]["message"]["content"] == streamed


async def test_an_unknown_model_is_named_as_such_everywhere(
    server: Server, stream: ModelStream
) -> None:
    with pytest.raises(NotFound) as chat:
        await pieces_of(stream, asked(server, model="nobody"))
    with pytest.raises(NotFound) as count:
        await stream.token_count(model="nobody", messages=QUESTION)
    assert chat.value.code == count.value.code == MODEL_UNKNOWN
    with pytest.raises(NotFound):
        model_server.token_ids(model="nobody", messages=QUESTION)


async def test_tokens_are_counted_and_the_limit_is_named(
    server: Server, stream: ModelStream
) -> None:
    short = await stream.token_count(model=server.base, messages=QUESTION)
    longer = [*QUESTION, {"role": "assistant", "content": "我是助手。"}, QUESTION[1]]
    assert 0 < short.count < (await stream.token_count(model=server.base, messages=longer)).count
    assert short.limit == 256
    assert len(model_server.token_ids(model=server.base, messages=QUESTION)) == short.count


async def test_a_prompt_beyond_the_context_is_refused_by_its_code(
    server: Server, stream: ModelStream
) -> None:
    long = [{"role": "user", "content": "word " * 2000}]
    with pytest.raises(Invalid) as refused:
        await pieces_of(stream, asked(server, messages=long))
    assert refused.value.code == PROMPT_TOO_LONG


async def test_an_adapter_answers_once_it_is_loaded_and_loading_again_changes_nothing(
    server: Server, stream: ModelStream
) -> None:
    with pytest.raises(NotFound):
        await pieces_of(stream, asked(server, model="tuned"))
    for _ in range(2):
        await stream.adapter_load(name="tuned", path=str(server.adapter))
    model_server.adapter_load(name="tuned", path=str(server.adapter))
    assert model_server.model_list().count("tuned") == 1
    assert text_of(await pieces_of(stream, asked(server, model="tuned")))
    body = {"lora_name": "tuned"}
    unload = requests.post(f"{server.url}/v1/unload_lora_adapter", json=body, timeout=30)
    assert unload.ok
    with pytest.raises(NotFound):
        await pieces_of(stream, asked(server, model="tuned"))


async def test_a_folder_without_an_adapter_is_refused(
    server: Server, stream: ModelStream, tmp_path: Path
) -> None:
    with pytest.raises(Invalid):
        await stream.adapter_load(name="empty", path=str(tmp_path))
    assert "empty" not in model_server.model_list()


async def test_a_begun_answer_is_gone_on_with(server: Server, stream: ModelStream) -> None:
    begun = [*QUESTION, {"role": "assistant", "content": "I am"}]
    further = {"continue_final_message": True, "add_generation_prompt": False}
    assert text_of(await pieces_of(stream, asked(server, messages=begun, **further)))


async def test_leaving_an_answer_leaves_the_server_free_for_the_next(
    server: Server, stream: ModelStream
) -> None:
    for _ in range(5):
        async with stream.answer(asked(server, max_tokens=100)) as pieces:
            await anext(aiter(pieces))
    assert text_of(await pieces_of(stream, asked(server)))


async def test_nobody_there_is_said_as_such(settings: Settings) -> None:
    settings.MODEL_SERVER_URL = f"http://127.0.0.1:{free_port()}"
    async with ModelStream() as stream:
        with pytest.raises(Unavailable) as refused:
            await stream.token_count(model=BASE, messages=QUESTION)
    assert refused.value.code == UNREACHABLE
    with pytest.raises(Unavailable):
        model_server.health()
