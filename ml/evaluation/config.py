"""``job.json`` of an evaluation, with its types."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ml.base_models import ModelHub
from ml.config_files import model_hub_of, read_config_object
from ml.errors import ConfigError
from ml.evaluation.judge import Judge, judge_of

REQUIRED: Final = ("output_dir", "base_model", "models_dir")
MAX_NEW_TOKENS: Final = 400
# Of a kind, for each model: an hour on a processor with a small model.
MOST_QUESTIONS: Final = 200


@dataclass(frozen=True, kw_only=True)
class EvaluationConfig:
    """What is compared, and on what.

    Attributes:
        adapters: model name → folder; ``production`` and ``candidate`` may be missing.
        max_new_tokens: the longest answer.
        most_questions: of the golden and of the validation examples each.
        batch: answers computed together.
        judge: another model that is asked for its opinion, where there is one.
    """

    output_dir: Path
    base_model: str
    models_dir: Path
    model_hub: ModelHub
    system_prompt: str
    adapters: dict[str, Path]
    golden_file: Path | None
    validation_file: Path | None
    max_new_tokens: int
    most_questions: int
    batch: int
    judge: Judge | None


def read_config(path: Path) -> EvaluationConfig:
    """The evaluation that ``path`` describes.

    Raises:
        ConfigError: the file cannot be read, or something in it cannot be meant.
    """
    given = read_config_object(path, required=REQUIRED)
    return EvaluationConfig(
        output_dir=Path(given["output_dir"]),
        base_model=given["base_model"],
        models_dir=Path(given["models_dir"]),
        model_hub=model_hub_of(given),
        system_prompt=str(given.get("system_prompt") or ""),
        adapters=_adapters(given),
        golden_file=_path(given.get("golden_file")),
        validation_file=_path(given.get("validation_file")),
        max_new_tokens=_count(given, "max_new_tokens", MAX_NEW_TOKENS),
        most_questions=_count(given, "most_questions", MOST_QUESTIONS),
        batch=_count(given, "batch", 8),
        judge=judge_of(given.get("judge")),
    )


def _adapters(given: dict[str, Any]) -> dict[str, Path]:
    """``production`` is relative to ``data_dir``; the candidate is the job's own adapter."""
    found = {}
    if production := given.get("production"):
        found["production"] = Path(str(given.get("data_dir") or ".")) / str(production)
    if candidate := given.get("adapter_dir"):
        found["candidate"] = Path(str(candidate))
    return found


def _path(given: object) -> Path | None:
    return Path(str(given)) if given else None


def _count(given: dict[str, Any], name: str, default: int) -> int:
    value = given.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigError(f"{name} must be a whole number from 1, not {value!r}.")
    return value
