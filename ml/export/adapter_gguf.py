"""An adapter as one GGUF file, which llama.cpp and Ollama put onto a GGUF of the same base.

Source: the layout that llama.cpp's ``llama-adapter.cpp`` reads; tensor names are those of the
``gguf`` package, which llama.cpp's own converters use.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import gguf
import numpy as np
from numpy.typing import NDArray

from ml.adapter_files import WEIGHTS, AdapterFiles, Json, read_object
from ml.errors import ModelLoadError

Matrix = NDArray[np.float32]

# Class in config.json -> architecture. In the first two rows llama.cpp turns each pair of halves
# of a query's and a key's head into neighbours, so the rows of B are turned as well.
TURNED: Final = {
    "LlamaForCausalLM": gguf.MODEL_ARCH.LLAMA,
    "MistralForCausalLM": gguf.MODEL_ARCH.LLAMA,
}
AS_IT_IS: Final = {
    "Qwen2ForCausalLM": gguf.MODEL_ARCH.QWEN2,
    "Qwen3ForCausalLM": gguf.MODEL_ARCH.QWEN3,
}
PREFIX: Final = "base_model.model."
A, B = ".lora_A.weight", ".lora_B.weight"


def write_adapter_gguf(adapter: AdapterFiles, path: Path, *, base: Path) -> None:
    """Write the adapter into ``path`` in float32.

    Raises:
        ModelLoadError: llama.cpp has no adapters of this kind (DoRA, whole modules), or how it lays
            out this architecture is not known here.
    """
    config = read_object(base / "config.json")
    refuse_unwritable(adapter, config)
    pairs = _pairs(adapter.folder / WEIGHTS)
    arch = _architecture(config)
    names = gguf.get_tensor_name_map(arch, int(config["num_hidden_layers"]))
    writer = gguf.GGUFWriter(path, gguf.MODEL_ARCH_NAMES[arch])
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_name(str(adapter.card.get("name") or adapter.folder.name))
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    alpha = _alpha(adapter.config)
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, alpha)
    for module, (a, b) in pairs.items():
        target = names.get_name(module)
        if target is None:
            raise _unwritable(adapter, f"llama.cpp has no name for its layer {module}")
        # llama.cpp scales by alpha / rank, with one alpha for the whole file.
        factor = _scale(adapter.config, module, rank=len(a)) / (alpha / len(a))
        heads = _heads(config, module)
        writer.add_tensor(f"{target}.weight.lora_a", a)
        turned = b if heads is None else turn(b, heads)
        writer.add_tensor(f"{target}.weight.lora_b", turned * np.float32(factor))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def refuse_unwritable(adapter: AdapterFiles, base_config: Json) -> None:
    """Raises ModelLoadError where no GGUF can be made; reads no weights, so it is told early."""
    _architecture(base_config)
    if adapter.config.get("peft_type") != "LORA":
        raise _unwritable(adapter, "it is no LoRA adapter")
    if adapter.config.get("use_dora"):
        raise _unwritable(adapter, "it is a DoRA adapter, and llama.cpp knows only LoRA")
    for name in ("modules_to_save", "layer_replication", "trainable_token_indices", "lora_bias"):
        if adapter.config.get(name):
            raise _unwritable(adapter, f"it holds more than LoRA matrices ({name})")


def turn(rows: Matrix, heads: int) -> Matrix:
    """Rows of each head, first half and second half, as neighbours instead: (out, r) as it was."""
    shape = (heads, 2, len(rows) // heads // 2, *rows.shape[1:])
    return np.ascontiguousarray(rows.reshape(shape).swapaxes(1, 2).reshape(rows.shape))


def _heads(config: Json, module: str) -> int | None:
    """How many heads the rows of B are turned in; None where they stay."""
    if config["architectures"][0] not in TURNED:
        return None
    if module.endswith(".q_proj"):
        return int(config["num_attention_heads"])
    if module.endswith(".k_proj"):
        return int(config.get("num_key_value_heads") or config["num_attention_heads"])
    return None


def _architecture(config: Json) -> gguf.MODEL_ARCH:
    name = (config.get("architectures") or ["unnamed"])[0]
    arch = {**TURNED, **AS_IT_IS}.get(name)
    if arch is None:
        known = ", ".join([*TURNED, *AS_IT_IS])
        raise ModelLoadError(
            f"A GGUF of the adapter can be written for {known}, not for {name}: how llama.cpp lays "
            "out its layers is not known here. Export the merged model instead.",
            code="gguf_impossible",
        )
    return arch


def _alpha(config: Json) -> float:
    """The file's alpha, such that most layers need no factor."""
    rank, alpha = int(config["r"]), float(config["lora_alpha"])
    return alpha * math.sqrt(rank) if config.get("use_rslora") else alpha


def _scale(config: Json, module: str, *, rank: int) -> float:
    """What peft multiplies a layer's update by."""
    alpha = float(_of_pattern(config.get("alpha_pattern") or {}, module, config["lora_alpha"]))
    return alpha / math.sqrt(rank) if config.get("use_rslora") else alpha / rank


def _of_pattern(patterns: Mapping[str, Any], module: str, default: Any) -> Any:
    """The value that a pattern of peft gives a layer of its own."""
    from peft.utils.other import get_pattern_key

    return patterns.get(get_pattern_key(list(patterns), module), default)


def _pairs(path: Path) -> dict[str, tuple[Matrix, Matrix]]:
    """Name of each changed layer -> A of shape (r, in) and B of shape (out, r), float32."""
    from safetensors.torch import load_file

    try:
        tensors = {name: tensor.float().numpy() for name, tensor in load_file(path).items()}
    except Exception as error:  # the library raises nothing narrower
        raise ModelLoadError(f"{path} cannot be read: {error}") from error
    modules = [name.removesuffix(A) for name in tensors if name.endswith(A)]
    expected = {module + end for module in modules for end in (A, B)}
    if not modules or tensors.keys() != expected:
        others = sorted(tensors.keys() ^ expected)[:3]
        raise ModelLoadError(
            f"{path} holds more or less than pairs of LoRA matrices ({', '.join(others)}); no GGUF "
            "can be made of it.",
            code="gguf_impossible",
        )
    return {
        module.removeprefix(PREFIX): (tensors[module + A], tensors[module + B])
        for module in sorted(modules)
    }


def _unwritable(adapter: AdapterFiles, reason: str) -> ModelLoadError:
    return ModelLoadError(
        f"No GGUF can be made of the adapter in {adapter.folder}: {reason}. "
        "Export the merged model instead.",
        code="gguf_impossible",
    )
