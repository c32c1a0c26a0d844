"""Failures in OpenAI's shape: ``{"error": {message, type, param, code}}``."""

import logging
from typing import Any, Final

from django.db import DatabaseError
from django.http import JsonResponse
from django.utils.translation import gettext as _
from psycopg_pool import PoolTimeout
from redis.exceptions import RedisError
from rest_framework.exceptions import AuthenticationFailed

from backend.api.errors import as_domain_error, envelope
from backend.common.errors import DomainError, Invalid, Unavailable
from backend.common.model_stream import PROMPT_TOO_LONG

logger = logging.getLogger(__name__)

TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "invalid_request_error",
    429: "rate_limit_error",
}
# Any: JSON.
Json = dict[str, Any]


def failure_of(code: str, message: str) -> DomainError:
    """An answer that failed, as an error with the status that fits it."""
    if code == PROMPT_TOO_LONG:
        return Invalid(message, code=code, param="messages")
    return Unavailable(message, code=code)


def failed_status(code: str) -> int:
    """The status that ``failure_of`` has; told in the stream where one has begun."""
    return 400 if code == PROMPT_TOO_LONG else 503


def body_of(status: int, code: str | None, message: str, param: str | None = None) -> Json:
    kind = TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def openai_response(error: Exception) -> JsonResponse:
    """The answer to a failed request on OpenAI's routes."""
    status, plain, headers = _expected(error)
    details = plain["error"]["details"]
    param = details.get("param") if isinstance(details, dict) else None
    body = body_of(status, plain["error"]["code"], plain["error"]["message"], param)
    return JsonResponse(body, status=status, headers=headers)


def plain_response(error: Exception) -> JsonResponse:
    """The same in the shape of all other routes."""
    status, plain, headers = _expected(error)
    return JsonResponse(plain, status=status, headers=headers)


def _expected(error: Exception) -> tuple[int, Json, dict[str, str]]:
    if (known := as_domain_error(error)) is not None:
        if isinstance(error, AuthenticationFailed):  # what OpenAI calls it
            known[1]["error"]["code"] = "invalid_api_key"
        return known
    if isinstance(error, RedisError | DatabaseError | PoolTimeout | OSError):
        logger.warning("request not done: %s", error)
        message = _("This cannot be done at the moment. Try again.")
        return 503, envelope("unavailable", message), {}
    logger.error("unexpected failure", exc_info=error)
    message = _("Something went wrong here; it has been logged.")
    return 500, envelope("internal_error", message), {}
