"""The model server for asyncio code: answers as they are written, token counts, adapters.

The same wires as ``common.model_server``. Leaving the ``async with`` of an answer, or being
cancelled inside it, closes the request, which stops the computing.
"""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
from django.conf import settings
from django.utils.translation import gettext as _

from backend.common.errors import DomainError, Invalid, NotFound, Unavailable
from backend.common.model_server import ADAPTER_TIMEOUT_S, failure_of, headers

CONNECT_TIMEOUT_S: Final = 5
# A busy server without a graphics card may take minutes before it comes to a question.
SILENCE_TIMEOUT_S: Final = 300
LONGEST_LINE: Final = 2**20

UNREACHABLE: Final = "model_server_unavailable"
MODEL_UNKNOWN: Final = "model_not_found"
PROMPT_TOO_LONG: Final = "context_length_exceeded"

UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")

# The wire is JSON of whatever the server sends.
Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What one event of an answer brings; ``finish_reason`` stands on the last one with text."""

    text: str = ""
    reasoning: str = ""
    finish_reason: str = ""
    usage: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCount:
    """Tokens of a prompt, and how many prompt and answer may have together."""

    count: int
    limit: int


class ModelStream:
    """One pool of connections to the model server; use it as an async context manager."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "ModelStream":
        self._session = aiohttp.ClientSession(
            base_url=settings.MODEL_SERVER_URL,
            headers=headers(),
            connector=aiohttp.TCPConnector(limit=0),  # the replier bounds its answers itself
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=CONNECT_TIMEOUT_S, sock_read=SILENCE_TIMEOUT_S
            ),
            read_bufsize=2**18,
        )
        return self

    async def __aexit__(self, *exception: object) -> None:
        if self._session is not None:
            await self._session.close()

    @asynccontextmanager
    async def answer(self, body: Json) -> AsyncIterator[AsyncIterator[Piece]]:
        """The pieces of one streamed chat completion, as they come.

        Raises:
            NotFound: the server does not have the model.
            Invalid: it refuses the request; too long a prompt has ``PROMPT_TOO_LONG``.
            Unavailable: it does not answer, broke off (both ``UNREACHABLE``) or failed.
        """
        asked = {**body, "stream": True, "stream_options": {"include_usage": True}}
        with _translated():
            async with self._open.post("/v1/chat/completions", json=asked) as response:
                await _raise_for(response)
                try:
                    yield _pieces(response)
                finally:
                    # Before its end this drops the connection, at its end it does nothing.
                    response.close()

    async def token_count(self, *, model: str, messages: list[dict[str, str]]) -> TokenCount:
        """How long the prompt of ``messages`` is for ``model``, and how long it may be.

        Raises:
            NotFound: the server does not have the model.
            Unavailable: it does not answer.
        """
        answer = await self._call(
            "/tokenize", {"model": model, "messages": messages, "add_generation_prompt": True}
        )
        return TokenCount(count=int(answer["count"]), limit=int(answer["max_model_len"]))

    async def adapter_load(self, *, name: str, path: str) -> None:
        """Make the adapter in folder ``path`` answer to ``name``; again changes nothing.

        Raises:
            Invalid: the server cannot use it.
            Unavailable: it does not answer.
        """
        await self._call(
            "/v1/load_lora_adapter",
            {"lora_name": name, "lora_path": path},
            timeout=aiohttp.ClientTimeout(total=ADAPTER_TIMEOUT_S),
        )

    async def _call(
        self, path: str, body: Json, *, timeout: aiohttp.ClientTimeout | None = None
    ) -> Json:
        wait = timeout or aiohttp.ClientTimeout(total=30)
        with _translated():
            async with self._open.post(path, json=body, timeout=wait) as response:
                await _raise_for(response)
                text = await response.text()
        try:
            answer = json.loads(text)
        except ValueError:  # a plain sentence, as vLLM says that an adapter is loaded
            return {}
        return answer if isinstance(answer, dict) else {}

    @property
    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("use ModelStream as a context manager")
        return self._session


class _translated:
    """Turns what aiohttp raises into ``Unavailable``."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, aiohttp.ClientError | TimeoutError | OSError):
            raise unreachable() from error


def unreachable() -> Unavailable:
    return Unavailable(_("The model server does not answer."), code=UNREACHABLE)


async def _raise_for(response: aiohttp.ClientResponse) -> None:
    if response.status < 400:
        return
    message, code = failure_of(await response.text())
    raise _as_error(response.status, message, code)


def _as_error(status: int, message: str, code: str) -> DomainError:
    if status == 404 and code in {"", MODEL_UNKNOWN, "NotFoundError"}:
        return NotFound(message, code=MODEL_UNKNOWN)
    if status in {429, 502, 503, 504}:
        return Unavailable(message, code=UNREACHABLE)
    if status >= 500:
        return Unavailable(message, code="model_server_failed")
    if code == PROMPT_TOO_LONG or (status == 400 and "maximum context length" in message):
        return Invalid(message, code=PROMPT_TOO_LONG)
    return Invalid(message, code=code or "model_server_refused")


async def _pieces(response: aiohttp.ClientResponse) -> AsyncIterator[Piece]:
    """The events of a server-sent stream; one that ends without ``[DONE]`` was broken off."""
    async for data in _data_lines(response):
        if data == "[DONE]":
            return
        event = _object(data)
        if error := event.get("error"):
            message, code = failure_of(json.dumps({"error": error}))
            status = error.get("code") if isinstance(error, dict) else None
            raise _as_error(status if isinstance(status, int) else 500, message, code)
        yield _piece(event)
    raise unreachable()


async def _data_lines(response: aiohttp.ClientResponse) -> AsyncIterator[str]:
    waiting = b""
    async for chunk in response.content.iter_any():
        *lines, waiting = (waiting + chunk).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                yield line[5:].decode("utf-8", "replace").strip()
        if len(waiting) > LONGEST_LINE:
            raise Unavailable(_("The model server sends what is no answer."), code=UNREACHABLE)


def _object(data: str) -> Json:
    try:
        event = json.loads(data)
    except ValueError as error:
        raise Unavailable(
            _("The model server sends what is no answer."), code=UNREACHABLE
        ) from error
    return event if isinstance(event, dict) else {}


def _piece(event: Json) -> Piece:
    choices = event.get("choices") or [{}]
    delta = choices[0].get("delta") or {}
    usage = event.get("usage") or {}
    return Piece(
        text=_storable(delta.get("content") or ""),
        # vLLM's older name, and its newer one.
        reasoning=_storable(delta.get("reasoning_content") or delta.get("reasoning") or ""),
        finish_reason=choices[0].get("finish_reason") or "",
        usage={key: value for key, value in usage.items() if isinstance(value, int)},
    )


def _storable(text: str) -> str:
    """``text`` without what no database keeps: NUL and halves of surrogate pairs."""
    return UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)
