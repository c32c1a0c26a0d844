"""Adapter and base become one model, and that model becomes a folder that others load.

The arithmetic is peft's; what is ours is that the weights are held once, and that the folder says
the same to older readers as to transformers 5.
"""

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ml.adapter_files import AdapterFiles, read_object
from ml.base_models import FINGERPRINT_FILE
from ml.errors import ModelLoadError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch

# Of the base's folder; weights, their index and config.json are written anew.
NOT_COPIED: Final = {
    *(".safetensors", ".bin", ".gguf", ".pt", ".pth", ".h5", ".msgpack", ".onnx", ".ot"),
    ".md",
}
WRITTEN: Final = ("config.json", "model.safetensors.index.json", "pytorch_model.bin.index.json")
# Only transformers 5 knows this class; both know the other, which reads the same tokenizer.json.
CLASS_OF_TRANSFORMERS_5: Final = "TokenizersBackend"
CLASS_OF_BOTH: Final = "PreTrainedTokenizerFast"
OF_THIS_MACHINE: Final = ("backend", "is_local", "local_files_only")


def check_mergeable(base: Path) -> None:
    """Raises ModelLoadError where the base's own weights are quantised: they cannot be added to."""
    quantisation = read_object(base / "config.json").get("quantization_config")
    if quantisation:
        method = quantisation.get("quant_method", "an unnamed method")
        raise ModelLoadError(
            f"The base model in {base} is quantised ({method}); an adapter can only be merged into "
            "the model that is not. Give that one as the base.",
            code="base_quantised",
        )


def attach(model: Any, adapter: AdapterFiles) -> Any:  # neither transformers nor peft have types
    """``model`` answering through the adapter, ready to be asked.

    Raises:
        ModelLoadError: the adapter cannot be loaded.
    """
    from peft import PeftModel

    try:
        return PeftModel.from_pretrained(model, str(adapter.folder)).eval()
    except Exception as error:  # peft raises whatever the files make it raise
        raise ModelLoadError(
            f"The adapter in {adapter.folder} cannot be loaded: {error}"
        ) from error


def merge_in_place(tuned: Any) -> Any:
    """The base with the adapter's updates added to its own weights, one layer after the other.

    The base that ``tuned`` holds is what becomes the merged model: the weights are never there
    twice.

    Raises:
        ModelLoadError: a sum is no number.
    """
    try:
        return tuned.merge_and_unload(safe_merge=True).eval()
    except ValueError as error:
        raise ModelLoadError(f"The adapter cannot be merged: {error}") from error


def write_model(merged: Any, folder: Path, *, base: Path, dtype: "torch.dtype") -> None:
    """Write the merged model into ``folder``; its weights are rounded to ``dtype`` for good.

    Tokenizer, chat template and generation config are the base's, byte for byte, save for the name
    of a tokenizer class that only transformers 5 knows.
    """
    from transformers import GenerationConfig

    merged.to(dtype)
    if (base / "generation_config.json").is_file():
        # The base's own takes its place below; some of them would not pass transformers' check.
        merged.generation_config = GenerationConfig()  # type: ignore[no-untyped-call]  # no types
    merged.save_pretrained(folder)
    for file in base.iterdir():
        is_copied = file.name not in {FINGERPRINT_FILE, *WRITTEN}
        if file.is_file() and is_copied and not NOT_COPIED.intersection(file.suffixes):
            shutil.copyfile(file, folder / file.name)
    _config_for_others(folder / "config.json")
    _tokenizer_for_others(folder / "tokenizer_config.json")


def _config_for_others(path: Path) -> None:
    """Says again in the words of transformers 4 what version 5 has other words for.

    vLLM before it took up version 5, Ollama and llama.cpp's converters read ``rope_theta`` and
    ``torch_dtype``; without them they would silently take another angle.
    """
    config = read_object(path)
    config.pop("quantization_config", None)
    config.pop("_name_or_path", None)
    config["torch_dtype"] = config["dtype"]
    rope = config.get("rope_parameters")
    # Models with several kinds of layers nest it; those never had the older words.
    if isinstance(rope, dict) and "rope_theta" in rope:
        config["rope_theta"] = rope["rope_theta"]
        scaling = {name: value for name, value in rope.items() if name != "rope_theta"}
        if scaling.get("rope_type", "default") != "default":
            config["rope_scaling"] = scaling
    path.write_text(json.dumps(config, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def _tokenizer_for_others(path: Path) -> None:
    config = read_object(path) if path.is_file() else {}
    if config.get("tokenizer_class") != CLASS_OF_TRANSFORMERS_5:
        return
    config["tokenizer_class"] = CLASS_OF_BOTH
    for name in OF_THIS_MACHINE:
        config.pop(name, None)
    path.write_text(json.dumps(config, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def differing_weights(merged: Any, folder: Path) -> list[str]:
    """Names of the tensors in ``folder`` that are not ``merged``'s to the bit; read one by one."""
    import torch

    held = merged.state_dict()
    found = set()
    differing = []
    for name, written in _tensors(folder):
        found.add(name)
        if name not in held or not torch.equal(held[name].cpu(), written):
            differing.append(name)
    tied = set(getattr(merged, "all_tied_weights_keys", None) or ())
    return differing + sorted(held.keys() - found - tied)


def _tensors(folder: Path) -> "Iterator[tuple[str, torch.Tensor]]":
    from safetensors import safe_open

    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118  # it is no dict
                yield name, tensors.get_tensor(name)
