"""A model server that speaks the protocol and has no model: its answers are what a test says.

It runs in a thread of its own, so that blocking tests, asyncio tests and other processes can call
it alike. ``tests/integration/test_model_server_contract.py`` holds it to what the real one does.
"""

import asyncio
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import web

BASE = "smollm2-135m-instruct"
Json = dict[str, Any]


class FakeModelServer:
    """Set the attributes at any time; the next request is answered by them."""

    def __init__(self) -> None:
        self.answer: Callable[[Json], list[str]] = lambda body: [
            f"You said: {body['messages'][-1]['content']}"
        ]
        self.first_token_s = 0.0
        self.token_s = 0.0
        self.max_model_len = 2048
        # Answer everything but /health with this status.
        self.failing: int | None = None
        # Drop the connection before this many pieces have been sent; None: never.
        self.break_after: int | None = None
        self.is_adapter_refused = False
        self.models = {BASE}

        self.requests: list[Json] = []  # bodies of chat completions, as they came
        self.loaded: list[Json] = []  # bodies of adapter loads
        self.counted: list[Json] = []  # bodies of /tokenize
        self.running = 0
        self.abandoned = 0  # answers whose reader went away before their end

        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._ready = threading.Event()
        self._stop: asyncio.Event
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def last_messages(self) -> list[Json]:
        """What the last prompt was made of."""
        messages: list[Json] = self.requests[-1]["messages"]
        return messages

    def wait_until(self, condition: Callable[[], bool], *, timeout_s: float = 5) -> None:
        give_up_at = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > give_up_at:
                raise TimeoutError("the fake model server never got there")
            time.sleep(0.01)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _serve(self) -> None:
        self._loop.run_until_complete(self._run())
        self._loop.close()

    async def _run(self) -> None:
        self._stop = asyncio.Event()
        app = web.Application(middlewares=[self._guard])
        app.add_routes(
            [
                web.get("/health", self._health),
                web.get("/v1/models", self._models),
                web.post("/v1/chat/completions", self._chat),
                web.post("/v1/load_lora_adapter", self._load),
                web.post("/v1/unload_lora_adapter", self._unload),
                web.post("/tokenize", self._tokenize),
            ]
        )
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.2)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.port)
        await site.start()
        self.port = runner.addresses[0][1]
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if self.failing is not None and request.path != "/health":
            return refusal(self.failing, "out of order", "")
        answer: web.StreamResponse = await handler(request)
        return answer

    async def _health(self, request: web.Request) -> web.Response:
        return web.Response()

    async def _models(self, request: web.Request) -> web.Response:
        data = [{"id": name, "object": "model"} for name in sorted(self.models)]
        return web.json_response({"object": "list", "data": data})

    async def _load(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.loaded.append(body)
        if not (Path(body["lora_path"]) / "adapter_config.json").is_file():
            return refusal(400, "there is no adapter in this folder", "adapter_missing")
        if self.is_adapter_refused:
            return refusal(400, "this adapter is for another base", "adapter_mismatch")
        self.models.add(body["lora_name"])
        return web.json_response({"message": f"adapter {body['lora_name']} is loaded"})

    async def _unload(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body["lora_name"] not in self.models:
            return refusal(404, "there is no such adapter", "model_not_found")
        self.models.discard(body["lora_name"])
        return web.json_response({"message": "unloaded"})

    async def _tokenize(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.counted.append(body)
        if body["model"] not in self.models:
            return refusal(404, f"{body['model']} is not here", "model_not_found")
        count = tokens_of(body["messages"])
        return web.json_response(
            {
                "count": count,
                "max_model_len": self.max_model_len,
                "tokens": list(range(count)),
            }
        )

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append(body)
        if body["model"] not in self.models:
            return refusal(404, f"{body['model']} is not here", "model_not_found")
        prompt_tokens = tokens_of(body["messages"])
        if prompt_tokens + body.get("max_tokens", 1) > self.max_model_len:
            return refusal(400, "the prompt is too long", "context_length_exceeded")
        pieces = self.answer(body)[: body.get("max_tokens")]
        usage = {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": len(pieces),
            "total_tokens": prompt_tokens + len(pieces),
        }
        self.running += 1
        try:
            if not body.get("stream"):
                return await self._whole(body, pieces, usage)
            return await self._streamed(request, body, pieces, usage)
        except (asyncio.CancelledError, ConnectionError):
            self.abandoned += 1
            raise
        finally:
            self.running -= 1

    async def _whole(self, body: Json, pieces: list[str], usage: Json) -> web.Response:
        await asyncio.sleep(self.first_token_s + self.token_s * len(pieces))
        message = {"role": "assistant", "content": "".join(pieces)}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return web.json_response(
            head(body, "chat.completion") | {"choices": [choice], "usage": usage}
        )

    async def _streamed(
        self, request: web.Request, body: Json, pieces: list[str], usage: Json
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)

        async def send(**event: Any) -> None:
            data = head(body, "chat.completion.chunk") | event
            await response.write(f"data: {json.dumps(data)}\n\n".encode())

        def delta(finish_reason: str | None = None, **fields: str) -> list[Json]:
            return [{"index": 0, "delta": fields, "finish_reason": finish_reason}]

        await asyncio.sleep(self.first_token_s)
        await send(choices=delta(role="assistant", content=""))
        for place, piece in enumerate(pieces):
            if place == self.break_after:
                if request.transport is not None:
                    request.transport.abort()
                return response
            if place:
                await asyncio.sleep(self.token_s)
            if piece.startswith("<think>"):
                await send(choices=delta(reasoning_content=piece.removeprefix("<think>")))
            else:
                await send(choices=delta(content=piece))
        await send(choices=delta("stop"))
        if (body.get("stream_options") or {}).get("include_usage"):
            await send(choices=[], usage=usage)
        await response.write(b"data: [DONE]\n\n")
        await response.write_eof()
        return response


def tokens_of(messages: list[Json]) -> int:
    """A token for every four bytes of text, and four around each message."""
    return sum(len(message["content"].encode()) // 4 + 4 for message in messages)


def head(body: Json, kind: str) -> Json:
    created = int(time.time())
    return {"id": "chatcmpl-fake", "object": kind, "created": created, "model": body["model"]}


def refusal(status: int, message: str, code: str) -> web.Response:
    kind = "invalid_request_error" if status < 500 else "server_error"
    error = {"message": message, "type": kind, "param": None, "code": code or None}
    return web.json_response({"error": error}, status=status)
