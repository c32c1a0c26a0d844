"""Greedy answers to many prompts through the engine that also serves, many at a time."""

import queue
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ml.engines.generation import Piece, Sampling
from ml.engines.rolling import Engine
from ml.errors import MlError


@dataclass(slots=True, eq=False)
class Ask:
    """One prompt for one model, and what has been answered so far."""

    question: str
    model: str
    prompt_ids: Sequence[int]
    text: str = ""
    finish_reason: str = ""


def answered(engine: Engine, asks: Sequence[Ask], *, max_tokens: int) -> Iterator[Ask]:
    """Each of ``asks`` once it has its whole answer, in the order of their ends.

    Args:
        engine: knows their models, and has room for all of them to wait.
        asks: in the order in which they are begun.
        max_tokens: the longest answer.

    Raises:
        MlError: the model failed.
    """
    pieces: queue.SimpleQueue[tuple[Ask, Piece]] = queue.SimpleQueue()
    for ask in asks:
        _submit(engine, ask, pieces, max_tokens)
    left = len(asks)
    while left:
        ask, piece = pieces.get()
        if piece.error is not None:
            raise piece.error
        ask.text += piece.text
        if piece.finish_reason is None:
            continue
        if piece.finish_reason == "cancelled":
            raise MlError("An answer was broken off.", code="model_failed")
        ask.finish_reason = piece.finish_reason
        left -= 1
        yield ask


def _submit(
    engine: Engine, ask: Ask, pieces: "queue.SimpleQueue[tuple[Ask, Piece]]", max_tokens: int
) -> None:
    engine.submit(
        model=ask.model,
        prompt_ids=ask.prompt_ids,
        max_tokens=max_tokens,
        sampling=Sampling(),
        stop=(),
        on_piece=lambda piece: pieces.put((ask, piece)),
    )
