"""A person's word on an answer, with as much of the conversation as they send along."""

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext as _

from backend.chat.models import Message
from backend.chat.selectors import branch, reply_get
from backend.common.errors import Conflict
from backend.curation.inbox_selectors import feedback_by_message
from backend.curation.services import feedback_report, feedback_take_back
from backend.curation.services.inbox import Reported

if TYPE_CHECKING:
    import uuid

    from backend.accounts.models import User
    from backend.chat.selectors import Said
    from backend.curation.models import FeedbackItem

MAX_TURNS: Final = 20  # the last ones before the question


def reply_rate(
    *,
    user: "User",
    message_id: "uuid.UUID | str",
    rating: str,
    comment: str | None = None,
    correction: str | None = None,
    with_history: bool | None = None,
) -> "tuple[FeedbackItem, bool]":
    """Put a word on an answer into the curators' inbox; what is None stays as it was said before.

    Args:
        user: the owner of the conversation.
        message_id: an answer that has ended.
        rating: ``up`` or ``down``.
        comment: why.
        correction: what would have been right.
        with_history: whether curators see the turns before the question too.

    Returns:
        The item, and whether it is new.

    Raises:
        NotFound: it is not one of the person's own answers.
        Conflict: it is still being written.
        Invalid: a text is too long.
    """
    reply = reply_get(user=user, message_id=message_id)
    if reply.is_under_way:
        raise Conflict(
            _("The answer is still being written. Rate it when it is complete."),
            code="reply_under_way",
        )
    before = feedback_by_message(user=user, message_ids=[reply.pk]).get(reply.pk)
    if before is not None:
        comment = before.comment if comment is None else comment
        correction = before.correction if correction is None else correction
        with_history = bool(before.history) if with_history is None else with_history
    return feedback_report(
        reporter=user,
        message_id=reply.pk,
        reported=_reported(reply, with_history=bool(with_history)),
        rating=rating,
        comment=comment or "",
        correction=correction or "",
    )


def reply_unrate(*, user: "User", message_id: "uuid.UUID | str") -> None:
    """Take one's word on an answer back.

    Raises:
        NotFound: it is not one of the person's own answers.
        Conflict: a curator has acted on it already.
    """
    reply = reply_get(user=user, message_id=message_id)
    feedback_take_back(reporter=user, message_id=reply.pk)


def _reported(reply: Message, *, with_history: bool) -> Reported:
    said = branch(leaf_id=reply.parent_id)
    return Reported(
        question=said[-1].text if said else "",
        answer=reply.text,
        assistant=reply.conversation.assistant,
        adapter_name="" if reply.adapter is None else reply.adapter.name,
        sources=reply.sources,
        history=_turns(said[:-1]) if with_history else [],
    )


def _turns(said: "list[Said]") -> list[list[str]]:
    """The pairs of question and answer; a question that got no answer is none."""
    turns = [
        [first.text, second.text]
        for first, second in pairwise(said)
        if first.role == Message.Role.USER and second.role == Message.Role.ASSISTANT and second.text
    ]
    return turns[-MAX_TURNS:]
