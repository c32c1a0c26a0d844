"""Questions of other systems: the same rows and the same queue as those of the page."""

import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils.translation import gettext as _

from backend.chat.models import Conversation
from backend.chat.services.questions import (
    Accepted,
    Turn,
    assistant_usable,
    conversation_lock,
    conversation_open,
    question_append,
)
from backend.common.errors import Invalid

if TYPE_CHECKING:
    from backend.accounts.models import User


@transaction.atomic
def question_send(
    *,
    user: "User",
    assistant: str,
    turns: Sequence[Turn],
    instructions: str = "",
    options: dict[str, Any] | None = None,  # Any: temperature, stop, …; JSON values
) -> Accepted:
    """Open a conversation with the turns given and queue the answer to the last of them.

    Args:
        user: for whom it is asked; the conversation is theirs.
        assistant: slug of who answers.
        turns: oldest first; the last one is the question.
        instructions: follow the assistant's own system prompt.
        options: what this request asks for beside the assistant's settings.

    Raises:
        NotFound: the assistant is not there for this person.
        Invalid: the last turn is no question.
    """
    if not turns or turns[-1].role != "user":
        raise Invalid(_("The last message has to be the user's."), code="question_missing")
    answering = assistant_usable(user=user, reference=assistant)
    conversation = conversation_open(
        user=user,
        assistant=answering,
        origin=Conversation.Origin.API,
        instructions=instructions,
        history=turns[:-1],
    )
    return question_append(
        user=user, conversation=conversation, text=turns[-1].text, options=options
    )


@transaction.atomic
def question_follow_up(
    *,
    user: "User",
    assistant: str,
    conversation_id: uuid.UUID | str,
    text: str,
    options: dict[str, Any] | None = None,
) -> Accepted:
    """Ask on in one of the person's conversations, whose history is ours.

    Raises:
        NotFound: the conversation is not theirs, or its assistant is no longer for them.
        Invalid: the conversation is with another assistant.
        Conflict: the answer before is still being written.
    """
    conversation = conversation_lock(user=user, conversation_id=conversation_id)
    if conversation.assistant.slug != assistant:
        raise Invalid(
            _("This conversation is with another assistant: %(slug)s.")
            % {"slug": conversation.assistant.slug},
            code="other_assistant",
            param="model",
        )
    return question_append(user=user, conversation=conversation, text=text, options=options)
