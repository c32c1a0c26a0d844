"""What can go wrong in ``ml/``, each with a code for machines and a sentence for people."""

from typing import ClassVar


class MlError(Exception):
    """The root of all refusals; whoever stands at an edge shows ``message`` and sends ``code``."""

    default_code: ClassVar[str] = "failed"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        self.code = code or self.default_code
        self.message = message
        super().__init__(message)


class ConfigError(MlError):
    """What was asked for cannot be meant: a wrong setting, a missing or unreadable file."""

    default_code = "invalid_request"


class ModelLoadError(MlError):
    """A base model or an adapter is missing, broken or does not fit."""

    default_code = "model_load_failed"


class ModelUnknown(MlError):
    """Nobody answers to this model name."""

    default_code = "model_not_found"


class ContextLengthExceeded(MlError):
    """The prompt alone fills the model's context."""

    default_code = "context_length_exceeded"


class ServerBusy(MlError):
    """More requests wait than can be answered in reasonable time."""

    default_code = "server_busy"
