"""Which model is meant, and where its files are.

A model is named ``packaged:<name>``, by its id on a hub (``organisation/name``) or by its folder.
Knows files; loads no weights and needs no torch.
"""

import hashlib
import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal

from ml import packaged
from ml.errors import ModelLoadError

logger = logging.getLogger(__name__)

PACKAGED: Final = "packaged:"
HUB_ID: Final = re.compile(r"[\w.-]+/[\w.-]+")
FINGERPRINT_FILE: Final = ".fingerprint.json"
# One form of the weights is enough.
NOT_NEEDED: Final = ["*.gguf", "*.onnx", "*.msgpack", "*.h5", "*.ot", "*.pth", "original/*"]

ModelHub = Literal["huggingface", "modelscope"]
Report = Callable[[str], None]


def folder_of(
    model: str,
    *,
    models_dir: Path,
    model_hub: ModelHub = "huggingface",
    report: Report = logger.info,
) -> Path:
    """The folder with the files of ``model``, fetched or converted first where needed.

    Args:
        model: packaged name, hub id or folder.
        models_dir: where converted models are kept.
        model_hub: where hub ids are looked up.
        report: is told what takes long, one line each.

    Raises:
        ModelLoadError: there is no such model, or it cannot be had.
    """
    if model.startswith(PACKAGED):
        return packaged.converted(
            model.removeprefix(PACKAGED), models_dir=models_dir, report=report
        )
    folder = Path(model).expanduser()
    if folder.is_dir():
        return _complete(folder.resolve())
    if not HUB_ID.fullmatch(model) or model.startswith((".", "~")):
        raise ModelLoadError(f"There is no base model “{model}”: no such folder.")
    report(f"Looking for {model}; a first download may take long.")
    return _complete(_downloaded(model, model_hub))


def served_name(model: str) -> str:
    """The name under which a server answers as ``model``: the last part of its path or id."""
    return model.removeprefix(PACKAGED).rstrip("/").rpartition("/")[2]


def fingerprint(folder: Path) -> str:
    """sha256 of the weights in ``folder``; remembered beside them until a file changes."""
    files = _weights(folder)
    seen = {file.name: [file.stat().st_size, file.stat().st_mtime_ns] for file in files}
    remembered = _remembered(folder / FINGERPRINT_FILE)
    if remembered.get("files") == seen:
        return str(remembered["sha256"])
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(2**22):
                digest.update(block)
    try:
        content = json.dumps({"sha256": digest.hexdigest(), "files": seen})
        (folder / FINGERPRINT_FILE).write_text(content, encoding="utf-8")
    except OSError:
        logger.info("%s is not writable: its fingerprint is computed each time", folder)
    return digest.hexdigest()


def _weights(folder: Path) -> list[Path]:
    files = sorted(folder.glob("*.safetensors")) or sorted(folder.glob("*.bin"))
    if not files:
        raise ModelLoadError(f"There are no weights in {folder}.")
    return files


def _complete(folder: Path) -> Path:
    if not (folder / "config.json").is_file():
        raise ModelLoadError(f"{folder} holds no model: config.json is missing.")
    _weights(folder)
    return folder


def _remembered(path: Path) -> dict[str, Any]:  # JSON that we wrote, unless someone else did
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _downloaded(model: str, model_hub: ModelHub) -> Path:
    try:
        if model_hub == "modelscope":
            from modelscope import snapshot_download as from_modelscope

            return Path(from_modelscope(model, ignore_patterns=NOT_NEEDED))
        from huggingface_hub import snapshot_download as from_hugging_face

        return Path(from_hugging_face(model, ignore_patterns=NOT_NEEDED))
    except Exception as error:  # each hub has its own errors, and the network has more
        reason = str(error).strip().partition("\n")[0]
        raise ModelLoadError(
            f"The base model “{model}” cannot be fetched from {model_hub}: {reason}"
        ) from error
