"""Which examples fit: longer ones are left out and listed, never cut. Needs no torch.

The trainer and the pre-flight both read this, so that they cannot disagree.
"""

import random
from collections.abc import Sequence
from typing import Final

from ml.encoding import Encoded, Encoder, Example, invented_person
from ml.messages import Person, system_message

# People among whom the one with the longest lines of a system prompt is looked for.
ASKED_BY: Final = 4


class Ruler:
    """Encodes examples as the person asks whose prompt is the longest."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        self.person = _wordiest(encoder)

    def encoded(self, example: Example) -> Encoded:
        return self.encoder.encode(example, self.person)


def within_cutoff(
    encoder: Encoder, examples: Sequence[Example], *, cutoff_tokens: int
) -> tuple[list[Example], list[dict[str, str]]]:
    """Those that fit whoever asks, and id and reason of the others.

    Args:
        encoder: of the model and prompt that they are asked under.
        examples: any.
        cutoff_tokens: the longest that fits; the model's own limit holds as well.
    """
    limit = min(cutoff_tokens, encoder.tokens.context_length)
    ruler = Ruler(encoder)
    kept, dropped = [], []
    for example in examples:
        length = len(ruler.encoded(example).input_ids)
        if length <= limit:
            kept.append(example)
        else:
            reason = f"It has {length} tokens; the cutoff is {limit}."
            dropped.append({"id": example.id, "reason": reason})
    return kept, dropped


def _wordiest(encoder: Encoder) -> Person | None:
    """The person for whom the system prompt is longest."""
    chance = random.Random(0)  # noqa: S311
    people = [None, *(invented_person(chance) for _ in range(ASKED_BY))]
    return max(
        people,
        key=lambda person: encoder.tokens.count(system_message(encoder.system_prompt, person)),
    )
