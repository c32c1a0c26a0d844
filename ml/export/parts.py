"""What an export may hold, by the names of REST, of the page and of ``job.json``."""

from collections.abc import Sequence
from typing import Final, Literal, get_args

from ml.errors import ConfigError

Part = Literal["merged", "gguf", "ollama"]

# In the output folder of a job.
FOLDER: Final = "export"
PARTS: Final[tuple[Part, ...]] = get_args(Part)

# Sentences are for people and are translated by whoever shows them.
NOTHING: Final = "Choose at least one of merged, gguf and ollama."
UNKNOWN: Final = "An export may hold merged, gguf and ollama, and nothing else."
OLLAMA_NEEDS_WEIGHTS: Final = (
    "Ollama's Modelfile needs weights beside it: choose merged or gguf as well."
)
# Code of an error -> what to do about it.
ADVICE: Final = {
    "out_of_memory": (
        "Merging holds the base model in float32, four bytes for each parameter. Export the GGUF "
        "of the adapter alone, or merge on a machine with more memory."
    ),
    "gguf_impossible": "Export the merged model without the GGUF.",
    "base_quantised": "Export the GGUF of the adapter alone, or train on the base as it was before "
    "it was quantised.",
    "parity_failed": "Try once more; if it happens again, report it with the log.",
    "prompt_unquotable": "Export without Ollama's Modelfile.",
}


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
