"""Several examples in one row that do not see each other and share their common beginning.

A batch asked by one person begins with the same system prompt, so that is computed once: on short
questions it is a third of all tokens. No padding is computed either.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ml.encoding import IGNORED, Encoded


@dataclass(frozen=True, slots=True)
class Packed:
    """One row for the model; T tokens, N of them to be predicted.

    Attributes:
        input_ids: (1, T)
        position_ids: (1, T); every example counts on from the shared beginning.
        attention: (1, 1, T, T), true where row t may see column s.
        predicting: (N,), the places whose output predicts a label.
        labels: (N,)
    """

    input_ids: torch.Tensor
    position_ids: torch.Tensor
    attention: torch.Tensor
    predicting: torch.Tensor
    labels: torch.Tensor

    def to(self, device: torch.device) -> "Packed":
        return Packed(
            self.input_ids.to(device),
            self.position_ids.to(device),
            self.attention.to(device),
            self.predicting.to(device),
            self.labels.to(device),
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
        torch.tensor(labels),
    )
