"""What the model is shown: the system message, then the branch of the conversation."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from django.utils import timezone

from backend.accounts.roles import Role, roles_of
from backend.chat.models import Message
from ml.messages import Person, neutralise, system_message

if TYPE_CHECKING:
    from backend.accounts.models import User
    from backend.chat.models import Conversation


# One message in OpenAI's shape: role and content.
ChatMessage = dict[str, str]

# What the tokenizers of common models read as the end or the beginning of a turn. Our own model
# server knows its model's and breaks them itself; another one may read them in anybody's text.
TURN_MARKERS: Final = re.compile(
    r"<\|[^\s<>|]{1,40}\|>|<｜[^\s<>｜]{1,40}｜>|</?s>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>"
)


def prompt_messages(
    *, conversation: "Conversation", branch: Iterable[Message], language: str
) -> list[ChatMessage]:
    """The assistant's system message for its owner, and the turns, oldest first.

    Args:
        conversation: with its assistant, its owner and the owner's department.
        branch: from the first question to the last one; a begun answer may follow it.
        language: of the owner, as the prompt names it.
    """
    system = system_message(
        conversation.assistant.system_prompt, person_of(conversation.owner, language=language)
    )
    if conversation.instructions:
        system = "\n".join(part for part in (system, defused(conversation.instructions)) if part)
    messages = [{"role": "system", "content": system}] if system else []
    return [*messages, *turns_of(branch)]


def turns_of(branch: Iterable[Message]) -> list[ChatMessage]:
    """Questions and answers in turn.

    An answer without a word is left out, and what one side then said twice in a row becomes one
    turn, for templates that insist on taking turns.
    """
    turns: list[ChatMessage] = []
    for message in branch:
        if not message.text:
            continue
        text = defused(message.text)
        if turns and turns[-1]["role"] == message.role:
            turns[-1]["content"] += "\n\n" + text
        else:
            turns.append({"role": message.role, "content": text})
    return turns


def defused(text: str) -> str:
    """``text`` in which no model finds the end of a turn; it reads the same to people."""
    found = set(TURN_MARKERS.findall(text))
    return neutralise(text, sorted(found)) if found else text


def person_of(user: "User", *, language: str) -> Person:
    """Who is asking, as the system prompt's variables name them."""
    held = roles_of(user)
    return Person(
        name=str(user),
        department=user.department.name if user.department else None,
        role=next((role.value for role in reversed(Role) if role in held), None),
        language=language,
        date=timezone.localdate().isoformat(),
    )
