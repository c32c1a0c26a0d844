"""Questions that are nearly the same by their characters; knows nothing of records and files.

MinHash with banding (Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, chapter 3): texts
that share a key may be near, ``similarity`` decides. Two questions with other numbers in them
(error 691, error 692) are never near, however alike the rest.
"""

import hashlib
import re
import struct
import zlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final, NamedTuple, TypeVar

from rensa import RMinHash

from ml.formats.questions import normalised_question

K = TypeVar("K", bound=Hashable)

NEAR: Final = 0.75  # Jaccard similarity of two questions' shingles from which they are near
# 16 bands of 5 find a pair at 0.75 with 98.7 %, at 0.8 with 99.8 %, and one at 0.4 with 15 %.
BANDS: Final = 16
ROWS: Final = 5
# Keys are stored: another seed or normalisation needs a migration that computes them anew.
SEED: Final = 20261124
# A bucket of ten thousand questions of one pattern would mean fifty million comparisons.
COMPARED: Final = 50
# Bits of a sketch, and how alike two sketches are at least whose texts are near: what collides
# makes sketches more alike than their texts, not less; the rest is for chance.
BITS: Final = 1024
SKETCHES_ALIKE: Final = NEAR - 0.05

_CHINESE: Final = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_NUMBER: Final = re.compile(r"\d+")


def near_keys(wordings: Iterable[str]) -> list[int]:
    """Keys that near questions are likely to share: 16 for each wording, signed 64-bit, sorted."""
    return sorted({key for wording in wordings for key in _keys(wording)})


def _keys(wording: str) -> Iterator[int]:
    hashes = RMinHash(num_perm=BANDS * ROWS, seed=SEED)
    hashes.update(sorted(_shingles(wording)))
    digest = hashes.digest()
    for band in range(BANDS):
        part = struct.pack(f"<B{ROWS}I", band, *digest[band * ROWS : (band + 1) * ROWS])
        yield int.from_bytes(hashlib.blake2b(part, digest_size=8).digest(), signed=True)


@lru_cache(maxsize=1000)
def _normalised(wording: str) -> str:
    return normalised_question(wording)


@lru_cache(maxsize=10_000)
def _shingles(wording: str) -> frozenset[str]:
    """Pairs of characters of a Chinese text, runs of four of another."""
    text = _normalised(wording)
    size = 2 if len(_CHINESE.findall(text)) * 2 >= len(text) else 4
    return frozenset(text[i : i + size] for i in range(max(len(text) - size + 1, 1)))


def similarity(one: Sequence[str], other: Sequence[str]) -> float:
    """How near two questions are at the nearest of their wordings: 0 to 1, 1 for the same."""
    return max((_similarity(a, b) for a in one for b in other), default=0.0)


def _similarity(one: str, other: str) -> float:
    a, b = _shingles(one), _shingles(other)
    # Sizes alone rule most out.
    if min(len(a), len(b)) < NEAR * max(len(a), len(b)) or _numbers(one) != _numbers(other):
        return 0.0
    return len(a & b) / len(a | b)


@lru_cache(maxsize=10_000)
def _numbers(wording: str) -> tuple[str, ...]:
    return tuple(sorted(_NUMBER.findall(_normalised(wording))))


class _Sketch(NamedTuple):
    """Enough of a question to rule out most that share a key with it, quickly."""

    bits: int  # one of ``BITS`` for each shingle
    numbers: tuple[str, ...]


def _may_be_near(one: list[_Sketch], other: list[_Sketch]) -> bool:
    # Loops, for this is asked millions of times.
    for bits, numbers in one:
        for other_bits, other_numbers in other:
            if numbers == other_numbers:
                shared, either = bits & other_bits, bits | other_bits
                if shared.bit_count() >= SKETCHES_ALIKE * either.bit_count():
                    return True
    return False


def _sketch(wording: str) -> _Sketch:
    bits = 0
    for shingle in _shingles(wording):
        bits |= 1 << (zlib.crc32(shingle.encode(errors="surrogatepass")) % BITS)
    return _Sketch(bits, _numbers(wording))


def near_pairs(
    keys: Iterable[tuple[K, Sequence[int]]], wordings: Callable[[K], Sequence[str]]
) -> Iterator[tuple[K, K, float]]:
    """Every two entries that are near, the earlier one first, with their similarity.

    Of a crowd that shares one key, each is compared with the ``COMPARED`` first: enough to connect
    them, not to name each pair.

    Args:
        keys: entries with what ``near_keys`` gives for them.
        wordings: the questions of an entry.
    """
    buckets: dict[int, list[K]] = defaultdict(list)
    sketches: dict[K, list[_Sketch]] = {}
    for entry, entry_keys in keys:
        own = sketches[entry] = [_sketch(wording) for wording in wordings(entry)]
        seen: dict[K, None] = {}
        for key in entry_keys:
            bucket = buckets[key]
            seen.update(dict.fromkeys(bucket))
            if len(bucket) < COMPARED:
                bucket.append(entry)
        for candidate in seen:
            if not _may_be_near(sketches[candidate], own):
                continue
            near = similarity(wordings(candidate), wordings(entry))
            if near >= NEAR:
                yield candidate, entry, near
