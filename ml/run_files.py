"""The files of one training run: ``run.json`` in; status, metrics and checkpoint out."""

import json
import math
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from ml.base_models import ModelHub
from ml.config_files import model_hub_of, read_config_object
from ml.errors import ConfigError
from ml.settings import TrainingSettings

Phase = Literal[
    "loading",
    "training",
    "evaluating",
    "merging",
    "comparing",
    "converting",
    "saving",
    "finished",
    "stopped",
    "failed",
]

REQUIRED: Final = ("output_dir", "base_model", "models_dir", "train_file")
OPTIONAL: Final = (
    "model_hub",
    "validation_file",
    "general_file",
    "parent_adapter",
    "system_prompt",
    "settings",
    "resume",
    "card",
)


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """``run.json`` with its types; ``card`` is provenance that only passes through.

    ``general_file`` holds the examples that are mixed in, ``parent_adapter`` is the folder of the
    adapter that the run goes on from.
    """

    output_dir: Path
    base_model: str
    models_dir: Path
    model_hub: ModelHub
    train_file: Path
    validation_file: Path | None
    general_file: Path | None
    parent_adapter: Path | None
    system_prompt: str
    settings: TrainingSettings
    resume: bool
    card: dict[str, Any]


def read_config(path: Path) -> RunConfig:
    """The run that ``path`` describes.

    Raises:
        ConfigError: the file cannot be read, or something in it cannot be meant.
    """
    given = read_config_object(path, required=REQUIRED, known=OPTIONAL)
    return RunConfig(
        output_dir=Path(given["output_dir"]),
        base_model=given["base_model"],
        models_dir=Path(given["models_dir"]),
        model_hub=model_hub_of(given),
        train_file=Path(given["train_file"]),
        validation_file=_path(given, "validation_file"),
        general_file=_path(given, "general_file"),
        parent_adapter=_path(given, "parent_adapter"),
        system_prompt=str(given.get("system_prompt") or ""),
        settings=_settings(given.get("settings") or {}),
        resume=bool(given.get("resume", False)),
        card=dict(given.get("card") or {}),
    )


def _path(given: dict[str, Any], name: str) -> Path | None:
    value = given.get(name)
    if value is not None and not isinstance(value, str):
        raise ConfigError(f"{name} must be a path.")
    return Path(value) if value else None


def _settings(given: dict[str, Any]) -> TrainingSettings:
    try:
        settings = TrainingSettings(**given)
    except TypeError as error:
        raise ConfigError(f"The settings name what does not exist: {error}") from error
    if problems := settings.validate():
        said = "; ".join(f"{name}: {sentence}" for name, sentence in problems)
        raise ConfigError(f"Some settings cannot be used: {said}")
    return settings


class RunFiles:
    """What a run leaves in its folder while it goes on; every file is whole at any moment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.stop = folder / "stop"
        self.checkpoint = folder / "checkpoint" / "state.pt"
        self.adapter = folder / "adapter"
        self._metrics = folder / "trainer_log.jsonl"
        self._status = folder / "status.json"
        self._last: dict[str, Any] = {}

    def status(
        self,
        phase: Phase,
        *,
        step: int = 0,
        total: int = 0,
        error: dict[str, str] | None = None,
        advice: str | None = None,
        resumable: bool = False,
        dropped: Sequence[dict[str, str]] = (),
        keep_progress: bool = False,
    ) -> None:
        """Replace ``status.json``; ``keep_progress`` keeps step, total and dropped of before."""
        entry = {
            "phase": phase,
            "step": step,
            "total_steps": total,
            "error": error,
            "advice": advice,
            "resumable": resumable,
            "updated_at": datetime.now(UTC).isoformat(),
            "dropped": list(dropped),
        }
        if keep_progress:
            entry |= {
                name: self._last[name]
                for name in ("step", "total_steps", "dropped")
                if name in self._last
            }
        self._last = entry
        write_whole(self._status, json.dumps(entry, ensure_ascii=False))

    @property
    def has_failed(self) -> bool:
        """Whether some process of the run has said that it failed."""
        try:
            said = json.loads(self._status.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return isinstance(said, dict) and said.get("phase") == "failed"

    def metric(self, event: dict[str, Any]) -> None:
        """Append one line to ``trainer_log.jsonl``."""
        with self._metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps(event) + "\n")

    def metrics_keep(self, step: int) -> None:
        """Forget what was measured after ``step``: a run that was killed computes it again."""
        if not self._metrics.is_file():
            return
        lines = self._metrics.read_text(encoding="utf-8", errors="replace").splitlines(True)
        write_whole(self._metrics, "".join(line for line in lines if _step_of(line) <= step))

    def checkpoint_remove(self) -> None:
        """Forget the checkpoint: the adapter has landed."""
        shutil.rmtree(self.checkpoint.parent, ignore_errors=True)


def _step_of(line: str) -> float:
    """The step that a line of the metrics was measured at; a line cut in two has none."""
    try:
        return int(json.loads(line)["current_steps"])
    except (ValueError, KeyError, TypeError):
        return math.inf


def write_whole(path: Path, text: str) -> None:
    """Write beside and rename, so that a reader sees the old file or the new one."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)
