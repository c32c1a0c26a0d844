"""The one place where messages become the text of a prompt.

Chat, training, evaluation, serving and export call ``render()``; nobody else reads a chat template.
Knows templates and who is asking; knows nothing of tokens and models, and needs only Jinja.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NoReturn

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ml.errors import ConfigError

ROLES: Final = ("system", "user", "assistant")
VARIABLE: Final = re.compile(r"\{\{\s*(\w+)\s*\}\}")
# Breaks a special token apart and shows as nothing.
WORD_JOINER: Final = "\u2060"
# A model's own thoughts are part of its answers.
THOUGHTS: Final = frozenset({"<think>", "</think>"})
END_OF_FINAL_MESSAGE: Final = "<<<the final message ends here>>>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who is asking, as the variables of a system prompt name them."""

    name: str | None = None
    department: str | None = None
    role: str | None = None
    language: str | None = None
    date: str | None = None


PERSON_VARIABLES: Final = frozenset(variable.name for variable in fields(Person))


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptFormat:
    """How one model writes conversations down.

    Attributes:
        chat_template: Jinja, as the model's authors published it.
        special_tokens: what the template may ask for by name, such as ``bos_token``.
        markers: every text that this model's tokenizer reads as one special token.
        thinking: what templates of models that may think or not are told as ``enable_thinking``;
            None tells them nothing, and each does as its authors chose.
    """

    chat_template: str
    special_tokens: Mapping[str, str] = field(default_factory=dict)
    markers: Sequence[str] = ()
    thinking: bool | None = None


def system_message(system_prompt: str, person: Person | None) -> str:
    """The system prompt with the person's variables filled in.

    A line that mentions a variable without a value is left out whole; a variable that no person
    has stays as it is written. Values become single lines, and what stands in them is never
    evaluated.
    """
    values = _values(person)
    lines = []
    for line in system_prompt.split("\n"):
        mentioned = PERSON_VARIABLES.intersection(VARIABLE.findall(line))
        if mentioned <= values.keys():
            lines.append(VARIABLE.sub(lambda match: values.get(match[1], match[0]), line))
    return "\n".join(lines).strip()


def _values(person: Person | None) -> dict[str, str]:
    if person is None:
        return {}
    given = {name: getattr(person, name) for name in PERSON_VARIABLES}
    single_lined = {name: " ".join(value.split()) for name, value in given.items() if value}
    return {name: value for name, value in single_lined.items() if value}


def neutralise(text: str, markers: Sequence[str]) -> str:
    """``text`` in which the tokenizer finds none of ``markers``; it reads the same to people."""
    pattern = _any_of(tuple(markers))
    while pattern is not None and pattern.search(text):
        text = pattern.sub(_broken, text)
    return text


@lru_cache(maxsize=64)
def _any_of(markers: tuple[str, ...]) -> re.Pattern[str] | None:
    longest_first = sorted(filter(None, markers), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first))) if longest_first else None


def _broken(match: re.Match[str]) -> str:
    marker = match[0]
    return marker[0] + WORD_JOINER + marker[1:] if len(marker) > 1 else "\N{REPLACEMENT CHARACTER}"


def render(
    messages: Sequence[Mapping[str, str]],
    prompt_format: PromptFormat,
    *,
    add_generation_prompt: bool,
    continue_final_message: bool = False,
) -> str:
    """The prompt's text, as the model's own chat template writes it.

    Special tokens in anybody's text are neutralised, so that no text ends its turn or begins
    another. A template that writes a system message of its own where none is given does so here
    as well: training, serving and chat see the same.

    Args:
        messages: ``role`` and ``content``, oldest first.
        prompt_format: of the model that will read it.
        add_generation_prompt: open a turn of the assistant at the end.
        continue_final_message: leave the last turn open instead, for the model to write on.

    Raises:
        ConfigError: an unknown role, nothing to render, or the template refuses these messages.
    """
    if not messages:
        raise ConfigError("There are no messages.", code="messages_missing")
    if add_generation_prompt and continue_final_message:
        raise ConfigError("The last turn cannot be both closed and continued.")
    plain = [_plain(message, prompt_format.markers) for message in messages]
    if continue_final_message:
        plain[-1]["content"] += END_OF_FINAL_MESSAGE
    told = {} if prompt_format.thinking is None else {"enable_thinking": prompt_format.thinking}
    try:
        text = _compiled(prompt_format.chat_template).render(
            messages=plain,
            tools=None,
            documents=None,
            add_generation_prompt=add_generation_prompt,
            **told,
            **prompt_format.special_tokens,
        )
    except jinja2.TemplateError as error:
        raise ConfigError(
            f"The model's chat template refuses these messages: {error}", code="template_refused"
        ) from error
    return _cut(text) if continue_final_message else text


def _plain(message: Mapping[str, str], markers: Sequence[str]) -> dict[str, str]:
    role, content = message["role"], message["content"]
    if role not in ROLES:
        raise ConfigError(f"“{role}” is no role; use {', '.join(ROLES)}.", code="unknown_role")
    if role == "assistant":
        markers = [marker for marker in markers if marker not in THOUGHTS]
    return {"role": role, "content": neutralise(content, markers)}


def _cut(text: str) -> str:
    end = text.rfind(END_OF_FINAL_MESSAGE)
    if end < 0:
        raise ConfigError("The model's chat template drops the message to be continued.")
    return text[:end]


def template_hash(chat_template: str) -> str:
    """What an adapter's card remembers of the template that it was trained under."""
    return hashlib.sha256(chat_template.encode()).hexdigest()


class _GenerationBlock(Extension):
    """``{% generation %}`` marks the assistant's words for trainers; here it marks nothing."""

    tags = {"generation"}

    def parse(self, parser: jinja2.parser.Parser) -> list[jinja2.nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


@lru_cache(maxsize=16)
def _compiled(chat_template: str) -> jinja2.Template:
    # The same environment as transformers' apply_chat_template, which a test compares.
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_GenerationBlock, loopcontrols]
    )
    environment.filters["tojson"] = _tojson
    environment.globals["raise_exception"] = _raise_exception
    environment.globals["strftime_now"] = _strftime_now
    try:
        return environment.from_string(chat_template)
    except jinja2.TemplateError as error:
        raise ConfigError(
            f"The model's chat template cannot be read: {error}", code="template_unreadable"
        ) from error


def _tojson(
    value: Any,  # whatever a template holds
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def _raise_exception(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _strftime_now(pattern: str) -> str:
    return datetime.now().astimezone().strftime(pattern)
