"""The LoRA adapter of a run: put onto the base before it, saved with its card after it."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final, cast

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

from ml import base_models
from ml.errors import ConfigError
from ml.messages import template_hash
from ml.run_files import RunFiles
from ml.settings import ALL_LINEAR, MLP

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import PreTrainedModel

    from ml.settings import TrainingSettings
    from ml.training import Trainer

LIBRARIES: Final = ("torch", "transformers", "peft")


def trainable_model(
    folder: Path, settings: TrainingSettings, *, dtype: torch.dtype, device: torch.device
) -> PeftModel:
    """The base in ``folder``, frozen, with fresh float32 adapter weights on it.

    Raises:
        ConfigError: the base has no module of one of the names in ``lora_targets``.
    """
    base: torch.nn.Module = AutoModelForCausalLM.from_pretrained(
        folder, dtype=dtype, attn_implementation="sdpa"
    )
    base.to(device)
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        lora_dropout=settings.lora_dropout,
        target_modules=_targets(base, settings),
        layers_to_transform=_layers(base, settings),
        base_model_name_or_path=str(folder),
    )
    # Adapter weights are float32 whatever the base computes in: small updates would vanish.
    return get_peft_model(cast("PreTrainedModel", base), config, autocast_adapter_dtype=True)


def _targets(base: torch.nn.Module, settings: TrainingSettings) -> list[str]:
    linear = {
        name.rpartition(".")[2]
        for name, module in base.named_modules()
        if isinstance(module, torch.nn.Linear) and "lm_head" not in name
    }
    wanted = set(settings.lora_targets)
    if wanted == {ALL_LINEAR}:
        return sorted(linear)
    if wanted == {MLP}:
        wanted = {
            name.rpartition(".")[2]
            for name, module in base.named_modules()
            if isinstance(module, torch.nn.Linear) and "mlp" in name.split(".")
        }
        if not wanted:
            raise ConfigError(
                "The base model has no part named mlp; choose all-linear.", code="targets_unknown"
            )
    if unknown := wanted - linear:
        raise ConfigError(
            f"The base model has no modules named {', '.join(sorted(unknown))}; "
            f"it has {', '.join(sorted(linear))}.",
            code="targets_unknown",
        )
    return sorted(wanted)


def _layers(base: torch.nn.Module, settings: TrainingSettings) -> list[int] | None:
    """The upper layers that get an adapter; None for all."""
    if settings.lora_layer_share >= 1:
        return None
    count = cast("PreTrainedModel", base).config.get_text_config().num_hidden_layers
    return list(range(count - max(1, round(count * settings.lora_layer_share)), count))


def save_adapter(trainer: Trainer) -> None:
    """Write ``adapter/`` with weights, configuration and ``card.json``, whole or not at all."""
    folder = RunFiles(trainer.config.output_dir).adapter
    beside = folder.with_name(".adapter.partial")
    shutil.rmtree(beside, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    trainer.model.save_pretrained(str(beside), save_embedding_layers=False)
    (beside / "README.md").unlink(missing_ok=True)  # PEFT's form to fill in; the card is ours
    card = json.dumps(_card(trainer), ensure_ascii=False, indent=2)
    (beside / "card.json").write_text(card, encoding="utf-8")
    beside.rename(folder)


def _card(trainer: Trainer) -> dict[str, Any]:
    config, progress = trainer.config, trainer.progress
    return {
        **config.card,
        "base_model": config.base_model,
        "base_fingerprint": base_models.fingerprint(trainer.folder),
        "template_hash": template_hash(trainer.tokens.prompt_format.chat_template),
        "system_prompt": config.system_prompt,
        "prompt_hash": hashlib.sha256(config.system_prompt.encode()).hexdigest(),
        "settings": {**asdict(config.settings), "lora_targets": list(config.settings.lora_targets)},
        "precision": str(trainer.dtype).removeprefix("torch."),
        "device": trainer.device.type,
        "examples": {"train": len(trainer.train), "validation": len(trainer.validation)},
        "dropped": trainer.dropped,
        "parents": [],
        "metrics": {
            "steps": progress.step,
            "tokens": progress.tokens,
            "seconds": round(progress.elapsed_s, 1),
            "final_loss": progress.losses[-1],
            "eval_loss": progress.eval_losses[-1] if progress.eval_losses else None,
        },
        "libraries": {name: metadata.version(name) for name in LIBRARIES},
        "created_at": datetime.now(UTC).isoformat(),
    }
