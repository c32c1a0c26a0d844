"""One answer on its way from the engine's thread to an HTTP client."""

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import Request

from ml.engines.generation import Generation, Piece
from ml.server.failures import error_body, status_of
from ml.server.metrics import Metrics

Json = dict[str, Any]


class Answer:
    """The pieces of one generation, for the event loop that it is made on."""

    def __init__(self, metrics: Metrics) -> None:
        self.generation: Generation | None = None
        self._metrics = metrics
        self._loop = asyncio.get_running_loop()
        self._pieces: asyncio.Queue[Piece] = asyncio.Queue()

    def take(self, piece: Piece) -> None:
        """For the engine's thread."""
        self._loop.call_soon_threadsafe(self._pieces.put_nowait, piece)

    @property
    def started(self) -> Generation:
        if self.generation is None:
            raise RuntimeError("nothing has been asked yet")
        return self.generation

    async def pieces(self) -> AsyncGenerator[Piece, None]:
        """Every piece up to the last; leaving earlier stops the computing."""
        try:
            while True:
                piece = await self._pieces.get()
                yield piece
                if piece.is_last:
                    self._metrics.note(self.started, piece)
                    return
        finally:
            self.started.cancel()

    async def whole(self, request: Request) -> tuple[str, str]:
        """Text and finish reason; a client that goes away stops the computing.

        Raises:
            MlError: the engine gave the answer up.
        """
        text, reason = "", "cancelled"
        with _watched(request, self.started):
            async for piece in self.pieces():
                if piece.error is not None:
                    raise piece.error
                text += piece.text
                reason = piece.finish_reason or reason
        return text, reason

    @property
    def usage(self) -> dict[str, int]:
        prompt, completion = len(self.started.prompt_ids), self.started.completion_tokens
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
        }


def completion(answer: Answer, *, model: str, text: str, finish_reason: str) -> Json:
    """A chat completion in one piece."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": finish_reason, "logprobs": None}
    return _head("chat.completion", model) | {"choices": [choice], "usage": answer.usage}


async def events(answer: Answer, *, model: str, with_usage: bool) -> AsyncIterator[str]:
    """A chat completion as server-sent events, the last one ``[DONE]``.

    Once the answer has begun, a failure can only be an event; then no ``[DONE]`` follows.
    """
    head = _head("chat.completion.chunk", model)

    def event(choices: list[Json], **more: object) -> str:
        return _line(head | {"choices": choices} | more)

    usage: dict[str, object] = {"usage": None} if with_usage else {}
    async with contextlib.aclosing(answer.pieces()) as pieces:
        yield event(_delta(role="assistant", content=""), **usage)
        async for piece in pieces:
            if piece.error is not None:
                status = status_of(piece.error)
                message, code = piece.error.message, piece.error.code
                yield _line(error_body(message, status=status, code=code))
                return
            if piece.text:
                yield event(_delta(content=piece.text), **usage)
            if piece.finish_reason is not None:
                yield event(_delta(finish_reason=piece.finish_reason), **usage)
    if with_usage:
        yield event([], usage=answer.usage)
    yield "data: [DONE]\n\n"


def _delta(finish_reason: str | None = None, **fields: str) -> list[Json]:
    return [{"index": 0, "delta": fields, "logprobs": None, "finish_reason": finish_reason}]


def _head(kind: str, model: str) -> Json:
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": kind,
        "created": int(time.time()),
        "model": model,
    }


def _line(data: Json) -> str:
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n"


@contextmanager
def _watched(request: Request, generation: Generation) -> Iterator[None]:
    """Cancels ``generation`` when the client goes away."""

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        generation.cancel()

    task = asyncio.ensure_future(watch())
    try:
        yield
    finally:
        task.cancel()
