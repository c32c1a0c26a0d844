"""The JSON files that a process is started with, as far as all of them are alike."""

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, cast

from ml.base_models import ModelHub
from ml.errors import ConfigError


def read_config_object(
    path: Path, *, required: Sequence[str], known: Collection[str] | None = None
) -> dict[str, Any]:  # Any: JSON
    """The object in ``path``.

    Args:
        path: the file.
        required: names that must stand in it, each with a text.
        known: all others that may; None takes any.

    Raises:
        ConfigError: it cannot be read, is no object, lacks a name or has one that nobody knows.
    """
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    if not isinstance(given, dict):
        raise ConfigError(f"{path} holds no object.")
    if missing := [name for name in required if not isinstance(given.get(name), str)]:
        raise ConfigError(f"{path} lacks {', '.join(missing)}.")
    if known is not None and (unknown := set(given) - {*required, *known}):
        raise ConfigError(f"{path} names what does not exist: {', '.join(sorted(unknown))}.")
    return given


def model_hub_of(given: dict[str, Any]) -> ModelHub:
    """Where hub ids are looked up.

    Raises:
        ConfigError: there is no such hub.
    """
    hub = given.get("model_hub", "huggingface")
    if hub not in {"huggingface", "modelscope"}:
        raise ConfigError(f"model_hub must be huggingface or modelscope, not “{hub}”.")
    return cast("ModelHub", hub)
