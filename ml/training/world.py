"""The processes that share a run's work: one alone, or those that ``torchrun`` started."""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import torch
import torch.distributed as dist

# From linux/prctl.h.
PR_SET_PDEATHSIG: Final = 1


@dataclass(frozen=True)
class World:
    """This process's place among ``size``; every method must be called by all of them alike."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @classmethod
    def join(cls) -> Self:
        """Meet the others that ``torchrun`` started; alone where it started none."""
        if not dist.is_torchelastic_launched():
            return cls()
        _end_with_parent()
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
        local_rank = dist.get_node_local_rank()
        if torch.cuda.is_available():
            torch.cuda.set_device(local_rank)
        else:
            torch.set_num_threads(max(1, (os.cpu_count() or 1) // dist.get_world_size()))
        return cls(dist.get_rank(), dist.get_world_size(), local_rank)

    def leave(self) -> None:
        if self.size > 1 and dist.is_initialized():
            dist.destroy_process_group()

    @property
    def is_first(self) -> bool:
        """The one that writes files."""
        return self.rank == 0

    @property
    def share(self) -> tuple[int, int]:
        return self.rank, self.size

    def agree(self, asked: bool, *, device: torch.device) -> bool:
        """Whether anybody was asked: all stop, or none."""
        return asked if self.size == 1 else self.sum([float(asked)], device=device)[0] > 0

    def sum(self, numbers: Sequence[float], *, device: torch.device) -> list[float]:
        if self.size == 1:
            return list(numbers)
        together = torch.tensor(numbers, dtype=torch.float64, device=device)
        dist.all_reduce(together)
        return [float(number) for number in together]

    def sum_gradients(self, weights: Sequence[torch.Tensor]) -> None:
        """Every weight's gradient becomes the sum over all; who had no example has zeros."""
        if self.size == 1:
            return
        grads = [torch.zeros_like(w) if w.grad is None else w.grad for w in weights]
        flat = torch.cat([grad.flatten() for grad in grads])
        dist.all_reduce(flat)
        for weight, part in zip(
            weights, torch.split(flat, [g.numel() for g in grads]), strict=True
        ):
            weight.grad = part.view_as(weight)

    def gather(self, mine: Any) -> list[Any]:  # whatever pickles
        """What each has, by rank."""
        if self.size == 1:
            return [mine]
        everybodys: list[Any] = [None] * self.size
        dist.all_gather_object(everybodys, mine)
        return everybodys


def _end_with_parent() -> None:
    """Let the kernel kill this process with ``torchrun``: it runs in a session of its own."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
