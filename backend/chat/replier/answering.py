"""One answer from the model server: waits while it restarts, loads what it has forgotten."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from backend.chat.replier.budget import Budget
from backend.common.errors import Invalid, NotFound, Unavailable
from backend.common.model_stream import (
    MODEL_UNKNOWN,
    PROMPT_TOO_LONG,
    UNREACHABLE,
    ModelStream,
    Piece,
)

if TYPE_CHECKING:
    from backend.chat.replier.ledger import Work

logger = logging.getLogger(__name__)

# A model server under the supervisor is back by then, its model loaded.
RESTART_S: Final = 30.0
FIRST_PAUSE_S: Final = 0.2
LONGEST_PAUSE_S: Final = 2.0

# What a request may ask for beside the assistant's own settings.
PASSED_ON: Final = ("top_p", "stop", "seed")


class Answering:
    """How this process asks the model server; shared by all its answers."""

    def __init__(self, server: ModelStream) -> None:
        self._server = server
        self._budget = Budget(server)
        self._loading: dict[str, asyncio.Lock] = {}

    async def pieces(self, work: "Work") -> AsyncGenerator[Piece, None]:
        """The pieces of the answer, from wherever the server can be got to give them.

        Until the first word a server that is away is waited for; after it, what breaks off is
        broken off.

        Raises:
            NotFound: the server does not have the model, nor an adapter that could be loaded.
            Invalid: it refuses: the prompt is too long, or the adapter cannot be used.
            Unavailable: it does not answer, or broke off.
        """
        give_up_at = time.monotonic() + RESTART_S
        pause = FIRST_PAUSE_S
        while True:
            has_begun = False
            try:
                async with self._open(work) as pieces:
                    async for piece in pieces:
                        has_begun = has_begun or bool(piece.text or piece.reasoning)
                        yield piece
                return
            except Unavailable as error:
                if has_begun or error.code != UNREACHABLE or time.monotonic() > give_up_at:
                    raise
                logger.info("waiting for the model server: %s", error.message)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)

    @asynccontextmanager
    async def _open(self, work: "Work") -> AsyncIterator[AsyncIterator[Piece]]:
        async with AsyncExitStack() as stack:
            try:
                pieces = await self._begin(work, stack)
            except Invalid as error:
                if error.code != PROMPT_TOO_LONG:
                    raise
                # Longer than its bytes let one think: once more, counted by the server.
                pieces = await self._begin(work, stack, count=True)
            yield pieces

    async def _begin(
        self, work: "Work", stack: AsyncExitStack, *, count: bool = False
    ) -> AsyncIterator[Piece]:
        async def begin() -> AsyncIterator[Piece]:
            body = await self._body(work, count=count)
            return await stack.enter_async_context(self._server.answer(body))

        try:
            return await begin()
        except NotFound:
            # The server was started anew and has forgotten the adapter.
            await self._load(work)
            return await begin()

    async def _body(self, work: "Work", *, count: bool) -> dict[str, Any]:
        options = work.options
        fitted = await self._budget.fit(
            work.messages,
            model=work.production.served_name,
            max_new_tokens=options.get("max_tokens") or work.max_new_tokens,
            count=count,
        )
        body = {
            "model": work.production.served_name,
            "messages": fitted.messages,
            "temperature": options.get("temperature", work.temperature),
            "max_tokens": fitted.max_tokens,
        }
        body |= {name: options[name] for name in PASSED_ON if name in options}
        if (thinking := work.production.thinking) is not None:
            # Our own server reads it from the card; vLLM wants to be told.
            body["chat_template_kwargs"] = {"enable_thinking": thinking}
        if fitted.messages[-1]["role"] == "assistant":
            # vLLM's words for: this turn is not closed, write on.
            body |= {"continue_final_message": True, "add_generation_prompt": False}
        return body

    async def _load(self, work: "Work") -> None:
        live = work.production
        if live.path is None:
            raise NotFound("the base model is not there", code=MODEL_UNKNOWN)
        lock = self._loading.setdefault(live.served_name, asyncio.Lock())
        async with lock:
            try:
                await self._server.adapter_load(name=live.served_name, path=str(live.path))
            except (Invalid, NotFound) as error:
                logger.error("adapter %s cannot be loaded: %s", live.served_name, error.message)
                raise Invalid(error.message, code="adapter_unusable") from error
