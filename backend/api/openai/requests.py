"""Bodies of the chat's routes, read into checked values."""

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NoReturn

from django.utils.translation import gettext as _
from rest_framework import serializers

from backend.chat.services.questions import LONGEST_TEXT, Turn
from backend.common.errors import Invalid

if TYPE_CHECKING:
    from django.http import HttpRequest

MOST_MESSAGES: Final = 1_000
MOST_TOKENS: Final = 1_000_000
# Parameters that would change the answer and that we cannot honour; their neutral values pass.
UNSUPPORTED: Final[dict[str, tuple[object, ...]]] = {
    "n": (None, 1),
    "tools": (None, []),
    "functions": (None, []),
    "logprobs": (None, False),
    "response_format": (None, {"type": "text"}),
    "modalities": (None, ["text"]),
    "frequency_penalty": (None, 0),
    "presence_penalty": (None, 0),
    "logit_bias": (None, {}),
}
SAMPLING: Final = ("temperature", "top_p", "seed")

# Any: JSON.
Json = dict[str, Any]


class ChatCompletionInput(serializers.Serializer[Any]):
    model = serializers.CharField(max_length=60)
    messages = serializers.ListField(
        child=serializers.DictField(), allow_empty=False, max_length=MOST_MESSAGES
    )
    stream = serializers.BooleanField(default=False, allow_null=True)
    stream_options = serializers.DictField(required=False, allow_null=True)
    temperature = serializers.FloatField(min_value=0, max_value=2, required=False, allow_null=True)
    top_p = serializers.FloatField(min_value=0, max_value=1, required=False, allow_null=True)
    max_tokens = serializers.IntegerField(
        min_value=1, max_value=MOST_TOKENS, required=False, allow_null=True
    )
    max_completion_tokens = serializers.IntegerField(
        min_value=1, max_value=MOST_TOKENS, required=False, allow_null=True
    )
    seed = serializers.IntegerField(
        min_value=-(2**63), max_value=2**63 - 1, required=False, allow_null=True
    )
    user = serializers.CharField(max_length=150, required=False, allow_null=True, allow_blank=True)
    metadata = serializers.DictField(required=False, allow_null=True)


class GenerateInput(serializers.Serializer[Any]):
    prompt = serializers.CharField(trim_whitespace=False)
    assistant = serializers.CharField(max_length=60, required=False)
    temperature = serializers.FloatField(min_value=0, max_value=2, required=False)
    max_tokens = serializers.IntegerField(min_value=1, max_value=MOST_TOKENS, required=False)


class TextInput(serializers.Serializer[Any]):
    """A text that can be stored: no NUL, no half characters."""

    content = serializers.CharField(
        trim_whitespace=False, allow_blank=True, max_length=LONGEST_TEXT
    )


@dataclass(frozen=True, kw_only=True)
class ChatRequest:
    """What ``/v1/chat/completions`` was asked for."""

    assistant: str
    turns: list[Turn]
    instructions: str
    options: Json
    label: str
    conversation_id: str | None
    stream: bool
    include_usage: bool


@dataclass(frozen=True, kw_only=True)
class GenerateRequest:
    prompt: str
    assistant: str | None
    options: Json = field(default_factory=dict)


