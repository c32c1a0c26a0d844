"""A run's state in one file: what a resumed run needs to go on exactly."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import torch
from peft import get_peft_model_state_dict, set_peft_model_state_dict

from ml import base_models
from ml.errors import ConfigError

if TYPE_CHECKING:
    from ml.training import Trainer


def checkpoint_save(trainer: Trainer) -> None:
    """Write ``checkpoint/state.pt`` whole or not at all."""
    path = _path(trainer)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".partial")
    torch.save(
        {
            "made_for": _made_for(trainer),
            "progress": asdict(trainer.progress),
            "adapter": get_peft_model_state_dict(trainer.model, save_embedding_layers=False),
            "optimiser": trainer.optimiser.state_dict(),
            "schedule": trainer.schedule.state_dict(),
            "scaler": trainer.scaler.state_dict(),
            "random": torch.get_rng_state(),
            "random_cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        },
        beside,
    )
    beside.replace(path)


def checkpoint_load(trainer: Trainer) -> None:
    """Put the trainer where the checkpoint was written.

    Raises:
        ConfigError: there is no checkpoint, or data, model or settings are not those of the run.
    """
    path = _path(trainer)
    if not path.is_file():
        raise ConfigError("There is no checkpoint to go on from.", code="checkpoint_missing")
    state: dict[str, Any] = torch.load(path, map_location=trainer.device, weights_only=True)
    if state["made_for"] != _made_for(trainer):
        raise ConfigError(
            "The checkpoint was made with other data, settings or another base model. "
            "Start a new run.",
            code="checkpoint_differs",
        )
    set_peft_model_state_dict(trainer.model, state["adapter"])
    trainer.optimiser.load_state_dict(state["optimiser"])
    trainer.schedule.load_state_dict(state["schedule"])
    trainer.scaler.load_state_dict(state["scaler"])
    torch.set_rng_state(state["random"].cpu())
    if state["random_cuda"]:
        torch.cuda.set_rng_state_all([each.cpu() for each in state["random_cuda"]])
    for name, value in state["progress"].items():
        setattr(trainer.progress, name, value)


def _path(trainer: Trainer) -> Any:  # a Path; RunFiles names it
    from ml.run_files import RunFiles

    return RunFiles(trainer.config.output_dir).checkpoint


def _made_for(trainer: Trainer) -> str:
    """A hash of everything that must be the same for the run to go on as the same run."""
    config = trainer.config
    parts = {
        "base": base_models.fingerprint(trainer.folder),
        "system_prompt": config.system_prompt,
        "settings": {**asdict(config.settings), "lora_targets": list(config.settings.lora_targets)},
        "train": config.train_file.read_text(encoding="utf-8"),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
