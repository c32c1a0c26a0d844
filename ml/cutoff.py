"""Which examples fit: longer ones are left out and listed, never cut. Needs no torch."""

import random
from collections.abc import Sequence
from typing import Final

from ml.encoding import Encoder, Example, invented_person
from ml.messages import Person, system_message

# People among whom the one with the longest lines of a system prompt is looked for.
ASKED_BY: Final = 4


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
    person = _wordiest(encoder)
    kept, dropped = [], []
    for example in examples:
        length = len(encoder.encode(example, person).input_ids)
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
