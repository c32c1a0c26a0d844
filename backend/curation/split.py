"""Which side of a version a record stands on; knows keys and sides, no database.

Records that share a wording of their question, or ask nearly the same, form a group, however long
the chain, and a group stands on one side, so that what is validated was never trained. The side of
a group that no version has seen follows from a hash of its question, the same on every machine. A
record keeps its side from one version to the next; one that was held out and now belongs with a
trained one can stand on neither side and is dropped. What was trained once is never held out.
"""

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from backend.curation.models import DatasetVersionItem

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence

R = TypeVar("R", bound="Hashable")
Split = DatasetVersionItem.Split
Reason = DatasetVersionItem.Reason


@dataclass
class Group(Generic[R]):
    """Records that ask the same question or nearly, in the order given."""

    members: list[R]
    place: float  # in [0, 1), from its question; held out where below the share
    split: Split = Split.TRAIN
    is_new: bool = True  # no earlier version has placed it


def assign(
    keys: "Mapping[R, Sequence[str]]",
    *,
    links: "Collection[tuple[R, R]]",
    golden: "Collection[R]",
    invalid: "Mapping[R, Reason]",
    earlier: "Mapping[R, str]",
    share: float,
) -> "dict[R, tuple[Split, str]]":
    """Side and, for what is dropped, the reason of each record.

    Args:
        keys: the wordings of each approved record, own question first, in a stable order.
        links: every two records that ask nearly the same.
        golden: those that are golden. What asks the same as one of them, or nearly, is dropped,
            whatever days the golden record is valid on.
        invalid: those that are not valid on the day, with the reason.
        earlier: the side that earlier versions gave; TRAIN where any of them did.
        share: see ``sides``.
    """
    dropped: dict[R, Reason] = dict(invalid)
    of_golden = {key for record in golden for key in keys[record]}
    near_golden = {b for a, b in links if a in golden} | {a for a, b in links if b in golden}
    placed: dict[R, tuple[Split, str]] = {}
    for record, record_keys in keys.items():
        if record in golden or record in dropped:
            continue
        if not of_golden.isdisjoint(record_keys):
            dropped[record] = Reason.SAME_AS_GOLDEN
        elif record in near_golden:
            dropped[record] = Reason.NEAR_GOLDEN
    trainable = {
        record: record_keys
        for record, record_keys in keys.items()
        if record not in golden and record not in dropped
    }
    for record in keys:
        if record in dropped:
            placed[record] = Split.DROPPED, dropped[record]
        elif record in golden:
            placed[record] = Split.GOLDEN, ""
    between = [(a, b) for a, b in links if a in trainable and b in trainable]
    for record, side in sides(trainable, links=between, earlier=earlier, share=share).items():
        placed[record] = side, Reason.SAME_AS_TRAINING if side is Split.DROPPED else ""
    return placed


def sides(
    keys: "Mapping[R, Sequence[str]]",
    *,
    links: "Iterable[tuple[R, R]]" = (),
    earlier: "Mapping[R, str]",
    share: float,
) -> "dict[R, Split]":
    """The side of each record.

    Args:
        keys: the wordings of each trainable record, own question first, in a stable order.
        links: every two of them that ask nearly the same.
        earlier: the side that earlier versions gave; TRAIN where any of them did.
        share: of the new groups that is held out. 0 holds out none of them; what was held out
            before stays so.

    Returns:
        TRAIN, VALIDATION or DROPPED for each record. Where there are new groups, one group at
        least is trained; where there are two and ``share`` is above 0, one at least is held out.
    """
    groups = groups_of(keys, links)
    for group in groups:
        before = {earlier[member] for member in group.members if member in earlier}
        group.is_new = not before
        if before and Split.TRAIN not in before:
            group.split = Split.VALIDATION
    _place_new(groups, share)
    placed = {}
    for group in groups:
        for member in group.members:
            was_held_out = earlier.get(member) == Split.VALIDATION
            dropped = was_held_out and group.split is Split.TRAIN
            placed[member] = Split.DROPPED if dropped else group.split
    return placed


def _place_new(groups: "list[Group[R]]", share: float) -> None:
    new = sorted((group for group in groups if group.is_new), key=lambda group: group.place)
    for group in new:
        if group.place < share:
            group.split = Split.VALIDATION
    taken = {group.split for group in groups}
    if new and Split.TRAIN not in taken:
        new[-1].split = Split.TRAIN
    elif len(new) > 1 and share > 0 and Split.VALIDATION not in taken:
        new[0].split = Split.VALIDATION


def groups_of(
    keys: "Mapping[R, Sequence[str]]", links: "Iterable[tuple[R, R]]" = ()
) -> "list[Group[R]]":
    """Connected by shared wordings and by ``links``, however long the chain."""
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        while parent.setdefault(key, key) != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    for record_keys in keys.values():
        for key in record_keys[1:]:
            parent[root(key)] = root(record_keys[0])
    for one, other in links:
        parent[root(keys[other][0])] = root(keys[one][0])
    members: dict[str, list[R]] = defaultdict(list)
    for record, record_keys in keys.items():
        members[root(record_keys[0])].append(record)
    return [
        Group(records, place(min(key for record in records for key in keys[record])))
        for records in members.values()
    ]


def place(key: str) -> float:
    """A number in [0, 1) that depends on nothing but the key."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) / 2**64
