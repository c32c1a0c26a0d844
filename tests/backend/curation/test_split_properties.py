"""Whatever is frozen in whatever order: groups stay together and nobody changes side."""

import random
import uuid

from hypothesis import given
from hypothesis import strategies as st

from backend.curation.frozen import FrozenRow, canonical_order, canonical_sha256
from backend.curation.split import Split, assign, groups_of
from ml.formats import RecordFields

RECORDS = st.integers(0, 12)
KEYS = st.lists(st.sampled_from("abcdefghijkl"), min_size=1, max_size=3, unique=True)
STEP = st.tuples(
    st.dictionaries(RECORDS, KEYS, min_size=1),
    st.lists(st.tuples(RECORDS, RECORDS), max_size=8),
    st.sets(RECORDS, max_size=3),
    st.sampled_from([0, 0.01, 0.1, 0.3, 0.5]),
)


@given(st.lists(STEP, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_over_any_freezes(steps: list, shuffle: random.Random) -> None:  # type: ignore[type-arg]
    earlier: dict[int, str] = {}
    for keys, pairs, chosen, share in steps:
        links = [(a, b) for a, b in pairs if a in keys and b in keys and a != b]
        golden = chosen & keys.keys()
        placed = assign(keys, links=links, golden=golden, invalid={}, earlier=earlier, share=share)
        assert placed.keys() == keys.keys()
        sides = {record: split for record, (split, _reason) in placed.items()}
        for record, (split, reason) in placed.items():
            assert (split is Split.DROPPED) == bool(reason)
            if record in golden:
                assert split is Split.GOLDEN
            if split in (Split.TRAIN, Split.VALIDATION):
                assert earlier.get(record, split) == split  # nobody changes side
                assert all(set(keys[record]).isdisjoint(keys[one]) for one in golden)
        inside = [r for r in keys if sides[r] in (Split.TRAIN, Split.VALIDATION)]
        between = [(a, b) for a, b in links if a in inside and b in inside]
        for group in groups_of({r: keys[r] for r in inside}, between):
            assert len({sides[member] for member in group.members}) == 1
        for a, b in links:
            assert not ({sides[a], sides[b]} & {Split.TRAIN, Split.VALIDATION}
                        and {a, b} & golden)  # fmt: skip
        order = list(keys)
        shuffle.shuffle(order)
        again = assign(
            {record: keys[record] for record in order}, links=[(b, a) for a, b in links[::-1]],
            golden=golden, invalid={}, earlier=earlier, share=share,
        )  # fmt: skip
        assert again == placed
        for record, split in sides.items():
            if split in (Split.TRAIN, Split.VALIDATION):
                earlier[record] = split


ROWS = st.lists(
    st.builds(
        FrozenRow,
        record_id=st.uuids(),
        split=st.sampled_from(["train", "validation", "golden"]),
        content=st.builds(
            RecordFields,
            instruction=st.text(min_size=1, max_size=8),
            output=st.text(min_size=1, max_size=8),
            phrasings=st.lists(st.text(min_size=1, max_size=5), max_size=2).map(tuple),
        ),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda row: row.record_id,
)


def sha256(rows: list[FrozenRow]) -> str:
    return canonical_sha256(sorted(rows, key=canonical_order))


@given(ROWS, st.randoms(use_true_random=False))
def test_the_hash_is_of_the_set(rows: list[FrozenRow], shuffle: random.Random) -> None:
    mixed = list(rows)
    shuffle.shuffle(mixed)
    assert sha256(mixed) == sha256(rows)
    first, *rest = rows
    others = [
        FrozenRow(uuid.UUID(int=first.record_id.int ^ 1), first.split, first.content),
        FrozenRow(first.record_id, "golden" if first.split == "train" else "train", first.content),
        FrozenRow(
            first.record_id,
            first.split,
            RecordFields(instruction=first.content.instruction + "x", output="x"),
        ),
    ]
    assert all(sha256([other, *rest]) != sha256(rows) for other in others)
