"""Which side of a version a record stands on; knows keys and sides, no database.

Records that share a wording of their question form a group, and a group stands on one side, so
that what is validated was never trained. The side of a group that no version has seen follows
from a hash of its question, the same on every machine. A record keeps its side from one version
to the next; one that was held out and now asks what a trained one asks can stand on neither side
and is dropped. What was trained once is never held out.
"""

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from backend.curation.models import DatasetVersionItem

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

R = TypeVar("R", bound="Hashable")
Split = DatasetVersionItem.Split


@dataclass
class Group(Generic[R]):
    """Records that ask the same question, in the order given."""

    members: list[R]
    place: float  # in [0, 1), from its question; held out where below the share
    split: Split = Split.TRAIN
    is_new: bool = True  # no earlier version has placed it


def sides(
    keys: "Mapping[R, Sequence[str]]", *, earlier: "Mapping[R, str]", share: float
) -> "dict[R, Split]":
    """The side of each record.

    Args:
        keys: the wordings of each trainable record, own question first, in a stable order.
        earlier: the side that earlier versions gave; TRAIN where any of them did.
        share: of the new groups that is held out. 0 holds out nothing, so that everything may
            be trained on at last, and that is final.

    Returns:
        TRAIN, VALIDATION or DROPPED for each record. Where there are new groups, one group at
        least is trained; where there are two and ``share`` is above 0, one at least is held out.
    """
    groups = groups_of(keys)
    for group in groups:
        before = {earlier[member] for member in group.members if member in earlier}
        group.is_new = not before
        if before and Split.TRAIN not in before and share > 0:
            group.split = Split.VALIDATION
    _place_new(groups, share)
    placed = {}
    for group in groups:
        for member in group.members:
            was_held_out = earlier.get(member) == Split.VALIDATION
            dropped = share > 0 and was_held_out and group.split is Split.TRAIN
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


def groups_of(keys: "Mapping[R, Sequence[str]]") -> "list[Group[R]]":
    """Connected by shared wordings, however long the chain."""
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        while parent.setdefault(key, key) != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    for record_keys in keys.values():
        for key in record_keys[1:]:
            parent[root(key)] = root(record_keys[0])
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
