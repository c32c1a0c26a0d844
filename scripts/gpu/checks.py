"""Whether the paths that need a card work on this one; each check says what it saw.

A check returns a sentence, raises ``Failed``, or raises ``Skipped`` with what is missing here.
"""

import importlib.util
import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from scripts.gpu.models import fresh
from scripts.gpu.training import (
    KNOWN,
    ROOT,
    Failed,
    Run,
    finish,
    read,
    start,
    train,
    wait_for_step,
    write_run,
)

SETTINGS: Final[dict[str, Any]] = {
    "learning_rate": 5e-3,
    "batch_size": 4,
    "lora_rank": 8,
    "lora_alpha": 16,
    "cutoff_tokens": 256,
    "seed": 1,
}
STEPS: Final = 40
LONG_STEPS: Final = 300
STOP_AT: Final = 30


class Skipped(Exception):
    """It cannot be checked here; the message says what is missing."""


@dataclass(frozen=True)
class Place:
    """Where the checks work: folder, tiny model, its examples."""

    folder: Path
    base: Path
    data: Path


Check = Callable[[Place], str]


def precision(name: str) -> Check:
    """Training in one precision."""

    def check(place: Place) -> str:
        if name == "fp16" and not torch.cuda.is_available():
            raise Skipped("needs a graphics card")
        return _learnt(_train(place, name, precision=name))

    return check


def gradient_checkpointing(place: Place) -> str:
    if "gradient_checkpointing" not in KNOWN:
        raise Skipped("this version has no such setting")
    plain = _train(place, "plain", precision="fp32")
    saved = _train(place, "checkpointing", precision="fp32", gradient_checkpointing=True)
    apart = max(abs(a - b) for a, b in zip(plain.losses, saved.losses, strict=True))
    if apart > 1e-3:
        raise Failed(f"losses differ from those without it by {apart:.1e}")
    return f"losses equal those without it to {apart:.0e}"


def four_bits(place: Place) -> str:
    if "base_4bit" not in KNOWN:
        raise Skipped("this version has no such setting")
    if importlib.util.find_spec("bitsandbytes") is None:
        raise Skipped("bitsandbytes is not installed")
    if not torch.cuda.is_available():
        raise Skipped("needs a graphics card")
    return _learnt(_train(place, "four-bits", base_4bit=True))


def resume(place: Place) -> str:
    """A run that is stopped and resumed goes on as if it had not been."""
    settings = SETTINGS | {"max_steps": LONG_STEPS, "precision": "fp32"}
    whole = train(place.folder / "whole", base=place.base, data=place.data, settings=settings)
    folder = fresh(place.folder / "resumed")

    def begin(*, resume: bool) -> "subprocess.Popen[bytes]":
        config = write_run(
            folder, base=place.base, data=place.data, settings=settings, resume=resume
        )
        return start(config)

    process = begin(resume=False)
    wait_for_step(folder, STOP_AT, process)
    (folder / "stop").touch()
    finish(process, folder)
    stopped_at = len(read(folder, "stopped").losses)
    (folder / "stop").unlink()
    finish(begin(resume=True), folder)
    resumed = read(folder, "finished")
    apart = max(abs(a - b) for a, b in zip(whole.losses, resumed.losses, strict=True))
    if apart > 1e-3:
        raise Failed(f"losses differ from those of an uninterrupted run by {apart:.1e}")
    return f"stopped after {stopped_at} of {LONG_STEPS}; losses equal to {apart:.0e}"


def export(place: Place) -> str:
    """The adapter of a run merged, proven and written for others."""
    run = _train(place, "export")
    output = place.folder / "exported"
    command = [sys.executable, "-m", "ml", "export", "--adapter_model", str(run.adapter)]
    command += ["--output", str(output), "--what", "merged,gguf,ollama"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed(done.stderr.strip().splitlines()[-1])
    return next(line for line in done.stdout.splitlines() if "answers are equal" in line)


def engine(place: Place) -> str:
    """Two adapters and the bare base in one batch, each as it answers alone."""
    from ml.devices import best_device, serving_dtype
    from ml.engines.transformers import ServedModel

    device = best_device()
    model = ServedModel(place.base, device=device, dtype=serving_dtype(device))
    runs = [_train(place, f"adapter-{seed}", seed=seed, learning_rate=2e-2) for seed in (1, 2)]
    names: list[str | None] = [None, *(model.load_adapter(run.adapter) for run in runs)]
    prompt = [1, 40, 41, 42, 43, 44]

    def ask(adapters: list[str | None]) -> torch.Tensor:
        count = len(adapters)
        logits = model.logits(
            [prompt] * count,
            cache=model.empty_cache(),
            lengths=[0] * count,
            adapters=adapters,
        )
        return logits.float().cpu()

    together = ask(names)
    alone = torch.cat([ask([name]) for name in names])
    apart = float((together - alone).abs().max())
    change = min(float((alone[0] - alone[at]).abs().max()) for at in (1, 2))
    if not change > 10 * apart:
        raise Failed(f"together and alone differ by {apart:.1e}, adapters change only {change:.1e}")
    return (
        f"{serving_dtype(device)}: together as alone to {apart:.0e}, adapters change {change:.1f}"
    )


CHECKS: Final[dict[str, Check]] = {
    "training in bf16": precision("bf16"),
    "training in fp16": precision("fp16"),
    "training in fp32": precision("fp32"),
    "gradient checkpointing": gradient_checkpointing,
    "4-bit base": four_bits,
    "stop and resume": resume,
    "merge and export": export,
    "adapters switched per row": engine,
}


def _train(place: Place, name: str, **settings: Any) -> Run:
    return train(
        place.folder / name.replace(" ", "-"),
        base=place.base,
        data=place.data,
        settings=SETTINGS | {"max_steps": STEPS} | settings,
    )


def _learnt(run: Run) -> str:
    first, last = run.losses[0], run.losses[-1]
    if not all(math.isfinite(loss) for loss in run.losses) or last >= first:
        raise Failed(f"the loss went from {first:.2f} to {last:.2f}")
    return f"{run.card['precision']} on {run.card['device']}: loss {first:.2f} → {last:.2f}"
