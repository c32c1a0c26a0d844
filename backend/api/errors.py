"""The one place that knows HTTP statuses: every failure leaves in the shape of ``contracts.md``."""

import logging
from typing import Any, Final

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.core.exceptions import ValidationError as ModelValidationError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from rest_framework import exceptions as drf
from rest_framework import status
from rest_framework.response import Response
from rest_framework.views import set_rollback

from backend.common.errors import (
    Conflict,
    DomainError,
    Invalid,
    NotAllowed,
    NotFound,
    TooMany,
    Unavailable,
)

logger = logging.getLogger(__name__)

STATUSES: Final[dict[type[DomainError], int]] = {
    Invalid: status.HTTP_400_BAD_REQUEST,
    NotAllowed: status.HTTP_403_FORBIDDEN,
    NotFound: status.HTTP_404_NOT_FOUND,
    Conflict: status.HTTP_409_CONFLICT,
    TooMany: status.HTTP_429_TOO_MANY_REQUESTS,
    Unavailable: status.HTTP_503_SERVICE_UNAVAILABLE,
}


def status_of(error: DomainError) -> int:
    """The HTTP status of a domain error, by the nearest class that has one."""
    for kind in type(error).__mro__:
        if kind in STATUSES:
            return STATUSES[kind]
    return status.HTTP_400_BAD_REQUEST


def envelope(code: str, message: str, details: object = None) -> dict[str, Any]:
    """The error shape of every JSON answer and of the socket's ``error`` event."""
    return {"error": {"code": code, "message": message, "details": details or {}}}


def as_domain_error(error: Exception) -> tuple[int, dict[str, Any], dict[str, str]] | None:
    """Status, body and headers for an expected failure; None for a fault of ours."""
    headers: dict[str, str] = {}
    match error:
        case DomainError():
            return status_of(error), envelope(error.code, error.message, error.details), headers
        case Http404():
            return 404, envelope("not_found", _("There is nothing here, or not for you.")), headers
        case PermissionDenied():
            return 403, envelope("not_allowed", _("Your role does not allow this.")), headers
        case ModelValidationError():
            details = getattr(error, "message_dict", None) or {"non_field_errors": error.messages}
            return 400, envelope("invalid", _first_sentence(details), details), headers
        case SuspiciousOperation():
            return 400, envelope("bad_request", _("The request cannot be read.")), headers
        case drf.ValidationError():
            return 400, envelope("invalid", _first_sentence(error.detail), error.detail), headers
        case drf.APIException():
            if auth_header := getattr(error, "auth_header", None):
                headers["WWW-Authenticate"] = auth_header
            if (wait := getattr(error, "wait", None)) is not None:
                headers["Retry-After"] = str(int(wait) + 1)
            code = {
                "not_authenticated": "not_signed_in",
                "permission_denied": "not_allowed",
                "throttled": "rate_limited",
            }.get(str(error.default_code), str(error.default_code))
            return error.status_code, envelope(code, str(error.detail)), headers
    return None


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's hook. A fault of ours answers 500 in the same shape, with the details in the log."""
    answer = as_domain_error(error)
    set_rollback()
    if answer is None:
        view = type(context.get("view")).__name__
        logger.error("unexpected failure in %s", view, exc_info=error)
        body = envelope("internal_error", _("Something went wrong here; it has been logged."))
        return Response(body, status=500)
    code, body, headers = answer
    return Response(body, status=code, headers=headers)


def _first_sentence(details: object) -> str:
    """The first message in a tree of messages, with its field's name where there is one."""
    if isinstance(details, dict):
        for field, inner in details.items():
            sentence = _first_sentence(inner)
            if sentence:
                return sentence if field == "non_field_errors" else f"{field}: {sentence}"
    if isinstance(details, list | tuple):
        return next((found for item in details if (found := _first_sentence(item))), "")
    return str(details) if details else ""


# Django's own handlers, for what never reaches a DRF view.


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    return _told(request, 400, "bad_request", _("The request cannot be read."))


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    return _told(request, 403, "not_allowed", _("Your role does not allow this."))


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    return _told(request, 404, "not_found", _("There is nothing at this address."))


def server_error(request: HttpRequest) -> HttpResponse:
    sentence = _("Something went wrong here; it has been logged.")
    return _told(request, 500, "internal_error", sentence)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001
    message = _("This page is out of date. Load it again and repeat what you did.")
    return _told(request, 403, "csrf", message)


def _told(request: HttpRequest, status: int, code: str, sentence: str) -> HttpResponse:
    """A page for a browser, and the API's shape for everything else."""
    # Whoever takes anything, as programs do, gets the first.
    kinds = ["application/json", "text/html"]
    answer: HttpResponse
    if request.get_preferred_type(kinds) == "text/html":
        answer = render(request, "problem.html", {"heading": sentence}, status=status)
    else:
        answer = JsonResponse(envelope(code, sentence), status=status)
    patch_vary_headers(answer, ["Accept"])
    return answer
