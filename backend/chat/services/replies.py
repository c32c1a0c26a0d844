"""What people do with an answer: stop it, have another one, or let it go on."""

import uuid
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from backend.chat import replay, selectors, streams
from backend.chat.models import Message
from backend.chat.services.questions import (
    Accepted,
    accepted_before,
    conversation_lock,
    reply_show,
    reply_to,
)
from backend.common.errors import Conflict

if TYPE_CHECKING:
    from backend.accounts.models import User


def reply_stop(*, user: "User", message_id: uuid.UUID | str) -> None:
    """End an answer where it is; one that has ended stays as it ended.

    Raises:
        NotFound: it is not one of the person's own answers.
    """
    reply = selectors.reply_get(user=user, message_id=message_id)
    # It may move between the queue and a replier meanwhile, so each is tried again once.
    for _attempt in range(2):
        if reply_stop_queued(reply=reply):
            return
        streaming = Message.objects.filter(pk=reply.pk, state=Message.State.STREAMING)
        if streaming.update(stop_requested=True):
            streams.stop_publish(reply.pk)
            return
        reply.refresh_from_db(fields=["state", "seq", "event_lengths"])


def reply_stop_queued(*, reply: Message) -> bool:
    """Stop an answer that nobody has taken yet; False when somebody has."""
    seq = reply.seq + 1
    stopped = Message.objects.filter(seq=reply.seq).transition(
        reply.pk,
        Message.State.QUEUED,
        Message.State.STOPPED,
        seq=seq,
        event_lengths=[*reply.event_lengths, 0],
    )
    if stopped:
        reply.state, reply.seq = Message.State.STOPPED, seq
        event = replay.final_event(reply)
        transaction.on_commit(lambda: streams.final_publish(event))
    return stopped


def reply_regenerate(*, user: "User", message_id: uuid.UUID | str, client_id: str = "") -> Accepted:
    """Another answer to the same question, beside the first one.

    Raises:
        NotFound: it is not one of the person's own answers.
        Conflict: it is still being written.
    """
    if found := accepted_before(user=user, client_id=client_id):
        return found
    reply = selectors.reply_get(user=user, message_id=message_id)
    try:
        with transaction.atomic():
            conversation = conversation_lock(user=user, conversation_id=reply.conversation_id)
            reply = selectors.reply_get(user=user, message_id=message_id)
            question = reply.parent
            if reply.is_under_way:
                raise _still_being_written()
            if question is None:
                raise Conflict(_("This answer has no question of its own."), code="no_question")
            fresh = reply_to(question, options=reply.options, sender=user, client_id=client_id)
            fresh.save(force_insert=True)
            reply_show(conversation=conversation, question=question, reply=fresh)
    except IntegrityError:
        if found := accepted_before(user=user, client_id=client_id):
            return found
        raise
    return Accepted(
        client_id=client_id,
        conversation_id=conversation.pk,
        message_id=question.pk,
        reply_id=fresh.pk,
    )


@transaction.atomic
def reply_continue(*, user: "User", message_id: uuid.UUID | str) -> None:
    """Queue a stopped or interrupted answer again; it goes on after the text that it has.

    Raises:
        NotFound: it is not one of the person's own answers.
        Conflict: it has come to its end, or is still being written.
    """
    reply = selectors.reply_get(user=user, message_id=message_id)
    conversation_lock(user=user, conversation_id=reply.conversation_id)
    if reply.is_under_way:
        raise _still_being_written()
    queued = reply.state in {Message.State.STOPPED, Message.State.INTERRUPTED} and (
        Message.objects.transition(
            reply.pk,
            reply.state,
            Message.State.QUEUED,
            queued_at=timezone.now(),
            stop_requested=False,
            attempts=0,
            error=None,
        )
    )
    if not queued:
        raise Conflict(_("Only a stopped or interrupted answer can go on."), code="cannot_continue")
    transaction.on_commit(lambda: streams.queue_add(reply.pk))


def _still_being_written() -> Conflict:
    return Conflict(
        _("The answer is still being written. Stop it, or wait for its end."),
        code="reply_under_way",
    )
