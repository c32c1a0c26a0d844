"""The adapter that a run goes on from: read, compared with the run, put into its model."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from peft import PeftModel, set_peft_model_state_dict
from safetensors.torch import load_file

from ml.adapter_files import WEIGHTS
from ml.errors import ConfigError
from ml.settings import LORA_SHAPE

if TYPE_CHECKING:
    from pathlib import Path

    from ml.settings import TrainingSettings

# What is told of each of an adapter's ancestors.
TOLD: Final = ("run", "run_number", "assistant", "dataset_version", "dataset_sha256", "trained_by")


@dataclass(frozen=True)
class Parent:
    """The adapter in ``folder``; ``card`` is its card, ``sha256`` names its weights."""

    folder: Path
    card: dict[str, Any]
    sha256: str

    @classmethod
    def read(cls, folder: Path, *, settings: TrainingSettings, base_fingerprint: str) -> Self:
        """The adapter in ``folder``, for a run with ``settings`` on that base.

        Raises:
            ConfigError: it is not there, or was trained on another base or with another shape.
        """
        try:
            card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
            digest = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
            shape = {name: card["settings"].get(name) for name in LORA_SHAPE}
        except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
            raise ConfigError(
                f"The adapter to go on from cannot be read: {error}", code="parent_missing"
            ) from error
        if card.get("base_fingerprint") != base_fingerprint:
            raise ConfigError(
                "The adapter to go on from was trained on another base model.",
                code="parent_differs",
            )
        mine = {name: getattr(settings, name) for name in LORA_SHAPE}
        mine["lora_targets"] = list(mine["lora_targets"])
        if other := [name for name in LORA_SHAPE if shape[name] != mine[name]]:
            raise ConfigError(
                "The adapter to go on from was trained with other LoRA settings: "
                f"{', '.join(other)}.",
                code="parent_differs",
            )
        return cls(folder, card, digest)

    def put_into(self, model: PeftModel) -> None:
        """Start ``model``'s adapter with these weights.

        Raises:
            ConfigError: their layers are not those of the run's adapter.
        """
        try:
            weights = load_file(self.folder / WEIGHTS)
            left: Any = set_peft_model_state_dict(model, weights)  # torch's incompatible keys
        except Exception as error:  # safetensors and peft raise whatever the file makes them raise
            raise ConfigError(
                f"The adapter to go on from cannot be read: {error}", code="parent_missing"
            ) from error
        if left.unexpected_keys or any("lora_" in name for name in left.missing_keys):
            raise ConfigError(
                "The adapter to go on from has other layers than this run's.",
                code="parent_differs",
            )

    @property
    def line(self) -> list[dict[str, Any]]:
        """The ancestors of a run that goes on from this adapter, oldest first."""
        told = {name: self.card.get(name) for name in TOLD}
        return [*self.card.get("parents", []), {**told, "weights_sha256": self.sha256}]
