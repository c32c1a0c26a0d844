"""Asking: a question and the row of its answer, before the first token exists."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from backend.assistants.selectors import assistant_named
from backend.chat import selectors, streams
from backend.chat.models import Conversation, Message
from backend.common.errors import Conflict, DomainError, Invalid, NotFound

if TYPE_CHECKING:
    from backend.accounts.models import User
    from backend.assistants.models import Assistant
    from backend.chat.events import MessageAccepted

LONGEST_TEXT: Final = 100_000  # characters; what a model can read of it is its own matter
TITLE_LENGTH: Final = 60

# Where a question goes when nobody says: after what the page shows.
AFTER_CURRENT: Final = "current"


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """What was made of a question: the ids by which everything else speaks of it."""

    client_id: str
    conversation_id: uuid.UUID
    message_id: uuid.UUID
    reply_id: uuid.UUID
    # False where it had come before.
    is_new: bool = True

    def event(self) -> "MessageAccepted":
        return {
            "type": "message.accepted",
            "client_id": self.client_id,
            "conversation_id": str(self.conversation_id),
            "message_id": str(self.message_id),
            "reply_id": str(self.reply_id),
        }


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One earlier message that another system brings along."""

    role: Literal["user", "assistant"]
    text: str


def message_send(
    *,
    user: "User",
    text: str,
    client_id: str = "",
    conversation_id: uuid.UUID | str | None = None,
    assistant: str | None = None,
    parent_id: uuid.UUID | str | None = AFTER_CURRENT,
    options: dict[str, Any] | None = None,  # Any: temperature, stop, …; JSON values
) -> Accepted:
    """Keep a question and queue its answer; the same ``client_id`` again changes nothing.

    Args:
        user: who asks.
        text: the question.
        client_id: chosen by the page; empty for none.
        conversation_id: one of the person's own; without it a new one is opened.
        assistant: slug or id of who answers in a new conversation.
        parent_id: the answer that the question follows, or the question that it stands beside;
            None for one more first question.
        options: what this request asks for beside the assistant's settings.

    Raises:
        Invalid: no text, or far too much.
        NotFound: the conversation, the assistant or the parent is not there for this person.
        Conflict: the answer before is still being written.
    """
    try:
        with transaction.atomic():
            if conversation_id is None:
                found_assistant = assistant_usable(user=user, reference=assistant)
                conversation = conversation_open(user=user, assistant=found_assistant)
            else:
                conversation = conversation_lock(user=user, conversation_id=conversation_id)
            return question_append(
                user=user,
                conversation=conversation,
                text=text,
                client_id=client_id,
                parent_id=parent_id,
                options=options,
            )
    except (IntegrityError, DomainError):
        # Looked for only now: a question that comes twice is refused by the constraint, or
        # because its own answer is under way.
        if found := accepted_before(user=user, client_id=client_id):
            return found
        raise


def conversation_open(
    *,
    user: "User",
    assistant: "Assistant",
    origin: Conversation.Origin = Conversation.Origin.PAGE,
    instructions: str = "",
    history: Sequence[Turn] = (),
) -> Conversation:
    """A new conversation, with the turns that another system brings along. In a transaction."""
    now = timezone.now()
    conversation = Conversation.objects.create(
        owner=user,
        assistant=assistant,
        origin=origin,
        instructions=instructions,
        active_at=now,
    )
    parent = None
    for place, turn in enumerate(history):
        parent = Message.objects.create(
            conversation=conversation,
            parent=parent,
            role=turn.role,
            text=checked_text(turn.text),
            state=Message.State.FINISHED,
            # Rows of one moment still have their order.
            created_at=now + timedelta(microseconds=place - len(history)),
        )
    conversation.current_message = parent
    return conversation


def conversation_lock(*, user: "User", conversation_id: uuid.UUID | str) -> Conversation:
    """The person's conversation, held until the transaction ends, with its assistant usable."""
    conversation = selectors.conversation_get(
        user=user, conversation_id=conversation_id, for_update=True
    )
    assistant_usable(user=user, reference=str(conversation.assistant_id))
    return conversation


