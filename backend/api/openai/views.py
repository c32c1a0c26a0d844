"""``/v1/models``, ``/v1/chat/completions`` and ``/generate``.

Asynchronous to the end: a request that waits for an answer holds no database connection, and its
answer is written by the replier like any other.
"""

from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.utils.translation import gettext as _
from django.views import View
from rest_framework.exceptions import MethodNotAllowed

from backend.api.openai import shapes
from backend.api.openai.answers import Answer
from backend.api.openai.callers import Caller, acting_for, caller_of
from backend.api.openai.errors import failure_of, openai_response, plain_response
from backend.api.openai.requests import ChatRequest, chat_request, generate_request, json_of
from backend.api.openai.streaming import streamed
from backend.assistants.selectors import assistant_list
from backend.chat.database import database_step
from backend.chat.models import Message
from backend.chat.services.outside import question_follow_up, question_send
from backend.chat.services.questions import Accepted, Turn
from backend.common.errors import NotFound

if TYPE_CHECKING:
    from backend.accounts.models import User

# So long a failure still gets a status of its own; then the stream begins.
STATUS_WITHIN_S: Final = 10.0


class ChatView(View):
    """Errors leave in the view's own shape; CSRF is checked where a browser's session is used."""

    def failure(self, error: Exception) -> JsonResponse:
        return openai_response(error)

    async def dispatch(  # type: ignore[override]  # Django's stub knows only the blocking form
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        try:
            handler = getattr(self, (request.method or "").lower(), None)
            if handler is None:
                raise MethodNotAllowed(request.method or "")
            answer: HttpResponseBase = await handler(request, *args, **kwargs)
        except Exception as error:
            answer = self.failure(error)
        answer.headers.setdefault("Cache-Control", "no-store")
        return answer


class ModelsView(ChatView):
    async def get(self, request: HttpRequest) -> JsonResponse:
        return JsonResponse({"object": "list", "data": await models_for(request)})


class ModelView(ChatView):
    async def get(self, request: HttpRequest, slug: str) -> JsonResponse:
        for model in await models_for(request):
            if model["id"] == slug:
                return JsonResponse(model)
        raise unknown_model(slug)


class ChatCompletionsView(ChatView):
    async def post(self, request: HttpRequest) -> HttpResponseBase:
        asked, owner, accepted = await question_of(request)
        answer = Answer(accepted, owner=owner)
        is_handed_on = False
        try:
            if not asked.stream:
                row = ended_well(await answer.row())
                return JsonResponse(shapes.completion(row, accepted, model=asked.assistant))
            first = await answer.begun(within_s=STATUS_WITHIN_S)
            if first is not None and first["type"] == "reply.failed":
                raise failure_of(first["code"], first["message"])
            is_handed_on = True
            return streamed(answer, model=asked.assistant, include_usage=asked.include_usage)
        finally:
            if not is_handed_on:
                answer.leave()


class GenerateView(ChatView):
    """The simplest possible call."""

    def failure(self, error: Exception) -> JsonResponse:
        return plain_response(error)

    async def get(self, request: HttpRequest) -> JsonResponse:
        return await self.answer(request, request.GET.dict())

    async def post(self, request: HttpRequest) -> JsonResponse:
        return await self.answer(request, json_of(request))

    async def answer(self, request: HttpRequest, body: dict[str, Any]) -> JsonResponse:
        owner, accepted = await prompt_of(request, body)
        answer = Answer(accepted, owner=owner)
        try:
            row = ended_well(await answer.row())
        finally:
            answer.leave()
        adapter = row.adapter
        added = shapes.ours(accepted, adapter.name if adapter else None, row.sources)
        return JsonResponse({"response": row.text, "loredesk": added})


def ended_well(row: Message) -> Message:
    """The row of an answer that came, be it stopped before its end.

    Raises:
        DomainError: it failed or broke off.
    """
    if row.state == Message.State.FAILED:
        error = row.error or {}
        raise failure_of(str(error.get("code")), str(error.get("message")))
    if row.state == Message.State.INTERRUPTED:
        raise failure_of("interrupted", _("The answer broke off. Ask again."))
    return row


def unknown_model(slug: str) -> NotFound:
    return NotFound(
        _("The model “%(slug)s” does not exist, or it is not for you.") % {"slug": slug[:100]},
        code="model_not_found",
        param="model",
    )


@database_step
def models_for(request: HttpRequest) -> list[dict[str, Any]]:
    """The assistants that the caller may ask, as OpenAI lists models."""
    caller = caller_of(request)
    return [
        {
            "id": assistant.slug,
            "object": "model",
            "created": int(assistant.created_at.timestamp()),
            "owned_by": "loredesk",
        }
        for assistant in assistant_list(user=caller.user)
        if assistant.is_active
    ]


@database_step
def question_of(request: HttpRequest) -> "tuple[ChatRequest, User, Accepted]":
    """Authenticate, check and keep the question: one step, whose connection is given back."""
    caller = caller_of(request)
    asked = chat_request(json_of(request))
    owner = acting_for(caller, asked.label)
    if asked.conversation_id is not None:
        accepted = question_follow_up(
            user=owner,
            assistant=asked.assistant,
            conversation_id=asked.conversation_id,
            text=asked.turns[0].text,
            options=asked.options,
        )
    else:
        accepted = _send(owner, asked.assistant, asked.turns, asked.options, asked.instructions)
    return asked, owner, accepted


@database_step
def prompt_of(request: HttpRequest, body: dict[str, Any]) -> "tuple[User, Accepted]":
    caller = caller_of(request)
    asked = generate_request(body)
    assistant = asked.assistant or default_assistant(caller)
    turns = [Turn(role="user", text=asked.prompt)]
    return caller.user, _send(caller.user, assistant, turns, asked.options)


def default_assistant(caller: Caller) -> str:
    """Slug of who answers ``/generate`` where nobody is named."""
    own = caller.key.default_assistant if caller.key else ""
    return own or settings.DEFAULT_ASSISTANT


def _send(
    owner: "User",
    assistant: str,
    turns: list[Turn],
    options: dict[str, Any],
    instructions: str = "",
) -> Accepted:
    if assistant not in set(assistant_list(user=owner).values_list("slug", flat=True)):
        raise unknown_model(assistant)
    return question_send(
        user=owner, assistant=assistant, turns=turns, instructions=instructions, options=options
    )
