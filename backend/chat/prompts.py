"""What the model is shown: the system message, then the branch of the conversation."""

import re
from typing import TYPE_CHECKING, Final

from django.utils import timezone, translation

from backend.accounts.roles import ROLE_NAMES, Role, roles_of
from ml.messages import VARIABLE, Person, neutralise, system_message

if TYPE_CHECKING:
    from collections.abc import Iterable

    from backend.accounts.models import User
    from backend.chat.models import Conversation
    from backend.chat.selectors import Said


# One message in OpenAI's shape: role and content.
ChatMessage = dict[str, str]

LANGUAGE_NAMES: Final = {"zh-hans": "中文", "en": "English"}

# What the tokenizers of common models read as the end or the beginning of a turn. Our own model
# server knows its model's and breaks them itself; another one may read them in anybody's text.
TURN_MARKERS: Final = re.compile(
    r"<\|[^\s<>|]{1,40}\|>|<｜[^\s<>｜]{1,40}｜>|</?s>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>"
)


def prompt_messages(
    *, conversation: "Conversation", branch: "Iterable[Said]", language: str
) -> list[ChatMessage]:
    """The assistant's system message for its owner, and the turns, oldest first.

    Args:
        conversation: with its assistant, its owner and the owner's department.
        branch: from the first question to the last one; a begun answer may follow it.
        language: of the owner, as the prompt names it.
    """
    written = conversation.assistant.system_prompt
    person = person_of(conversation.owner, language=language, wanted=set(VARIABLE.findall(written)))
    system = system_message(written, person)
    if conversation.instructions:
        system = "\n".join(part for part in (system, defused(conversation.instructions)) if part)
    messages = [{"role": "system", "content": system}] if system else []
    return [*messages, *turns_of(branch)]


def turns_of(branch: "Iterable[Said]") -> list[ChatMessage]:
    """Questions and answers in turn.

    An answer without a word is left out, and what one side then said twice in a row becomes one
    turn, for templates that insist on taking turns.
    """
    turns: list[ChatMessage] = []
    for said in branch:
        if not said.text:
            continue
        text = defused(said.text)
        if turns and turns[-1]["role"] == said.role:
            turns[-1]["content"] += "\n\n" + text
        else:
            turns.append({"role": said.role, "content": text})
    return turns


def defused(text: str) -> str:
    """``text`` in which no model finds the end of a turn; it reads the same to people."""
    found = set(TURN_MARKERS.findall(text))
    return neutralise(text, sorted(found)) if found else text


def person_of(user: "User", *, language: str, wanted: set[str]) -> Person:
    """Who is asking, as far as the system prompt's variables want to know.

    In the words that training's invented people use (``ml.encoding``): "员工", "中文".
    """
    held = roles_of(user) if "role" in wanted else frozenset()
    role = next((role for role in reversed(Role) if role in held), None)
    with translation.override(language):
        role_name = str(ROLE_NAMES[role]) if role else None
    return Person(
        name=str(user),
        department=user.department.name if user.department else None,
        role=role_name,
        language=LANGUAGE_NAMES.get(language, language),
        date=timezone.localdate().isoformat(),
    )
