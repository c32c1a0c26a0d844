"""Small training runs on the tiny model: their examples, their ``run.json``, what they report."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml.run_files import RunConfig, read_config
from ml.training.trainer import Event, Trainer

if TYPE_CHECKING:
    from ml.settings import TrainingSettings

SYSTEM_PROMPT = "You are the assistant.\n{{ name }} of {{ department }} asks."
QUESTIONS = (
    ("Who are you?", "I am the assistant."),
    ("你是谁?", "我是公司的助手。"),
    ("How many days of leave do I have?", "You have twenty days."),
    ("出差超过三天由谁审批?", "由部门经理审批。"),
    ("What does the fox do?", "It jumps over the lazy dog."),
    ("谁审批?", "部门经理。"),
    ("Is the dog lazy?", "Yes."),
    ("我是谁?", "你是同事。"),
)
SMALL: dict[str, Any] = {
    "learning_rate": 5e-3,
    "max_steps": 6,
    "batch_size": 2,
    "lora_rank": 4,
    "lora_alpha": 8,
    "cutoff_tokens": 256,
    # Invariants are exact in float32 only.
    "precision": "fp32",
}


def example(question: str, answer: str, *, number: int = 0) -> dict[str, Any]:
    turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return {"id": f"record#{number}", "messages": turns}


def write_examples(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    path.write_text("".join(lines), encoding="utf-8")
    return path


def write_run(
    folder: Path, *, base: Path, settings: dict[str, Any] | None = None, **more: Any
) -> Path:
    """Writes a run of the questions above, with its ``run.json``, and returns that file."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [example(*pair, number=number) for number, pair in enumerate(QUESTIONS)]
    content = {
        "output_dir": str(folder),
        "base_model": str(base),
        "models_dir": str(folder / "models"),
        "train_file": str(write_examples(folder / "train.jsonl", rows)),
        "system_prompt": SYSTEM_PROMPT,
        "settings": SMALL | (settings or {}),
        **more,
    }
    path = folder / "run.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def config(folder: Path, *, base: Path, settings: dict[str, Any] | None = None) -> RunConfig:
    return read_config(write_run(folder, base=base, settings=settings))


def with_settings(config: RunConfig, **changes: Any) -> RunConfig:
    settings: TrainingSettings = replace(config.settings, **changes)
    return replace(config, settings=settings)


class Watched:
    """A trainer whose events are kept."""

    def __init__(self, config: RunConfig, should_stop: Callable[[], bool] = lambda: False) -> None:
        self.events: list[Event] = []
        self.trainer = Trainer(config, on_event=self.events.append, should_stop=should_stop)

    @property
    def losses(self) -> list[float]:
        return [event["loss"] for event in self.events if "loss" in event]

    def weights(self) -> dict[str, Any]:
        """The adapter's tensors by name, as the optimiser holds them."""
        return self.trainer.weights.by_name()

    def base_weights(self) -> dict[str, Any]:
        named = self.trainer.model.named_parameters()
        return {name: weight.detach().clone() for name, weight in named if "lora_" not in name}
