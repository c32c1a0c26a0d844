"""One training of each kind, as its own process, and how fast its loop was."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from scripts.llamafactory.environment import COMMAND, ROOT
from scripts.llamafactory.sample import NAME

OURS: Final = "Loredesk"
DEFAULT: Final = "LLaMA-Factory, its default (fp32)"
BF16: Final = "LLaMA-Factory, bf16=true use_cpu=true"

SYSTEM_PROMPT: Final = "You are a helpful assistant."
LEARNING_RATE: Final = 5e-4
BATCH: Final = 4
RANK: Final = 16
CUTOFF: Final = 1024
SEED: Final = 42


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One run: examples a second of its training loop, and where its adapter lies."""

    examples_per_s: float
    adapter: Path


def train(kind: str, *, base: Path, data: Path, output: Path, steps: int) -> Measured:
    """Trains once; stops the benchmark with the log's end where that fails."""
    output.mkdir(parents=True)
    if kind == OURS:
        return _ours(base=base, data=data, output=output, steps=steps)
    return _theirs(base=base, data=data, output=output, steps=steps, bf16=kind == BF16)


def _ours(*, base: Path, data: Path, output: Path, steps: int) -> Measured:
    config = {
        "output_dir": str(output),
        "base_model": str(base),
        "models_dir": str(base.parent),
        "train_file": str(data / "train.jsonl"),
        "system_prompt": SYSTEM_PROMPT,
        "settings": {
            "learning_rate": LEARNING_RATE,
            "max_steps": steps,
            "batch_size": BATCH,
            "gradient_accumulation": 1,
            "cutoff_tokens": CUTOFF,
            # The same rate at every step: the two have other warm-ups and other ends.
            "scheduler": "constant",
            "warmup_ratio": 0.0,
            "lora_rank": RANK,
            "lora_alpha": 2 * RANK,
            "lora_targets": ["all-linear"],
            "seed": SEED,
        },
    }
    path = output / "run.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    _run([sys.executable, "-m", "ml", "train", "--config", str(path)], output)
    card = _read(output / "adapter" / "card.json")
    seconds = float(card["metrics"]["seconds"])
    return Measured(examples_per_s=steps * BATCH / seconds, adapter=output / "adapter")


def _theirs(*, base: Path, data: Path, output: Path, steps: int, bf16: bool) -> Measured:
    config: dict[str, Any] = {
        "model_name_or_path": str(base),
        "stage": "sft",
        "do_train": True,
        "finetuning_type": "lora",
        "lora_rank": RANK,
        "lora_alpha": 2 * RANK,
        "lora_target": "all",
        "dataset_dir": str(data),
        "dataset": f"{NAME}_train",
        "template": "smollm2",
        "default_system": SYSTEM_PROMPT,
        "cutoff_len": CUTOFF,
        "per_device_train_batch_size": BATCH,
        "gradient_accumulation_steps": 1,
        "learning_rate": LEARNING_RATE,
        "lr_scheduler_type": "constant",
        "warmup_steps": 0,
        "max_steps": steps,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
        "seed": SEED,
        "output_dir": str(output / "adapter"),
    }
    if bf16:
        config |= {"bf16": True, "use_cpu": True}
    # JSON is YAML; by the name of a JSON file 0.9.5 fails.
    path = output / "config.yaml"
    path.write_text(json.dumps(config), encoding="utf-8")
    _run([str(COMMAND), "train", str(path)], output)
    result = _read(output / "adapter" / "train_results.json")
    seconds = float(result["train_runtime"])
    return Measured(examples_per_s=steps * BATCH / seconds, adapter=output / "adapter")


def _run(command: list[str], output: Path) -> None:
    # Both on the processor, whatever cards there are; the base model is on the disk already.
    only_here = {"CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_XET": "1"}
    log = output / "process.log"
    with log.open("wb") as file:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, **only_here},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode != 0:
        end = "\n".join(log.read_text("utf-8", "replace").splitlines()[-30:])
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{end}")


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return content
