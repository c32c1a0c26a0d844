"""How fast a model of 1.5 billion parameters trains here, as a share of what the card can do."""

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from scripts.gpu.models import examples_of_length, linear_parameters, write_lines
from scripts.gpu.training import KNOWN, Failed, train

TOKENS_AT_ONCE: Final = 4096
LENGTHS: Final = (512, 2048)
STEPS: Final = 12
# The first steps allocate memory and choose kernels.
UNCOUNTED: Final = 4
# Forward two, and two for the gradient of what goes in; the frozen weights need none.
FLOPS_PER_WEIGHT: Final = 4


@dataclass(frozen=True, kw_only=True)
class Speed:
    """One row of the table; ``problem`` says why there are no figures."""

    length: int
    checkpointing: bool
    tokens_per_s: float = 0.0
    share: float = 0.0
    memory_bytes: int = 0
    problem: str = ""


def peak_bf16() -> float:
    """FLOP/s of a large matrix product in bfloat16, the best of several: this card's ceiling."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    size = 8192 if device == "cuda" else 512
    a, b = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    best = 0.0
    for _ in range(10):
        _wait()
        began_at = time.perf_counter()
        a @ b
        _wait()
        best = max(best, 2 * size**3 / (time.perf_counter() - began_at))
    return best


def speeds(folder: Path, base: Path, shape: dict[str, Any]) -> Iterator[Speed]:
    """Every length, with and without gradient checkpointing where there is such a setting."""
    peak = peak_bf16()
    weights = linear_parameters(shape)
    for length in LENGTHS:
        for checkpointing in (False, True):
            if checkpointing and "gradient_checkpointing" not in KNOWN:
                yield Speed(length=length, checkpointing=True, problem="no such setting")
                continue
            yield _measured(folder, base, length, checkpointing, weights=weights, peak=peak)


def _measured(
    folder: Path, base: Path, length: int, checkpointing: bool, *, weights: int, peak: float
) -> Speed:
    batch = max(1, TOKENS_AT_ONCE // length)
    data = write_lines(folder / f"{length}.jsonl", examples_of_length(base, length, batch * 4))
    settings: dict[str, Any] = {
        "max_steps": STEPS,
        "batch_size": batch,
        "precision": "bf16",
        "lora_rank": 16,
        "lora_alpha": 32,
        "cutoff_tokens": 2 * length,
    }
    if checkpointing:
        settings["gradient_checkpointing"] = True
    try:
        run = train(folder / f"{length}-{checkpointing}", base=base, data=data, settings=settings)
    except Failed as problem:
        return Speed(length=length, checkpointing=checkpointing, problem=str(problem))
    steps = [line for line in run.lines if "throughput" in line]
    speed = statistics.median(step["throughput"] for step in steps[UNCOUNTED:])
    return Speed(
        length=length,
        checkpointing=checkpointing,
        tokens_per_s=speed,
        share=speed * weights * FLOPS_PER_WEIGHT / peak,
        memory_bytes=int(steps[-1]["memory_bytes"]),
    )


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
