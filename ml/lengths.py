"""How long examples are for one model, and which of them a run leaves out.

The trainer and the pre-flight both read this, so that they cannot disagree. Needs no torch.
"""

import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ml.encoding import Encoded, Encoder, Example, invented_person
from ml.messages import Person, system_message
from ml.settings import TrainingSettings
from ml.tokens import Tokens

# So many people are invented to find the one whose prompt is the longest.
PEOPLE: Final = 4
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


def length_limit(settings: TrainingSettings, tokens: Tokens) -> int:
    """The most tokens that an example of a run may have."""
    return min(settings.cutoff_tokens, tokens.context_length)


class Ruler:
    """Encodes examples as the person asks whose prompt is the longest."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        self.person = _with_the_longest_prompt(encoder)

    def encoded(self, example: Example) -> Encoded:
        return self.encoder.encode(example, self.person)

    def size(self, example: Example) -> Size:
        encoded = self.encoded(example)
        return Size(example.id, len(encoded.input_ids), encoded.first_label)


def within_cutoff(
    examples: Iterable[Example], *, ruler: Ruler, limit: int
) -> tuple[list[Example], list[dict[str, str]]]:
    """Those that fit whoever asks, and id and reason of the others: nothing is ever cut."""
    kept, dropped = [], []
    for example in examples:
        length = len(ruler.encoded(example).input_ids)
        if length <= limit:
            kept.append(example)
        else:
            reason = f"It has {length} tokens; the cutoff is {limit}."
            dropped.append({"id": example.id, "reason": reason})
    return kept, dropped


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


def _with_the_longest_prompt(encoder: Encoder) -> Person | None:
    chance = random.Random(0)  # noqa: S311
    people = [None, *(invented_person(chance) for _ in range(PEOPLE))]
    prompt, count = encoder.system_prompt, encoder.tokens.count
    return max(people, key=lambda person: count(system_message(prompt, person)))