def json_of(request: "HttpRequest") -> Json:
    """The JSON object in the body, or a form's fields where it is sent as one.

    Raises:
        Invalid: neither.
    """
    try:
        value = json.loads(request.body, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        if request.content_type == "application/x-www-form-urlencoded" and request.POST:
            return request.POST.dict()
        raise Invalid(_("The body is not JSON."), code="not_json") from error
    if not isinstance(value, dict):
        raise Invalid(_("Send one JSON object."), code="not_an_object")
    return value


def chat_request(body: Json) -> ChatRequest:
    """Checked values of a chat completion's body.

    Raises:
        Invalid: ``details.param`` names the parameter.
    """
    for name, neutral in UNSUPPORTED.items():
        if body.get(name) not in neutral:
            raise Invalid(
                _("“%(name)s” is not supported here.") % {"name": name},
                code="unsupported_parameter",
                param=name,
            )
    given = _validated(ChatCompletionInput(data=body))
    metadata, stream_options = given.get("metadata") or {}, given.get("stream_options") or {}
    conversation_id = metadata.get("conversation_id")
    turns, instructions = _messages(given["messages"])
    if conversation_id is not None and (instructions or [turn.role for turn in turns] != ["user"]):
        raise Invalid(
            _("With metadata.conversation_id send exactly one message, the user's."),
            code="invalid_messages",
            param="messages",
        )
    if not turns or turns[-1].role != "user":
        raise Invalid(
            _("The last message has to be the user's."), code="invalid_messages", param="messages"
        )
    options = {name: given[name] for name in SAMPLING if given.get(name) is not None}
    if longest := given.get("max_completion_tokens") or given.get("max_tokens"):
        options["max_tokens"] = longest
    if stop := _stop(body.get("stop")):
        options["stop"] = stop
    if label := given.get("user") or "":
        options["user"] = label
    return ChatRequest(
        assistant=given["model"],
        turns=turns,
        instructions=instructions,
        options=options,
        label=label,
        conversation_id=None if conversation_id is None else str(conversation_id),
        stream=bool(given.get("stream")),
        include_usage=bool(stream_options.get("include_usage")),
    )


def generate_request(body: Json) -> GenerateRequest:
    """Checked values of ``/generate``.

    Raises:
        Invalid: ``details.param`` names the parameter.
    """
    given = _validated(GenerateInput(data=body))
    return GenerateRequest(
        prompt=given["prompt"],
        assistant=given.get("assistant"),
        options={name: given[name] for name in ("temperature", "max_tokens") if name in given},
    )


def _messages(messages: list[Json]) -> tuple[list[Turn], str]:
    """The turns in their order, and the texts of all system messages together."""
    turns, system = list[Turn](), list[str]()
    for place, message in enumerate(messages):
        role, text = message.get("role"), _text(message.get("content"), place)
        match role:
            case "system" | "developer":
                system.append(text)
            case "user":
                turns.append(Turn(role="user", text=text))
            case "assistant":
                # One that only called a tool says nothing.
                turns.extend([Turn(role="assistant", text=text)] if text.strip() else [])
            case _:
                raise _bad_message(place, _("There is no such role here."))
    for turn in turns:
        if not turn.text.strip():
            raise Invalid(_("A message is empty."), code="invalid_messages", param="messages")
    return turns, "\n".join(text for text in system if text.strip())


def _text(content: object, place: int) -> str:
    """A message's text, be it plain or in parts."""
    if isinstance(content, list):
        parts = [part for part in content if isinstance(part, dict) and part.get("type") == "text"]
        if len(parts) < len(content):
            raise _bad_message(place, _("Only parts of text are understood."))
        content = "".join(str(part.get("text", "")) for part in parts)
    if content is not None and not isinstance(content, str):
        raise _bad_message(place, _("“content” has to be a text."))
    checked = TextInput(data={"content": "" if content is None else content})
    if not checked.is_valid():
        raise _bad_message(place, str(checked.errors["content"][0]))
    return str(checked.validated_data["content"])


def _bad_message(place: int, sentence: str) -> Invalid:
    return Invalid(
        f"messages[{place}]: {sentence}", code="invalid_messages", param=f"messages[{place}]"
    )


def _stop(stop: object) -> list[str]:
    """Up to four texts at which the answer ends."""
    texts = [stop] if isinstance(stop, str) else ([] if stop is None else stop)
    checked = serializers.ListField(
        child=serializers.CharField(trim_whitespace=False), max_length=4
    )
    try:
        return list(checked.run_validation(texts))
    except serializers.ValidationError as error:
        raise Invalid(
            _("“stop” takes up to four texts."), code="invalid_value", param="stop"
        ) from error


def _validated(given: serializers.Serializer[Any]) -> Json:
    if not given.is_valid():
        name, sentences = next(iter(given.errors.items()))
        sentence = _first(sentences)
        raise Invalid(f"{name}: {sentence}", code="invalid_value", param=name)
    return dict(given.validated_data)


def _first(sentences: object) -> str:
    """The first sentence of a serializer's errors, however deep."""
    while isinstance(sentences, dict | list) and sentences:
        sentences = next(iter(sentences.values() if isinstance(sentences, dict) else sentences))
    return str(sentences)


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")
