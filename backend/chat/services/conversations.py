"""Renaming, showing another branch, deleting."""

import uuid
from functools import partial
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.translation import gettext as _

from backend.chat import streams
from backend.chat.models import Message
from backend.common.errors import Invalid, NotFound

if TYPE_CHECKING:
    from backend.chat.models import Conversation


def conversation_rename(*, conversation: "Conversation", title: str) -> None:
    """Give the conversation another title.

    Raises:
        Invalid: an empty one.
    """
    title = " ".join(title.split())
    if not title:
        raise Invalid(_("Give the conversation a title."), code="title_missing")
    conversation.title = title
    conversation.full_clean(validate_unique=False, validate_constraints=False)
    conversation.save(update_fields=["title", "updated_at"])


def conversation_show(*, conversation: "Conversation", message_id: uuid.UUID) -> None:
    """Make the branch that ends in this message the one that the page shows.

    Raises:
        NotFound: the message is not in this conversation.
    """
    message = conversation.messages.filter(pk=message_id).first()
    if message is None:
        raise NotFound(_("There is no such message in this conversation."))
    conversation.current_message = message
    conversation.save(update_fields=["current_message", "updated_at"])


@transaction.atomic
def conversation_delete(*, conversation: "Conversation") -> None:
    """Delete it with all its messages; answers being written end."""
    under_way = [
        message.pk
        for message in conversation.messages.filter(
            state__in=(Message.State.QUEUED, Message.State.STREAMING)
        )
    ]
    conversation.delete()
    for reply_id in under_way:
        transaction.on_commit(partial(streams.stop_publish, reply_id))