def question_append(
    *,
    user: "User",
    conversation: Conversation,
    text: str,
    client_id: str = "",
    parent_id: uuid.UUID | str | None = AFTER_CURRENT,
    options: dict[str, Any] | None = None,
) -> Accepted:
    """The question and its queued answer in a conversation that this transaction holds."""
    text = checked_text(text)
    if parent_id == AFTER_CURRENT:
        parent_id = conversation.current_message_id
    parent = None
    if parent_id is not None:
        parent = conversation.messages.filter(pk=selectors.row_id(parent_id)).first()
        if parent is None:
            raise NotFound(_("There is no such message in this conversation."))
        if parent.role == Message.Role.USER:
            # A question follows an answer; naming a question asks it in other words, beside it.
            parent = parent.parent
        elif parent.is_under_way:
            raise Conflict(
                _("The answer before is still being written. Stop it, or wait for its end."),
                code="reply_under_way",
            )
    now = timezone.now()
    question = Message(
        conversation=conversation,
        parent=parent,
        role=Message.Role.USER,
        text=text,
        state=Message.State.FINISHED,
        sender=user,
        client_id=client_id,
        created_at=now,
    )
    reply = reply_to(question, options=options or {}, created_at=now + timedelta(microseconds=1))
    Message.objects.bulk_create([question, reply])
    reply_show(conversation=conversation, question=question, reply=reply)
    return Accepted(
        client_id=client_id,
        conversation_id=conversation.pk,
        message_id=question.pk,
        reply_id=reply.pk,
    )


def reply_to(question: Message, *, options: dict[str, Any], **fields: Any) -> Message:
    """A queued answer to ``question``, not saved yet; ``fields`` are further columns."""
    return Message(
        conversation=question.conversation,
        parent=question,
        role=Message.Role.ASSISTANT,
        state=Message.State.QUEUED,
        options=options,
        queued_at=timezone.now(),
        **fields,
    )


def reply_show(*, conversation: Conversation, question: Message, reply: Message) -> None:
    """Let the page show the saved answer from now on, and offer it after the commit."""
    now = timezone.now()
    Conversation.objects.filter(pk=conversation.pk).update(
        current_message=reply,
        active_at=now,
        title=conversation.title or title_of(question.text),
        updated_at=now,
    )
    transaction.on_commit(lambda: streams.queue_add(reply.pk))


def accepted_before(*, user: "User", client_id: str) -> Accepted | None:
    """What was made of this ``client_id`` when it came first."""
    if not client_id:
        return None
    found = Message.objects.filter(sender=user, client_id=client_id).first()
    if found is None:
        return None
    if found.role == Message.Role.ASSISTANT:  # a regeneration
        question_id, reply_id = found.parent_id, found.pk
    else:
        question_id, reply_id = found.pk, selectors.reply_for(message=found).pk
    if question_id is None:
        raise ValueError(f"the answer {found.pk} has no question")
    return Accepted(
        client_id=client_id,
        conversation_id=found.conversation_id,
        message_id=question_id,
        reply_id=reply_id,
        is_new=False,
    )


def assistant_usable(*, user: "User", reference: str | None) -> "Assistant":
    """The assistant that ``reference`` (slug or id) names, if this person may ask it now."""
    if not reference:
        raise Invalid(_("Say which assistant is to answer."), code="assistant_missing")
    assistant = assistant_named(user=user, reference=reference)
    if not assistant.is_active:
        raise NotFound(_("There is no such assistant, or it is not for you."))
    return assistant


def checked_text(text: str) -> str:
    """``text`` without the blanks around it.

    Raises:
        Invalid: nothing remains, it is far too long, or it cannot be stored.
    """
    text = text.strip()
    if not text:
        raise Invalid(_("Write a question first."), code="text_missing")
    if len(text) > LONGEST_TEXT:
        raise Invalid(
            _("This text is too long: at most %(limit)s characters.") % {"limit": LONGEST_TEXT},
            code="text_too_long",
            limit=LONGEST_TEXT,
        )
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise Invalid(_("This text holds characters that are none."), code="text_unreadable")
    return text


def title_of(text: str) -> str:
    """The first question on one line, cut to a title's length."""
    line = " ".join(text.split())
    return line if len(line) <= TITLE_LENGTH else line[: TITLE_LENGTH - 1].rstrip() + "…"
