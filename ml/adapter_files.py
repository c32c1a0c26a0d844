"""What the files of an adapter say about it: its card, its LoRA settings, its base.

Knows files; loads no weights and needs no torch.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ml.base_models import fingerprint
from ml.errors import ConfigError, ModelLoadError

CONFIG: Final = "adapter_config.json"
CARD: Final = "card.json"
WEIGHTS: Final = "adapter_model.safetensors"

Json = dict[str, Any]  # of a trainer, perhaps not ours


@dataclass(frozen=True, kw_only=True)
class AdapterFiles:
    """An adapter's folder with the content of its two JSON files; ``card`` may be empty."""

    folder: Path
    config: Json
    card: Json

    @property
    def base_model(self) -> str:
        """The name of its base.

        Raises:
            ConfigError: neither file says it.
        """
        named = self.card.get("base_model") or self.config.get("base_model_name_or_path")
        if not named:
            raise ConfigError("The adapter does not say what its base model is: give --base-model.")
        return str(named)

    @property
    def system_prompt(self) -> str:
        """What it was trained under."""
        return str(self.card.get("system_prompt") or "")


def read_adapter(folder: Path) -> AdapterFiles:
    """The adapter in ``folder``.

    Raises:
        ModelLoadError: it holds none, or a file cannot be read.
    """
    if not (folder / CONFIG).is_file():
        raise ModelLoadError(f"{folder} holds no adapter: {CONFIG} is missing.")
    card = folder / CARD
    return AdapterFiles(
        folder=folder,
        config=read_object(folder / CONFIG),
        card=read_object(card) if card.is_file() else {},
    )


def check_base(adapter: AdapterFiles, *, base: Path) -> None:
    """Compares the base fingerprint on the adapter's card, where it has one, with ``base``.

    Raises:
        ModelLoadError: the adapter was trained on other weights.
    """
    expected = adapter.card.get("base_fingerprint")
    if expected and expected != fingerprint(base):
        raise ModelLoadError(
            f"The adapter in {adapter.folder} was trained on another base model "
            f"({adapter.card.get('base_model', 'unnamed')}) than the one in {base}."
        )


def read_object(path: Path) -> Json:
    """The JSON object in ``path``.

    Raises:
        ModelLoadError: it cannot be read, or is something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelLoadError(f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise ModelLoadError(f"{path} cannot be read: it holds no object.")
    return content
