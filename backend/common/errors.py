"""The domain's errors. Services raise them; only ``api.errors`` knows HTTP statuses."""

from typing import Any


class DomainError(Exception):
    """Something the caller can act on, in words for people.

    Args:
        message: one sentence: what happened and what to do.
        code: stable machine code in snake_case.
        details: JSON values that help a client, e.g. ``{"settings": {"epochs": ["…"]}}``.
    """

    default_code = "error"

    def __init__(self, message: str, *, code: str | None = None, **details: Any) -> None:
        # Any: details are JSON of whatever shape the code documents.
        super().__init__(message)
        self.message = str(message)
        self.code = code or self.default_code
        self.details = details


class Invalid(DomainError):
    """The input cannot be accepted as it is (400)."""

    default_code = "invalid"


class NotAllowed(DomainError):
    """The person may not do this (403)."""

    default_code = "not_allowed"


class NotFound(DomainError):
    """It does not exist, or not for this person (404)."""

    default_code = "not_found"


class Conflict(DomainError):
    """It was changed meanwhile, or its state does not allow this (409)."""

    default_code = "conflict"


class TooMany(DomainError):
    """Too many requests for this key (429)."""

    default_code = "rate_limited"


class Unavailable(DomainError):
    """A part that is needed does not answer at the moment (503)."""

    default_code = "unavailable"
