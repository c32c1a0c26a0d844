"""Asks an engine directly and waits for what comes."""

import threading
from collections.abc import Sequence

from ml.engines.generation import Generation, Piece, Sampling
from ml.engines.rolling import Engine

TIMEOUT_S = 30


class Asked:
    """One answer on its way; ``pieces`` grows while it is made."""

    def __init__(
        self,
        engine: Engine,
        question: str,
        *,
        model: str = "tiny",
        max_tokens: int = 40,
        sampling: Sampling | None = None,
        stop: Sequence[str] = (),
    ) -> None:
        self.pieces: list[Piece] = []
        self._ended = threading.Event()
        self.generation: Generation = engine.submit(
            model=model,
            prompt_ids=engine.tokens.prompt_ids([{"role": "user", "content": question}]),
            max_tokens=max_tokens,
            sampling=sampling or Sampling(),
            stop=stop,
            on_piece=self._take,
        )

    def _take(self, piece: Piece) -> None:
        self.pieces.append(piece)
        if piece.is_last:
            self._ended.set()

    @property
    def last(self) -> Piece:
        assert self._ended.wait(TIMEOUT_S), "the answer never ended"
        return self.pieces[-1]

    @property
    def text(self) -> str:
        assert self.last.error is None
        return "".join(piece.text for piece in self.pieces)
