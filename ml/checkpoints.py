"""A run's state in one file: what a resumed run needs to go on exactly."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import torch

from ml.errors import ConfigError
from ml.run_files import RunFiles

if TYPE_CHECKING:
    from pathlib import Path

    from ml.training.trainer import Trainer


def checkpoint_save(trainer: Trainer) -> None:
    """Write ``checkpoint/state.pt`` whole or not at all; all processes of a run call it."""
    chances = trainer.world.gather(chance(trainer.device))
    if not trainer.world.is_first:
        return
    path = _path(trainer)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".partial")
    torch.save(
        {
            "made_for": _made_for(trainer),
            "progress": asdict(trainer.progress),
            "adapter": trainer.weights.by_name(),
            "best": trainer.best,
            "optimiser": trainer.optimiser.state_dict(),
            "schedule": trainer.schedule.state_dict(),
            "scaler": trainer.scaler.state_dict(),
            "random": chances,
        },
        beside,
    )
    beside.replace(path)


def checkpoint_load(trainer: Trainer) -> None:
    """Put the trainer where the checkpoint was written.

    Raises:
        ConfigError: there is no checkpoint, it cannot be read, or data, model or settings are not
            those of the run.
    """
    path = _path(trainer)
    if not path.is_file():
        raise ConfigError("There is no checkpoint to go on from.", code="checkpoint_missing")
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a broken file makes torch raise whatever it meets
        raise ConfigError(
            "The checkpoint cannot be read. Start a new run.", code="checkpoint_unreadable"
        ) from error
    if state.get("made_for") != _made_for(trainer):
        raise ConfigError(
            "The checkpoint was made with other data, settings or another base model. "
            "Start a new run.",
            code="checkpoint_differs",
        )
    trainer.weights.put(state["adapter"])
    trainer.best = state["best"]
    trainer.optimiser.load_state_dict(state["optimiser"])
    trainer.schedule.load_state_dict(state["schedule"])
    trainer.scaler.load_state_dict(state["scaler"])
    chance_put(state["random"][trainer.world.rank], trainer.device)
    for name, value in state["progress"].items():
        setattr(trainer.progress, name, value)


Chance = tuple[torch.Tensor, torch.Tensor | None]


def chance(device: torch.device) -> Chance:
    """The state of chance on the processor and, where ``device`` is a card, on it."""
    card = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
    return torch.get_rng_state(), card


def chance_put(state: Chance, device: torch.device) -> None:
    """Go back to a state of chance."""
    processor, card = state
    torch.set_rng_state(processor)
    if card is not None:
        torch.cuda.set_rng_state(card, device)


def _path(trainer: Trainer) -> Path:
    return RunFiles(trainer.config.output_dir).checkpoint


def _made_for(trainer: Trainer) -> str:
    """A hash of everything that must be the same for the run to go on as the same run."""
    config = trainer.config
    files = (config.train_file, config.validation_file, config.general_file)
    parts = {
        "base": trainer.base_fingerprint,
        "parent": trainer.parent.sha256 if trainer.parent else None,
        "system_prompt": config.system_prompt,
        "settings": {**asdict(config.settings), "lora_targets": list(config.settings.lora_targets)},
        "data": [file.read_text(encoding="utf-8") if file else None for file in files],
        "processes": trainer.world.size,
        # On another kind of machine "auto" computes otherwise, and the run would be another one.
        "computed": [trainer.device.type, str(trainer.dtype)],
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
