"""What a judge's replies come to. Pure: the stored replies always give the same opinion."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

# A, B or TIE, of (candidate, reference) and of (reference, candidate).
Replies = Sequence[str]


def opinion_of(replies: Replies) -> str:
    """``candidate``, ``reference`` or ``tie``: what both orders agree on."""
    match tuple(replies):
        case ("A", "B"):
            return "candidate"
        case ("B", "A"):
            return "reference"
        case _:
            return "tie"


def tally(verdicts: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """How often the judge preferred which."""
    found = {"candidate": 0, "reference": 0, "tie": 0}
    for verdict in verdicts:
        found[opinion_of(verdict["replies"])] += 1
    return found
