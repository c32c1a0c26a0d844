"""One answer that is asked for, and what comes back of it."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ml.errors import MlError

FinishReason = Literal["stop", "length", "cancelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How the next token is chosen; temperature 0 takes the likeliest one."""

    temperature: float = 0.0
    top_p: float = 1.0
    seed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Text that has become ready; the last piece has a ``finish_reason`` or an ``error``."""

    text: str = ""
    finish_reason: FinishReason | None = None
    error: MlError | None = None

    @property
    def is_last(self) -> bool:
        return self.finish_reason is not None or self.error is not None


@dataclass(slots=True, kw_only=True, eq=False)
class Generation:
    """A request on its way through an engine.

    Attributes:
        prompt_ids: what the model reads.
        adapter: the engine's own name of the adapter; None for the base model.
        max_tokens: never more than this, prompt excluded.
        stop: texts that end the answer, and are not part of it.
        on_piece: called from the engine's thread; must not block.
        completion_tokens: tokens made so far, an end token included.
        first_token_s: seconds from the request to the first token.
    """

    prompt_ids: Sequence[int]
    adapter: str | None
    max_tokens: int
    sampling: Sampling
    stop: Sequence[str]
    on_piece: Callable[[Piece], None]
    completion_tokens: int = 0
    first_token_s: float | None = None
    asked_at: float = field(default_factory=time.monotonic)
    _cancelled: threading.Event = field(default_factory=threading.Event)

    def cancel(self) -> None:
        """Stop computing at the next step; for whoever no longer waits for the answer."""
        self._cancelled.set()

    @property
    def is_cancelled(self) -> bool:
        return self._cancelled.is_set()

    def count_token(self) -> None:
        self.completion_tokens += 1
        if self.first_token_s is None:
            self.first_token_s = time.monotonic() - self.asked_at
