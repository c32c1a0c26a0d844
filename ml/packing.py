"""A batch of examples as the model reads it: packed into one row, or one padded row for each.

Packed examples do not see each other and share their common beginning. A batch asked by one person
begins with the same system prompt, so that is computed once: on short questions it is a third of
all tokens. No padding is computed either.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ml.encoding import IGNORED, Encoded


@dataclass(frozen=True, slots=True)
class Packed:
    """B rows for the model, one where they are packed; T tokens in each, N to be predicted.

    Attributes:
        input_ids: (B, T)
        position_ids: (B, T); every packed example counts on from the shared beginning.
        attention: (B, 1, T, T), true where row t may see column s.
        predicting: (K,), the places whose outputs are needed in some row.
        picked: (N,), which of the B x K outputs predict a label, counted row by row.
        labels: (N,)
        longest: tokens of the longest example.
    """

    input_ids: torch.Tensor
    position_ids: torch.Tensor
    attention: torch.Tensor
    predicting: torch.Tensor
    picked: torch.Tensor
    labels: torch.Tensor
    longest: int

    def to(self, device: torch.device) -> "Packed":
        return Packed(
            self.input_ids.to(device),
            self.position_ids.to(device),
            self.attention.to(device),
            self.predicting.to(device),
            self.picked.to(device),
            self.labels.to(device),
            self.longest,
        )


def shared_beginning(batch: Sequence[Encoded]) -> int:
    """How many ids all examples begin with, before any of them begins to learn.

    One less than the shortest prompt, since a prompt's last place predicts the first label.
    """
    limit = min(example.first_label for example in batch) - 1
    first = batch[0].input_ids
    for place in range(limit):
        if any(example.input_ids[place] != first[place] for example in batch):
            return place
    return max(0, limit)


def pack(batch: Sequence[Encoded]) -> Packed:
    """The examples behind one another; each sees the shared beginning and itself."""
    shared = shared_beginning(batch) if len(batch) > 1 else 0
    ids = list(batch[0].input_ids[:shared])
    positions = list(range(shared))
    segments = [0] * shared
    predicting: list[int] = []
    labels: list[int] = []
    for number, example in enumerate(batch, 1):
        start = len(ids) - shared  # where this example's place 0 would stand
        ids += example.input_ids[shared:]
        positions += range(shared, len(example.input_ids))
        segments += [number] * (len(example.input_ids) - shared)
        for place, label in enumerate(example.labels):
            if label != IGNORED:
                predicting.append(start + place - 1)
                labels.append(label)
    segment = torch.tensor(segments)  # (T,)
    same = (segment[:, None] == segment[None]) | (segment[None] == 0)  # (T, T)
    earlier = torch.ones(len(ids), len(ids), dtype=torch.bool).tril()
    return Packed(
        torch.tensor([ids]),
        torch.tensor([positions]),
        (same & earlier)[None, None],
        torch.tensor(predicting),
        torch.arange(len(labels)),
        torch.tensor(labels),
        max(len(example.input_ids) for example in batch),
    )


def pad(batch: Sequence[Encoded]) -> Packed:
    """A row for each example, filled up at its end with what nobody sees or learns."""
    longest = max(len(example.input_ids) for example in batch)
    filled = [
        [*example.input_ids, *[example.input_ids[-1]] * (longest - len(example.input_ids))]
        for example in batch
    ]
    learnt = [
        (row, place - 1, label)
        for row, example in enumerate(batch)
        for place, label in enumerate(example.labels)
        if label != IGNORED
    ]
    places = sorted({place for _row, place, _label in learnt})
    column = {place: number for number, place in enumerate(places)}
    # What stands at the end is seen by nothing before it, so no more than causality is needed.
    earlier = torch.ones(longest, longest, dtype=torch.bool).tril()
    return Packed(
        torch.tensor(filled),
        torch.arange(longest).expand(len(batch), longest),
        earlier.expand(len(batch), 1, longest, longest),
        torch.tensor(places),
        torch.tensor([row * len(places) + column[place] for row, place, _label in learnt]),
        torch.tensor([label for _row, _place, label in learnt]),
        longest,
    )
