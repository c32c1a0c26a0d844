"""What is asked: a version's golden and validation examples, and general questions of our own."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ml.encoding import Example, read_examples
from ml.errors import ConfigError

# General knowledge that a training must not have driven out.
PROBE_FILE: Final = Path(__file__).parents[2] / "data" / "general_probe.json"


@dataclass(frozen=True, slots=True)
class Question:
    """One thing to be asked; ``example`` ends with the expected answer."""

    kind: str
    example: Example
    accepted: Sequence[str] = ()

    @property
    def id(self) -> str:
        return f"{self.kind}:{self.example.id}"

    def as_json(self) -> dict[str, Any]:
        messages = self.example.messages
        return {
            "id": self.id,
            "kind": self.kind,
            "example": self.example.id,
            "question": messages[-2]["content"] if len(messages) > 1 else "",
            "expected": messages[-1]["content"],
            "accepted": list(self.accepted),
        }


def read_questions(kind: str, path: Path, *, most: int) -> tuple[list[Question], int]:
    """The questions of a file of examples, and how many more it holds than ``most``.

    Too many are thinned out evenly, so that the same file gives the same questions.

    Raises:
        ConfigError: the file is missing or a line is no example.
    """
    found = read_examples(path)
    step = max(1.0, len(found) / most)
    chosen = [found[int(place * step)] for place in range(min(most, len(found)))]
    return [Question(kind, example) for example in chosen], len(found) - len(chosen)


def read_probe(path: Path = PROBE_FILE) -> list[Question]:
    """The general questions.

    Raises:
        ConfigError: the file is missing or not as ours is.
    """
    try:
        rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        return [_probe_question(number, row) for number, row in enumerate(rows, 1)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"The general questions in {path} cannot be read: {error}", code="data_unreadable"
        ) from error


def _probe_question(number: int, row: dict[str, Any]) -> Question:
    turns = (
        {"role": "user", "content": row["instruction"]},
        {"role": "assistant", "content": row["output"]},
    )
    return Question("probe", Example(str(number), turns), tuple(row.get("accepted", ())))
