"""What changed between two texts, word by word; Chinese character by character."""

import re
from difflib import SequenceMatcher
from typing import Final, NamedTuple

_WORDS: Final = re.compile(r"[^\W_\u3400-\u9fff]+|\s+|.", re.DOTALL)
# Comparing takes as long as both lengths multiplied; longer texts are shown one beside the other.
MAX_WORDS: Final = 3000


class Part(NamedTuple):
    """A piece of a text; ``kind`` is ``same``, ``gone`` or ``new``."""

    kind: str
    text: str


def word_diff(before: str, after: str) -> list[Part] | None:
    """The pieces whose ``same`` and ``gone`` make ``before``, and ``same`` and ``new`` ``after``.

    None where the texts are too long, or have too little in common to be read as one.
    """
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    if not old or not new or max(len(old), len(new)) > MAX_WORDS:
        return None
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    parts: list[Part] = []
    for kind, i, j, k, m in matcher.get_opcodes():
        if kind == "equal":
            parts.append(Part("same", "".join(old[i:j])))
            continue
        if i < j:
            parts.append(Part("gone", "".join(old[i:j])))
        if k < m:
            parts.append(Part("new", "".join(new[k:m])))
    return parts
