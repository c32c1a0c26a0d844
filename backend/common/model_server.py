"""The one client of the model server: whoever stands behind ``MODEL_SERVER_URL``.

Speaks the OpenAI protocol and vLLM's names for adapters and token counts. The blocking calls here
serve pages, tasks and health; answers are streamed by ``common.model_stream``.
"""

import json
from typing import Any, Final

import requests
from django.conf import settings
from django.utils.translation import gettext as _

from backend.common.errors import Invalid, NotFound, Unavailable

PROBE_TIMEOUT_S: Final = 3
# Loading an adapter reads files and may wait for the answers in progress.
ADAPTER_TIMEOUT_S: Final = 60


def headers() -> dict[str, str]:
    """What every request to the model server carries."""
    key = settings.MODEL_SERVER_API_KEY
    return {"Authorization": f"Bearer {key}"} if key else {}


def health() -> None:
    """Return when the model server answers.

    Raises:
        Unavailable: it does not.
    """
    _call("GET", "/health", timeout_s=PROBE_TIMEOUT_S)


def model_list() -> list[str]:
    """Names that a request may ask for: the base model and the loaded adapters."""
    answer = _call("GET", "/v1/models", timeout_s=PROBE_TIMEOUT_S).json()
    return [str(model["id"]) for model in answer["data"]]


def adapter_load(*, name: str, path: str) -> None:
    """Make the adapter in folder ``path`` answer to ``name``; loading it again changes nothing.

    Raises:
        Invalid: the server cannot use it (another base, unreadable files).
        Unavailable: the server does not answer.
    """
    body = {"lora_name": name, "lora_path": path}
    _call("POST", "/v1/load_lora_adapter", body=body, timeout_s=ADAPTER_TIMEOUT_S)


def token_ids(*, model: str, messages: list[dict[str, str]]) -> list[int]:
    """The token ids of the prompt that ``model`` would see for ``messages``.

    Raises:
        NotFound: the server does not know the model.
        Unavailable: the server does not answer.
    """
    body = {"model": model, "messages": messages, "add_generation_prompt": True}
    answer = _call("POST", "/tokenize", body=body, timeout_s=PROBE_TIMEOUT_S * 3).json()
    return [int(token) for token in answer["tokens"]]


def _call(
    method: str, path: str, *, timeout_s: float, body: dict[str, Any] | None = None
) -> requests.Response:
    url = settings.MODEL_SERVER_URL + path
    try:
        answer = requests.request(method, url, json=body, headers=headers(), timeout=timeout_s)
    except requests.RequestException as error:
        raise Unavailable(
            _("The model server does not answer."), code="model_server_unavailable"
        ) from error
    if answer.ok:
        return answer
    message, code = failure_of(answer.text)
    if answer.status_code == 404:
        raise NotFound(message, code=code or "model_not_found")
    if answer.status_code < 500:
        raise Invalid(message, code=code or "model_server_refused")
    raise Unavailable(message, code=code or "model_server_unavailable")


def failure_of(text: str) -> tuple[str, str]:
    """Message and code of an OpenAI error body; the bare text where it is none."""
    try:
        error = json.loads(text)["error"]
        return str(error["message"]), str(error.get("code") or "")
    except (ValueError, KeyError, TypeError):
        return text[:500] or _("The model server refused the request."), ""
