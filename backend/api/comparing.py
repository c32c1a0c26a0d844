"""``POST /api/v1/compare``: one question to one of the models that people compare, streamed.

The pages ask it once for each model. Nothing is stored, and no replier is needed: the model
server is asked directly.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from django.http import HttpRequest, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.utils.translation import get_language
from rest_framework import serializers

from backend.accounts.roles import Action, require
from backend.api.openai.callers import caller_of
from backend.api.openai.errors import plain_response
from backend.api.openai.requests import json_of
from backend.api.openai.shapes import sse
from backend.api.openai.views import ChatView
from backend.assistants.base_models import served_name
from backend.assistants.selectors import assistant_get
from backend.chat.database import database_step
from backend.chat.prompts import defused, person_of
from backend.common.errors import DomainError, NotFound
from backend.common.model_stream import ModelStream
from backend.serving.models import EvaluationAnswer
from backend.serving.selectors import adapter_get, base_check, production, thinking_of
from ml.messages import PERSON_VARIABLES, system_message

if TYPE_CHECKING:
    from backend.common.model_stream import Piece

LONGEST_QUESTION: Final = 8000
Model = EvaluationAnswer.Model


class CompareInput(serializers.Serializer[Any]):
    adapter = serializers.UUIDField(help_text="The candidate.")
    model = serializers.ChoiceField(Model.choices)
    question = serializers.CharField(max_length=LONGEST_QUESTION)


@dataclass(frozen=True)
class Asked:
    """What the model server is to be sent, and where the adapter lies should it not know it."""

    body: dict[str, Any]
    path: Path | None


class CompareView(ChatView):
    """Whoever may read runs asks; events hold ``text`` or ``error``, the last is ``[DONE]``."""

    def failure(self, error: Exception) -> JsonResponse:
        return plain_response(error)

    async def post(self, request: HttpRequest) -> HttpResponseBase:
        asked = await asked_of(request)
        return StreamingHttpResponse(
            _events(asked),
            content_type="text/event-stream; charset=utf-8",
            headers={"X-Accel-Buffering": "no"},
        )


@database_step
def asked_of(request: HttpRequest) -> Asked:
    """The checked question.

    Raises:
        DomainError, APIException: nobody, not allowed, no such adapter, or another base.
    """
    user = caller_of(request).user
    require(user, Action.RUNS_READ)
    given = CompareInput(data=json_of(request))
    given.is_valid(raise_exception=True)
    values = given.validated_data
    adapter = adapter_get(user=user, adapter_id=values["adapter"])
    assistant = assistant_get(user=user, assistant_id=adapter.assistant_id)
    base_check(adapter=adapter, assistant=assistant)
    live = production(assistant=assistant)
    name, path, thinking = {
        Model.BASE: (served_name(assistant.base_model), None, None),
        Model.PRODUCTION: (live.served_name, live.path, live.thinking),
        Model.CANDIDATE: (adapter.name, adapter.folder, thinking_of(adapter)),
    }[values["model"]]
    person = person_of(user, language=get_language() or "en", wanted=set(PERSON_VARIABLES))
    system = system_message(assistant.system_prompt, person)
    messages = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": defused(values["question"])})
    body = {
        "model": name,
        "messages": messages,
        "temperature": 0,
        "max_tokens": assistant.max_new_tokens,
    }
    if thinking is not None:
        body["chat_template_kwargs"] = {"enable_thinking": thinking}
    return Asked(body, path)


async def _events(asked: Asked) -> AsyncIterator[str]:
    try:
        async with ModelStream() as server, _answer(server, asked) as pieces:
            async for piece in pieces:
                if text := piece.reasoning + piece.text:
                    yield sse({"text": text})
    except DomainError as error:
        yield sse({"error": {"code": error.code, "message": error.message, "details": {}}})
    yield "data: [DONE]\n\n"


@asynccontextmanager
async def _answer(server: ModelStream, asked: Asked) -> "AsyncIterator[AsyncIterator[Piece]]":
    """The answer's pieces; an adapter that the server has forgotten is loaded first."""
    try:
        async with server.answer(asked.body) as pieces:
            yield pieces
            return
    except NotFound:
        if asked.path is None:
            raise
    await server.adapter_load(name=asked.body["model"], path=str(asked.path))
    async with server.answer(asked.body) as pieces:
        yield pieces
