"""Questions that are nearly the same by their characters; knows nothing of records and files.

MinHash with banding (Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, chapter 3): texts
that share a key may be near, ``similarity`` decides. Two questions with other numbers in them
(error 691, error 692) are never near, however alike the rest.
"""

import hashlib
import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final

from rensa import RMinHash

from ml.formats.questions import normalised_question

NEAR: Final = 0.75  # Jaccard similarity of two questions' shingles from which they are near
# 16 bands of 5 find a pair at 0.75 with 98.7 %, at 0.8 with 99.8 %, and one at 0.4 with 15 %.
BANDS: Final = 16
ROWS: Final = 5
# Keys are stored: another seed or normalisation needs a migration that computes them anew.
SEED: Final = 20261124

_CHINESE: Final = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_NUMBER: Final = re.compile(r"\d+")


def near_keys(wordings: Iterable[str]) -> list[int]:
    """Keys that near questions are likely to share: 16 for each wording, signed 64-bit, sorted."""
    return sorted({key for wording in wordings for key in _keys(wording)})


def _keys(wording: str) -> Iterator[int]:
    hashes = RMinHash(num_perm=BANDS * ROWS, seed=SEED)
    hashes.update(sorted(shingles_of(wording)))
    digest = hashes.digest()
    for band in range(BANDS):
        part = struct.pack(f"<B{ROWS}I", band, *digest[band * ROWS : (band + 1) * ROWS])
        yield int.from_bytes(hashlib.blake2b(part, digest_size=8).digest(), signed=True)


@lru_cache(maxsize=1000)
def _normalised(wording: str) -> str:
    return normalised_question(wording)


@lru_cache(maxsize=10_000)
def shingles_of(wording: str) -> frozenset[str]:
    """Pairs of characters of a Chinese text, runs of four of another."""
    text = _normalised(wording)
    size = 2 if len(_CHINESE.findall(text)) * 2 >= len(text) else 4
    return frozenset(text[i : i + size] for i in range(max(len(text) - size + 1, 1)))


def similarity(one: Sequence[str], other: Sequence[str]) -> float:
    """How near two questions are at the nearest of their wordings: 0 to 1, 1 for the same."""
    return max((_similarity(a, b) for a in one for b in other), default=0.0)


def _similarity(one: str, other: str) -> float:
    a, b = shingles_of(one), shingles_of(other)
    # Sizes alone rule most out.
    if min(len(a), len(b)) < NEAR * max(len(a), len(b)) or numbers_of(one) != numbers_of(other):
        return 0.0
    return len(a & b) / len(a | b)


@lru_cache(maxsize=10_000)
def numbers_of(wording: str) -> tuple[str, ...]:
    """The numbers in it, sorted."""
    return tuple(sorted(_NUMBER.findall(_normalised(wording))))
