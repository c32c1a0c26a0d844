"""What is to be exported: ``job.json`` or the command line, with its types."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ml.base_models import ModelHub
from ml.config_files import model_hub_of, read_config_object
from ml.errors import ConfigError
from ml.export.parts import FOLDER, Part, parts_of

REQUIRED: Final = ("output_dir", "base_model", "models_dir", "adapter_dir")
# The last three belong to other work on an adapter, whose job.json has the same form.
OPTIONAL: Final = (
    "what",
    "model_hub",
    "system_prompt",
    "name",
    "temperature",
    "data_dir",
    "validation_file",
    "golden_file",
)


@dataclass(frozen=True, kw_only=True)
class Request:
    """One export.

    Attributes:
        name: what the tuned model is called in the files that are written.
        system_prompt: the assistant's; None for the one on the adapter's card.
        temperature: the assistant's; None leaves it to whoever serves.
        base_model: None for the one on the adapter's card.
    """

    adapter: Path
    output: Path
    what: tuple[Part, ...]
    models_dir: Path
    model_hub: ModelHub = "huggingface"
    base_model: str | None = None
    name: str = ""
    system_prompt: str | None = None
    temperature: float | None = None


def read_request(path: Path) -> Request:
    """The export that a ``job.json`` describes, into the folder ``export`` of its output folder.

    Raises:
        ConfigError: the file cannot be read, or something in it cannot be meant.
    """
    given = read_config_object(path, required=REQUIRED, known=OPTIONAL)
    return Request(
        adapter=Path(given["adapter_dir"]),
        output=Path(given["output_dir"]) / FOLDER,
        what=_what(given.get("what")),
        models_dir=Path(given["models_dir"]),
        model_hub=model_hub_of(given),
        base_model=given["base_model"],
        name=str(given.get("name") or ""),
        system_prompt=given.get("system_prompt"),
        temperature=checked_temperature(given.get("temperature")),
    )


def _what(given: object) -> tuple[Part, ...]:
    if not isinstance(given, list):
        raise ConfigError("“what” must be a list.", code="invalid_parts")
    return parts_of(given)


def checked_temperature(given: object) -> float | None:
    """``given`` as a temperature; raises ConfigError where it cannot be one."""
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given <= 2:
        raise ConfigError("“temperature” must be a number from 0 to 2.")
    return float(given)
