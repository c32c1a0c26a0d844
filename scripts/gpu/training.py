"""Training runs as a person starts them: ``python -m ml train``, and what they wrote."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from ml.settings import TrainingSettings
from scripts.gpu.models import fresh

ROOT: Final = Path(__file__).resolve().parents[2]
PATIENCE_S: Final = 1200
KNOWN: Final = frozenset(field.name for field in fields(TrainingSettings))


class Failed(Exception):
    """A check has failed; the message says how."""


@dataclass(frozen=True)
class Run:
    """A finished run: its folder and the lines of its metrics."""

    folder: Path
    lines: list[dict[str, Any]]

    @property
    def losses(self) -> list[float]:
        return [line["loss"] for line in self.lines if "loss" in line]

    @property
    def adapter(self) -> Path:
        return self.folder / "adapter"

    @property
    def card(self) -> dict[str, Any]:
        card: dict[str, Any] = json.loads((self.adapter / "card.json").read_text("utf-8"))
        return card


def write_run(
    folder: Path, *, base: Path, data: Path, settings: dict[str, Any], resume: bool = False
) -> Path:
    """Writes ``run.json``."""
    config = {
        "output_dir": str(folder),
        "base_model": str(base),
        "models_dir": str(folder / "models"),
        "train_file": str(data),
        "system_prompt": "",
        "settings": settings,
        "resume": resume,
    }
    path = folder / "run.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    return path


def train(folder: Path, *, base: Path, data: Path, settings: dict[str, Any]) -> Run:
    """Trains to the end.

    Raises:
        Failed: the run did not finish.
    """
    finish(start(write_run(fresh(folder), base=base, data=data, settings=settings)), folder)
    return read(folder, "finished")


def start(config: Path) -> "subprocess.Popen[bytes]":
    with (config.parent / "process.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "ml", "train", "--config", str(config)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def finish(process: "subprocess.Popen[bytes]", folder: Path) -> None:
    """Waits for the process; raises Failed with the end of its log where it did not end well."""
    try:
        code = process.wait(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired as error:
        process.kill()
        process.wait()
        raise Failed(f"no end after {PATIENCE_S} s") from error
    if code != 0:
        end = (folder / "process.log").read_text("utf-8", "replace").splitlines()[-3:]
        raise Failed(f"exit {code}: {' / '.join(end)}")


def wait_for_step(folder: Path, step: int, process: "subprocess.Popen[bytes]") -> None:
    """Returns when the run has done that many steps."""
    log = folder / "trainer_log.jsonl"
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and process.poll() is None:
        if log.is_file() and log.read_bytes().count(b"\n") >= step:
            return
        time.sleep(0.01)
    raise Failed(f"it did not come to step {step}")


def read(folder: Path, phase: str) -> Run:
    """What the run left, which must have ended in ``phase``."""
    status = json.loads((folder / "status.json").read_text("utf-8"))
    if status["phase"] != phase:
        raise Failed(f"it ended as {status['phase']}: {status['error']}")
    text = (folder / "trainer_log.jsonl").read_text("utf-8")
    return Run(folder, [json.loads(line) for line in text.splitlines()])
