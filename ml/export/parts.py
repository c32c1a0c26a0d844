"""What an export may hold, by the names of REST, of the page and of ``job.json``."""

from collections.abc import Sequence
from typing import Final, Literal, get_args

from ml.errors import ConfigError

Part = Literal["merged", "gguf", "ollama"]

PARTS: Final[tuple[Part, ...]] = get_args(Part)

# Sentences are for people and are translated by whoever shows them.
NOTHING: Final = "Choose at least one of merged, gguf and ollama."
UNKNOWN: Final = "An export may hold merged, gguf and ollama, and nothing else."
OLLAMA_NEEDS_WEIGHTS: Final = (
    "Ollama's Modelfile needs weights beside it: choose merged or gguf as well."
)


def problem_of(what: Sequence[object]) -> str:
    """Why ``what`` cannot be exported; empty where it can."""
    if not what:
        return NOTHING
    if any(part not in PARTS for part in what):
        return UNKNOWN
    return OLLAMA_NEEDS_WEIGHTS if set(what) == {"ollama"} else ""


def parts_of(what: Sequence[object]) -> tuple[Part, ...]:
    """``what`` in our order, each once.

    Raises:
        ConfigError: it cannot be exported.
    """
    if problem := problem_of(what):
        raise ConfigError(problem, code="invalid_parts")
    return tuple(part for part in PARTS if part in what)
