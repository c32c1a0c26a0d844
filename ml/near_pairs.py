"""All near questions among very many at once; ``ml.near`` says what is near.

Millions of two share a key and hundreds are near: sketches of their shingles, compared by numpy
for many pairs at a time, rule most out, and only the rest is compared by its words.
"""

import zlib
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from ml.near import NEAR, numbers_of, shingles_of, similarity

K = TypeVar("K", bound=Hashable)
Numbers = NDArray[np.int64]

# A bucket of ten thousand questions of one pattern would mean fifty million comparisons.
COMPARED: Final = 50
# Bits of a sketch, and how alike two sketches are at least whose texts are near: what collides
# makes sketches more alike than their texts, not less; the rest is for chance.
BITS: Final = 1024
SKETCHES_ALIKE: Final = NEAR - 0.05
# Pairs that share a key, and pairs of wordings, that are in memory at a time.
SHARING_AT_ONCE: Final = 2**20
COMPARED_AT_ONCE: Final = 2**15


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
    entries: list[K] = []
    held: list[Numbers] = []
    sketches = _Sketches()
    for entry, entry_keys in keys:
        entries.append(entry)
        held.append(np.array(entry_keys, dtype=np.int64))
        sketches.add(wordings(entry))
    if not entries:
        return
    sketches.close()
    for one, other in _sharing(held):
        for a, b in sketches.alike(one, other):
            near = similarity(wordings(entries[a]), wordings(entries[b]))
            if near >= NEAR:
                yield entries[a], entries[b], near


def _sharing(held: Sequence[Numbers]) -> Iterator[tuple[Numbers, Numbers]]:
    """Places of entries that share a key, each two once, the earlier ones first; in parts."""
    many = np.fromiter((len(keys) for keys in held), dtype=np.int64, count=len(held))
    owner = np.repeat(np.arange(len(held)), many)
    key = np.concatenate(held)
    # Within a bucket the owners stay in their order.
    in_buckets = np.argsort(key, kind="stable")
    sorted_key = key[in_buckets]
    first = np.searchsorted(sorted_key, sorted_key, side="left")
    start, rank = np.empty_like(first), np.empty_like(first)
    start[in_buckets] = first
    rank[in_buckets] = np.arange(len(key)) - first
    bucket_owner = owner[in_buckets]
    partners = np.minimum(rank, COMPARED)
    ends = np.cumsum(many)
    total = np.concatenate(([0], np.cumsum(partners)))
    begin = 0  # entries up to here are done
    while begin < len(held):
        # At least one entry, and as many as share few enough keys with earlier ones.
        before = total[ends[begin - 1]] if begin else 0
        stop = int(np.searchsorted(total[ends], before + SHARING_AT_ONCE, side="right"))
        stop = max(stop, begin + 1)
        part = slice(ends[begin - 1] if begin else 0, ends[stop - 1])
        number = partners[part]
        later = np.repeat(owner[part], number)
        within = np.arange(len(later)) - np.repeat(np.cumsum(number) - number, number)
        earlier = bucket_owner[np.repeat(start[part], number) + within]
        both = _distinct(later[earlier < later] * len(held) + earlier[earlier < later])
        yield both % len(held), both // len(held)
        begin = stop


class _Sketches:
    """Enough of every wording to rule out most that share a key with it."""

    def __init__(self) -> None:
        self.packed = bytearray()
        self.numbers: list[int] = []
        self.known: dict[tuple[str, ...], int] = {}
        self.many: list[int] = []

    def add(self, wordings: Sequence[str]) -> None:
        """The wordings of the next entry."""
        self.many.append(len(wordings))
        for wording in wordings:
            bits = 0
            for shingle in shingles_of(wording):
                bits |= 1 << (zlib.crc32(shingle.encode(errors="surrogatepass")) % BITS)
            self.packed += bits.to_bytes(BITS // 8, "little")
            numbers = numbers_of(wording)
            self.numbers.append(self.known.setdefault(numbers, len(self.known)))

    def close(self) -> None:
        """All entries have been added."""
        self.bits = np.frombuffer(self.packed, dtype="<u8").reshape(-1, BITS // 64)
        self.size = np.bitwise_count(self.bits).sum(axis=1, dtype=np.int64)
        self.which = np.array(self.numbers, dtype=np.int64)
        self.own = np.array(self.many, dtype=np.int64)
        self.begin = np.cumsum(self.own) - self.own

    def alike(self, one: Numbers, other: Numbers) -> Iterator[tuple[int, int]]:
        """Those of the pairs of entries that have wordings which may be near."""
        compared = self.own[one] * self.own[other]
        ends = np.cumsum(compared)
        begin = 0
        while begin < len(one):
            before = ends[begin - 1] if begin else 0
            stop = int(np.searchsorted(ends, before + COMPARED_AT_ONCE, side="right"))
            stop = max(stop, begin + 1)
            part = slice(begin, stop)
            for place in self._alike(one[part], other[part], compared[part]):
                yield int(one[begin + place]), int(other[begin + place])
            begin = stop

    def _alike(self, one: Numbers, other: Numbers, compared: Numbers) -> Numbers:
        """Places in ``one`` and ``other`` of those that may be near."""
        pair = np.repeat(np.arange(len(one)), compared)
        within = np.arange(len(pair)) - np.repeat(np.cumsum(compared) - compared, compared)
        second = self.own[other][pair]
        a = self.begin[one][pair] + within // second
        b = self.begin[other][pair] + within % second
        same = self.which[a] == self.which[b]
        a, b, pair = a[same], b[same], pair[same]
        shared = np.bitwise_count(self.bits[a] & self.bits[b]).sum(axis=1, dtype=np.int64)
        either = self.size[a] + self.size[b] - shared
        return _distinct(pair[shared >= SKETCHES_ALIKE * either])


def _distinct(numbers: Numbers) -> Numbers:
    # Sorted as they nearly are this takes a third of what the hash table of numpy.unique does.
    ordered = np.sort(numbers)
    distinct: Numbers = ordered[np.diff(ordered, prepend=-1) != 0]
    return distinct
