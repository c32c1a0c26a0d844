"""One example as text, with what a run learns from it told apart from what it only reads."""

import os.path
from collections.abc import Iterator
from dataclasses import dataclass

from ml.encoding import IGNORED, Encoded
from ml.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text, all of it trained or none."""

    text: str
    trained: bool


def pieces(encoded: Encoded, tokens: Tokens) -> list[Piece]:
    """The example's text in stretches; put together they are its ids, decoded.

    A character may take several tokens, and a decoder may drop a blank at its beginning: so the
    text is decoded from the example's first token up to each change of label, never by itself.
    """
    ids = encoded.input_ids
    whole = tokens.decode(ids)
    found: list[Piece] = []
    start = 0
    for end, trained in _stretches(encoded):
        upto = len(whole)
        if end < len(ids):
            # What ends within a character belongs to the stretch that completes it.
            before = tokens.decode(ids[:end])
            upto = len(os.path.commonprefix([whole, before]))  # noqa: RUF071  # these are no paths
        if upto > start:
            found.append(Piece(whole[start:upto], trained))
            start = upto
    return found


def _stretches(encoded: Encoded) -> Iterator[tuple[int, bool]]:
    """End and kind of every run of tokens with the same kind of label."""
    kinds = [label != IGNORED for label in encoded.labels]
    for place, kind in enumerate(kinds):
        if place + 1 == len(kinds) or kinds[place + 1] != kind:
            yield place + 1, kind
