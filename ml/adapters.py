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
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

from ml.errors import ConfigError, ModelLoadError
from ml.memory import is_out_of_memory
from ml.messages import template_hash
from ml.run_files import RunFiles
from ml.settings import ALL_LINEAR, MLP

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import PreTrainedModel

    from ml.settings import TrainingSettings
    from ml.training.trainer import Trainer

LIBRARIES: Final = ("torch", "transformers", "peft")


def trainable_model(
    folder: Path, settings: TrainingSettings, *, dtype: torch.dtype, device: torch.device
) -> PeftModel:
    """The base in ``folder``, frozen, with fresh float32 adapter weights on it.

    Raises:
        ConfigError: the base has no module of one of the names in ``lora_targets``.
        ModelLoadError: the base cannot be loaded.
    """
    base = _base(folder, settings, dtype=dtype, device=device)
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        lora_dropout=settings.lora_dropout,
        target_modules=_targets(base, settings),
        layers_to_transform=_layers(base, settings),
        use_rslora=settings.use_rslora,
        use_dora=settings.use_dora,
        base_model_name_or_path=str(folder),
    )
    return get_peft_model(base, config, autocast_adapter_dtype=True)


def _base(
    folder: Path, settings: TrainingSettings, *, dtype: torch.dtype, device: torch.device
) -> PreTrainedModel:
    more: dict[str, Any] = {}
    if settings.base_4bit:
        more["device_map"] = {"": device}
        more["quantization_config"] = BitsAndBytesConfig(  # type: ignore[no-untyped-call]
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=dtype,
        )
    try:
        base: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
            folder, dtype=dtype, attn_implementation="sdpa", local_files_only=True, **more
        )
        if settings.gradient_checkpointing:
            base.activation_checkpointing_enable()
    except Exception as error:  # transformers raises whatever the files make it raise
        if is_out_of_memory(error):
            raise
        raise ModelLoadError(f"The model in {folder} cannot be loaded: {error}") from error
    if not settings.base_4bit:  # those are where they belong
        cast("torch.nn.Module", base).to(device)
    return base


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
    trainer.weights.compute_in_float32()
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
        "base_fingerprint": trainer.base_fingerprint,
        "template_hash": template_hash(trainer.tokens.prompt_format.chat_template),
        "system_prompt": config.system_prompt,
        "prompt_hash": hashlib.sha256(config.system_prompt.encode()).hexdigest(),
        "settings": {**asdict(config.settings), "lora_targets": list(config.settings.lora_targets)},
        "precision": str(trainer.dtype).removeprefix("torch."),
        "device": trainer.device.type,
        "examples": {
            "train": len(trainer.train),
            "validation": len(trainer.validation),
            "general": len(trainer.batches.general),
        },
        "dropped": trainer.dropped,
        "parents": trainer.parent.line if trainer.parent else [],
        "metrics": {
            "steps": progress.step,
            "tokens": progress.tokens,
            "seconds": round(progress.elapsed_s, 1),
            "final_loss": progress.losses[-1],
            "eval_loss": progress.eval_losses[-1] if progress.eval_losses else None,
            "best_eval_loss": progress.best_eval_loss,
            "best_step": progress.best_step or None,
            "saved_step": trainer.saved_step,
        },
        "libraries": {name: metadata.version(name) for name in LIBRARIES},
        "created_at": datetime.now(UTC).isoformat(),
    }
