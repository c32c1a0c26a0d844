"""Reads of conversations and messages: private to their owner, whoever else asks."""

import uuid
from typing import TYPE_CHECKING, NamedTuple

from django.db import connection
from django.db.models import Q
from django.utils.translation import gettext as _

from backend.chat.models import Conversation, Message
from backend.common.errors import NotFound

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from backend.accounts.models import User

# The way from a message up to the first question, as ids with their distance.
_BRANCH = """
WITH RECURSIVE branch (id, parent_id, distance) AS (
    SELECT id, parent_id, 0 FROM chat_message WHERE id = %s
    UNION ALL
    SELECT above.id, above.parent_id, branch.distance + 1
    FROM chat_message above JOIN branch ON above.id = branch.parent_id
)
SELECT m.id, m.role, m.text FROM chat_message m JOIN branch ON branch.id = m.id
ORDER BY branch.distance DESC
"""


def as_uuid(text: object) -> uuid.UUID | None:
    """The UUID that ``text`` spells, or None: what is none names no row."""
    if isinstance(text, uuid.UUID):
        return text
    try:
        return uuid.UUID(str(text))
    except ValueError:
        return None


def row_id(text: object) -> uuid.UUID:
    """The UUID that ``text`` spells; for other texts one that no row has."""
    return as_uuid(text) or uuid.UUID(int=0)


def conversation_list(*, user: "User", search: str = "") -> "QuerySet[Conversation]":
    """The person's own conversations; ``search`` looks into the titles."""
    own = Conversation.objects.filter(owner=user)
    return own.filter(title__icontains=search) if search else own


def conversation_get(
    *, user: "User", conversation_id: uuid.UUID | str, for_update: bool = False
) -> Conversation:
    """One of the person's own conversations, with its assistant.

    With ``for_update`` nobody else changes it until the transaction ends.

    Raises:
        NotFound: there is none, or it is somebody else's.
    """
    own = conversation_list(user=user).select_related("assistant")
    if for_update:
        own = own.select_for_update(of=("self",))
    found = own.filter(pk=row_id(conversation_id)).first()
    if found is None:
        raise NotFound(_("There is no such conversation."))
    return found


def message_list(*, conversation: Conversation) -> "QuerySet[Message]":
    """Every message of the tree, oldest first; ``conversation`` comes from ``conversation_get``."""
    return conversation.messages.select_related("adapter").order_by("created_at", "id")


def message_get(*, user: "User", message_id: uuid.UUID | str) -> Message:
    """One message of the person's own conversations.

    Raises:
        NotFound: there is none, or it is in somebody else's conversation.
    """
    found = (
        Message.objects.select_related("adapter", "conversation")
        .filter(conversation__owner=user, pk=row_id(message_id))
        .first()
    )
    if found is None:
        raise NotFound(_("There is no such message."))
    return found


def reply_get(*, user: "User", message_id: uuid.UUID | str) -> Message:
    """An assistant's message of the person's own conversations.

    Raises:
        NotFound: there is none, it is a question, or it is somebody else's.
    """
    found = message_get(user=user, message_id=message_id)
    if found.role != Message.Role.ASSISTANT:
        raise NotFound(_("There is no such answer."))
    return found


class Said(NamedTuple):
    """One message of a branch, as far as a prompt needs it."""

    id: uuid.UUID
    role: str
    text: str


def branch(*, leaf_id: uuid.UUID | None) -> list[Said]:
    """From the first question down to the message ``leaf_id``, in one query."""
    with connection.cursor() as cursor:
        cursor.execute(_BRANCH, [leaf_id])
        return [Said(*row) for row in cursor.fetchall()]


def reply_for(*, message: Message) -> Message:
    """The first answer to a question: what ``message.accepted`` names again for a repeat."""
    return message.children.filter(role=Message.Role.ASSISTANT).earliest("created_at", "id")


def under_way(*, conversation: Conversation) -> bool:
    """Whether an answer in this conversation is waiting or being written."""
    return conversation.messages.filter(Q(state="queued") | Q(state="streaming")).exists()
