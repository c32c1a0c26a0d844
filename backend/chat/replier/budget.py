"""Fits a prompt into the model's context: the oldest turns go first, the question never."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext as _

from backend.common.errors import Invalid
from backend.common.model_stream import PROMPT_TOO_LONG

if TYPE_CHECKING:
    from backend.chat.prompts import ChatMessage
    from backend.common.model_stream import ModelStream, TokenCount

# A token covers at least one byte of text, so bytes bound tokens from above; this much is added
# for what the template puts around a message.
TEMPLATE_TOKENS: Final = 16
LIMIT_KNOWN_FOR_S: Final = 600


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A prompt that fits, and how long its answer may be."""

    messages: "list[ChatMessage]"
    max_tokens: int


class Budget:
    """Asks the server to count only where the bytes do not settle it."""

    def __init__(self, server: "ModelStream") -> None:
        self._server = server
        self._limits: dict[str, tuple[int, float]] = {}

    async def fit(
        self, messages: "list[ChatMessage]", *, model: str, max_new_tokens: int, count: bool = False
    ) -> Fitted:
        """The system message, as many of the latest turns as fit, and room for the answer.

        Args:
            messages: the whole prompt.
            model: the name under which the server counts.
            max_new_tokens: the longest answer wanted.
            count: have the server count, whatever the bytes say.

        Raises:
            Invalid: the question alone is too long (``PROMPT_TOO_LONG``).
        """
        limit = self._limit(model)
        if not count and limit and most_tokens(messages) + max_new_tokens <= limit:
            return Fitted(messages=messages, max_tokens=max_new_tokens)
        whole = await self._count(messages, model)
        # The answer gets what was asked for, but a short context is not all answer.
        room = whole.limit - min(max_new_tokens, whole.limit // 4)
        if whole.count <= room:
            return _fitted(messages, whole, max_new_tokens)
        shorter = shortened(messages)
        # The longest of them that fits; each is shorter than the one before.
        low, high, best = 0, len(shorter) - 1, None
        while low <= high:
            middle = (low + high) // 2
            counted = await self._count(shorter[middle], model)
            if counted.count <= room:
                best, high = _fitted(shorter[middle], counted, max_new_tokens), middle - 1
            else:
                low = middle + 1
        if best is None:
            raise Invalid(_("The question is too long for the model."), code=PROMPT_TOO_LONG)
        return best

    def _limit(self, model: str) -> int | None:
        limit, known_at = self._limits.get(model, (0, 0.0))
        return limit if time.monotonic() - known_at < LIMIT_KNOWN_FOR_S else None

    async def _count(self, messages: "list[ChatMessage]", model: str) -> "TokenCount":
        counted = await self._server.token_count(model=model, messages=messages)
        self._limits[model] = (counted.limit, time.monotonic())
        return counted


def most_tokens(messages: "list[ChatMessage]") -> int:
    """No prompt of these messages has more tokens than this."""
    size = sum(len(message["content"].encode()) for message in messages)
    return size + TEMPLATE_TOKENS * (len(messages) + 1)


def shortened(messages: "list[ChatMessage]") -> "list[list[ChatMessage]]":
    """The prompt without its oldest turns, one exchange less each time; the last question stays."""
    head = [message for message in messages[:1] if message["role"] == "system"]
    turns = messages[len(head) :]
    starts = [place for place, turn in enumerate(turns) if turn["role"] == "user"]
    return [[*head, *turns[start:]] for start in starts if start > 0]


def _fitted(messages: "list[ChatMessage]", counted: "TokenCount", max_new_tokens: int) -> Fitted:
    return Fitted(messages=messages, max_tokens=min(max_new_tokens, counted.limit - counted.count))
