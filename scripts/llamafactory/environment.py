"""An environment of its own for LLaMA-Factory, under ``data/local``."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / "data" / "local" / "llamafactory"
PYTHON: Final = FOLDER / "bin" / "python"
COMMAND: Final = FOLDER / "bin" / "llamafactory-cli"
STAMP: Final = FOLDER / ".installed"

# LLaMA-Factory without its own list of requirements, and of that list what `train` imports. Left
# out: gradio and its like for the pages, and torchvision and torchaudio, whose builds fail beside
# a CPU torch. The newest versions that it accepts, and the torch that we measure ourselves with.
WITHOUT_DEPENDENCIES: Final = ("llamafactory==0.9.5", "trl==0.24.0")
PACKAGES: Final = (
    "torch==2.13.0",
    "transformers==5.6.0",
    "accelerate==1.11.0",
    "peft==0.18.1",
    "datasets==4.0.0",
    "av<=16.0.0",
    "einops",
    "fire",
    "numpy",
    "omegaconf",
    "packaging",
    "pillow",
    "protobuf",
    "pydantic",
    "pyyaml",
    "safetensors",
    "sentencepiece",
    "tiktoken",
    "tyro<0.9.0",
)
# It imports torchaudio for recordings, at the top of a module that reads texts too. Nothing of it
# is called here; a module without content lets the import pass.
EMPTY_MODULE: Final = "torchaudio"


def prepare() -> None:
    """Installs what is not installed yet; takes a minute or two the first time."""
    wanted = hashlib.sha256(repr((WITHOUT_DEPENDENCIES, PACKAGES)).encode()).hexdigest()
    if STAMP.is_file() and STAMP.read_text("utf-8") == wanted:
        return
    print(f"Installing LLaMA-Factory into {FOLDER.relative_to(ROOT)} …", flush=True)
    shutil.rmtree(FOLDER, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(FOLDER)], check=True)
    install = [str(PYTHON), "-m", "pip", "install", "--quiet"]
    subprocess.run([*install, *PACKAGES], check=True)
    subprocess.run([*install, "--no-deps", *WITHOUT_DEPENDENCIES], check=True)
    place = subprocess.run(
        [str(PYTHON), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    (Path(place) / f"{EMPTY_MODULE}.py").write_text(
        '"""Stands in for torchaudio, which LLaMA-Factory imports and does not call here."""\n',
        encoding="utf-8",
    )
    STAMP.write_text(wanted, encoding="utf-8")
