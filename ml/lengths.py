"""How long examples are for one model, one by one and counted; needs no torch."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ml.encoding import Encoded

MOST_BARS: Final = 16
# Widths that people read easily.
WIDTHS: Final = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class Size:
    """Tokens of one example: of the whole, and of what stands before the first trained one."""

    id: str
    tokens: int
    prompt: int


@dataclass(frozen=True, slots=True)
class Bar:
    """So many examples have from ``low`` tokens to ``high``, both counted in."""

    low: int
    high: int
    count: int


def size_of(encoded: Encoded) -> Size:
    """How long an encoded example is."""
    return Size(encoded.id, len(encoded.input_ids), encoded.first_label)


def histogram(lengths: Sequence[int]) -> list[Bar]:
    """At most 16 bars of the same width from the shortest to the longest; empty without lengths."""
    if not lengths:
        return []
    width = _width(max(lengths) - min(lengths) + 1)
    first = min(lengths) // width
    counts = [0] * (max(lengths) // width - first + 1)
    for length in lengths:
        counts[length // width - first] += 1
    return [
        Bar((first + place) * width, (first + place + 1) * width - 1, count)
        for place, count in enumerate(counts)
    ]


def _width(span: int) -> int:
    """The smallest readable width with which ``span`` gives no more than ``MOST_BARS``."""
    for power in range(math.ceil(math.log10(span)) + 1):
        for digit in WIDTHS:
            width: int = digit * 10**power
            # One bar more where the first does not begin at the shortest.
            if span <= width * (MOST_BARS - 1):
                return width
    return span
