"""The attention cache of answers that are computed together, one row each.

All rows end at the same column; a shorter one has padding on its left, which is masked.
"""

from collections.abc import Sequence
from typing import Any, Final

import torch
from transformers.cache_utils import Cache, DynamicLayer

# Columns that are reserved at once, so that a step need not copy the whole cache.
ROOM: Final = 256


class RoomyLayer(DynamicLayer):  # type: ignore[no-untyped-call]  # transformers has no types here
    """Keys and values of one layer, each (B, H, T, D), as the front of bigger buffers."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # has no types
        self._buffers: tuple[torch.Tensor, torch.Tensor] | None = None

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        start = self.get_seq_length()
        end = start + key_states.shape[-2]
        if self._buffers is None or end > self._buffers[0].shape[-2]:
            self._buffers = (
                _bigger(self.keys, like=key_states, length=start, room=end + ROOM),
                _bigger(self.values, like=value_states, length=start, room=end + ROOM),
            )
        keys, values = self._buffers
        keys[:, :, start:end] = key_states
        values[:, :, start:end] = value_states
        self.keys, self.values = keys[:, :, :end], values[:, :, :end]
        return self.keys, self.values

    @property
    def states(self) -> tuple[torch.Tensor, torch.Tensor]:
        if self.keys is None or self.values is None:
            raise RuntimeError("nothing has been read yet")
        return self.keys, self.values

    def set(self, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Takes over ready keys and values; the next update makes room."""
        self.lazy_initialization(keys, values)
        self._buffers = None
        self.keys, self.values = keys, values


def _bigger(
    old: torch.Tensor | None, *, like: torch.Tensor, length: int, room: int
) -> torch.Tensor:
    batch, heads, _, width = like.shape
    new = like.new_zeros(batch, heads, room, width)
    if old is not None and length:
        new[:, :, :length] = old
    return new


class RollingCache(Cache):
    """Keys and values of all layers; ``Cache`` as the models of transformers know it."""

    def __init__(self, layers: int) -> None:
        self.roomy = [RoomyLayer() for _ in range(layers)]
        super().__init__(layers=list(self.roomy))


def joined(first: RollingCache, second: RollingCache) -> RollingCache:
    """The rows of both, those of ``first`` on top, the shorter one padded on its left."""
    both = RollingCache(len(first.roomy))
    length = max(first.get_seq_length(), second.get_seq_length())
    for layer, upper, lower in zip(both.roomy, first.roomy, second.roomy, strict=True):
        pairs = zip(upper.states, lower.states, strict=True)
        keys, values = (torch.cat([_padded(up, length), _padded(low, length)]) for up, low in pairs)
        layer.set(keys, values)
    return both


def kept(cache: RollingCache, rows: Sequence[int], *, length: int) -> RollingCache:
    """Only ``rows``, and of them only the last ``length`` columns."""
    rest = RollingCache(len(cache.roomy))
    start = cache.get_seq_length() - length
    for layer, old in zip(rest.roomy, cache.roomy, strict=True):
        keys, values = (states[list(rows), :, start:] for states in old.states)
        layer.set(keys, values)
    return rest


def _padded(states: torch.Tensor, length: int) -> torch.Tensor:
    # (B, H, T, D) -> (B, H, length, D)
    return torch.nn.functional.pad(states, (0, 0, length - states.shape[-2], 0))
