"""Every failure in OpenAI's error shape; the one place that knows HTTP statuses."""

import logging
from collections.abc import Sequence
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from ml.errors import MlError, ModelUnknown, ServerBusy

logger = logging.getLogger(__name__)

FAILED: Final = "model_failed"


def status_of(error: MlError) -> int:
    if isinstance(error, ModelUnknown):
        return 404
    if isinstance(error, ServerBusy):
        return 503
    return 500 if error.code == FAILED else 400


def error_body(
    message: str, *, status: int, code: str | None, param: str | None = None
) -> dict[str, Any]:
    kind = "invalid_request_error" if status < 500 else "server_error"
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def install(app: FastAPI) -> None:
    """Has ``app`` answer every failure in one shape."""

    @app.exception_handler(MlError)
    async def _refused(request: Request, error: MlError) -> JSONResponse:  # noqa: ARG001
        return _response(error.message, status=status_of(error), code=error.code)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:  # noqa: ARG001
        message, param = _first_problem(error.errors())
        return _response(message, status=400, code="invalid_request", param=param)

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        message = str(error.detail)
        if error.status_code in {404, 405}:
            message = f"There is no {request.method} {request.url.path} here."
        return _response(message, status=error.status_code, code=None)

    @app.exception_handler(Exception)
    async def _unexpected(request: Request, error: Exception) -> JSONResponse:
        logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return _response("The server failed to answer.", status=500, code="internal_error")


def _first_problem(problems: Sequence[Any]) -> tuple[str, str | None]:
    first = problems[0]
    place = [str(part) for part in first["loc"] if part not in {"body", "query"}]
    if first["type"] == "json_invalid":
        return "The body is not valid JSON.", None
    param = ".".join(place) or None
    message = str(first["msg"]).removeprefix("Value error, ")
    return (f"{param}: {message}" if param else message), param


def _response(
    message: str, *, status: int, code: str | None, param: str | None = None
) -> JSONResponse:
    body = error_body(message, status=status, code=code, param=param)
    return JSONResponse(body, status_code=status)
