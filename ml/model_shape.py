"""What a model is made of, read from its folder; loads no weights and needs no torch."""

import json
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ml.settings import ALL_LINEAR, MLP, TrainingSettings

LAYER: Final = re.compile(r"\.layers\.(\d+)\.")
# The names and shapes of the weights stand at a file's beginning; more than this is no header.
LARGEST_HEADER: Final = 64 * 2**20


@dataclass(frozen=True)
class Matrix:
    """A linear part of one layer: ``rows`` values out, ``columns`` in."""

    layer: int
    name: str
    in_mlp: bool
    rows: int
    columns: int


@dataclass(frozen=True)
class ModelShape:
    """Sizes that costs are counted from.

    Attributes:
        parameters: of the whole model, shared ones once.
        layers: how many stand on one another.
        hidden: width between the layers.
        intermediate: width within the feed-forward part.
        heads: of the attention, in each layer.
        vocabulary: how many tokens there are.
        matrices: the linear parts of all layers.
    """

    parameters: int
    layers: int
    hidden: int
    intermediate: int
    heads: int
    vocabulary: int
    matrices: tuple[Matrix, ...]

    def adapter_parameters(self, settings: TrainingSettings) -> int:
        """How many weights LoRA trains: rank times both sides of every chosen matrix."""
        wanted = set(settings.lora_targets)
        lowest = self.layers - max(1, round(self.layers * settings.lora_layer_share))
        return settings.lora_rank * sum(
            matrix.rows + matrix.columns
            for matrix in self.matrices
            if matrix.layer >= lowest
            and (
                wanted == {ALL_LINEAR}
                or matrix.name in wanted
                or (wanted == {MLP} and matrix.in_mlp)
            )
        )


def model_shape(folder: Path) -> ModelShape | None:
    """The shape of the model in ``folder``; None where its files do not tell."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        text = config.get("text_config", config)
        shapes = _shapes(folder)
        return ModelShape(
            parameters=sum(_product(shape) for shape in shapes.values()),
            layers=int(text["num_hidden_layers"]),
            hidden=int(text["hidden_size"]),
            intermediate=int(text["intermediate_size"]),
            heads=int(text["num_attention_heads"]),
            vocabulary=int(text["vocab_size"]),
            matrices=tuple(_matrices(shapes)),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error):
        return None


def _shapes(folder: Path) -> Mapping[str, list[int]]:
    """Every weight's shape, from the headers of the safetensors files.

    Source: https://github.com/huggingface/safetensors#format.
    """
    found: dict[str, list[int]] = {}
    for file in sorted(folder.glob("*.safetensors")):
        with file.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            if length > LARGEST_HEADER:
                raise ValueError(f"{file} has no header")
            header: dict[str, Any] = json.loads(stream.read(length))
        header.pop("__metadata__", None)
        found |= {name: weight["shape"] for name, weight in header.items()}
    if not found:
        raise ValueError(f"there are no weights in {folder}")
    return found


def _matrices(shapes: Mapping[str, list[int]]) -> list[Matrix]:
    found = []
    for name, shape in shapes.items():
        layer = LAYER.search(name)
        if layer and name.endswith(".weight") and len(shape) == 2:
            parts = name.split(".")
            found.append(Matrix(int(layer[1]), parts[-2], "mlp" in parts, shape[0], shape[1]))
    return found


def _product(shape: list[int]) -> int:
    product = 1
    for side in shape:
        product *= int(side)
    return product
