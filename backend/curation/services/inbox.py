"""The feedback inbox: people report an answer; a curator makes a draft of it, or says why not."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from backend.accounts.roles import Action, require
from backend.common.audit import audit_write
from backend.common.errors import Conflict, Invalid
from backend.common.words import search_vector
from backend.curation.content import NAMES, content_check
from backend.curation.models import FeedbackItem, Record
from backend.curation.models.inbox import MAX_COMMENT, MAX_CORRECTION, MAX_NOTE
from backend.curation.services.records import records_insert

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping

    from backend.accounts.models import User
    from backend.assistants.models import Assistant

State = FeedbackItem.State
MAX_DETAIL: Final = 300  # ``Record.source_detail``


@dataclass(frozen=True, kw_only=True)
class Reported:
    """What was said: copied out of the reporter's own conversation, by whoever may read it."""

    question: str
    answer: str
    assistant: "Assistant | None" = None
    adapter_name: str = ""
    sources: list[Any] = field(default_factory=list)  # Any: the shape is retrieval's
    history: list[list[str]] = field(default_factory=list)  # empty unless the person sends it


@transaction.atomic
def feedback_report(
    *,
    reporter: "User",
    message_id: "uuid.UUID",
    reported: Reported,
    rating: str,
    comment: str = "",
    correction: str = "",
) -> tuple[FeedbackItem, bool]:
    """A person's word on an answer; a second one on the same answer takes the place of the first.

    What was drafted or handled comes back to the inbox when the person says something else.

    Args:
        reporter: whose conversation it is.
        message_id: the answer.
        reported: what it said, and to what question.
        rating: one of ``FeedbackItem.Rating``.
        comment: up to 2,000 characters.
        correction: what would have been right, as long as a record's answer.

    Returns:
        The item, and whether it is new.

    Raises:
        NotAllowed: nobody is signed in.
        Invalid: with the field that is wrong.
    """
    require(reporter, Action.CHAT)
    if rating not in FeedbackItem.Rating.values:
        problem = _("Rate it “up” or “down”.")
        raise Invalid(problem, code="unknown_rating", rating=[problem])
    said: dict[str, Any] = {  # Any: columns
        "question": reported.question,
        "answer": reported.answer,
        "assistant": reported.assistant,
        "assistant_name": reported.assistant.name if reported.assistant else "",
        "adapter_name": reported.adapter_name[:200],
        "sources": reported.sources,
        "history": reported.history,
        "rating": rating,
        "comment": _text("comment", comment, MAX_COMMENT),
        "correction": _text("correction", correction, MAX_CORRECTION),
    }
    said["search"] = search_vector(said[name] for name in SEARCHED)
    # The row is locked: a curator acts on it before this or after it.
    item, is_new = FeedbackItem.objects.select_for_update().get_or_create(
        reporter=reporter, message_id=message_id, defaults=said
    )
    if is_new or all(getattr(item, name) == said[name] for name in COMPARED):
        return item, is_new
    for name, value in said.items():
        setattr(item, name, value)
    item.revision += 1
    item.state = State.OPEN
    item.save()
    return item, False


SEARCHED: Final = ("question", "answer", "comment", "correction")
COMPARED: Final = ("rating", "comment", "correction", "answer", "history")


@transaction.atomic
def feedback_take_back(*, reporter: "User", message_id: "uuid.UUID") -> None:
    """Remove the person's word on an answer; where there is none, nothing happens.

    Raises:
        Conflict: a curator has acted on it already.
    """
    item = (
        FeedbackItem.objects.select_for_update()
        .filter(reporter=reporter, message_id=message_id)
        .first()
    )
    if item is None:
        return
    if item.state != State.OPEN or item.handled_at is not None:
        raise Conflict(
            _("A curator has acted on this feedback already, so it stays."),
            code="feedback_handled",
            state=item.state,
        )
    item.delete()


@transaction.atomic
def inbox_item_draft(
    *,
    actor: "User",
    item: FeedbackItem,
    content: "Mapping[str, object] | None" = None,
    revision: int | None = None,
) -> Record:
    """A draft record of what was reported, with the suggested answer where there is one.

    Args:
        actor: becomes the author.
        item: an open one.
        content: record fields that shall say something else.
        revision: the form of the item that the actor saw.

    Raises:
        NotAllowed: the person may not write records.
        Invalid: what was reported makes no record as it stands, with the first wrong field.
        Conflict: somebody else was faster, or the reporter changed it meanwhile.
    """
    require(actor, Action.RECORDS_WRITE)
    _decide(actor, item, State.DRAFTED, revision, note="")
    given = {name: value for name, value in (content or {}).items() if name in NAMES}
    record = records_insert(
        contents=[content_check(draft_content(item) | given)],
        author=actor,
        source=Record.Source.FEEDBACK,
        source_detail=f"{item.assistant_name} {item.pk}".strip()[:MAX_DETAIL],
    )[0]
    FeedbackItem.objects.filter(pk=item.pk).update(record=record)
    audit_write(actor=actor, action="feedback.draft", entity=item, record=str(record.pk))
    item.refresh_from_db()
    return record


def draft_content(item: FeedbackItem) -> dict[str, object]:
    """The record that an item makes; its language is found out from the question."""
    return {
        "instruction": item.question,
        "output": item.correction or item.answer,
        "history": item.history,
    }


@transaction.atomic
def inbox_item_handle(
    *, actor: "User", item: FeedbackItem, note: str = "", revision: int | None = None
) -> FeedbackItem:
    """Close an item without a record.

    Args:
        actor: who decides.
        item: an open one.
        note: what became of it, in words to the reporter; up to 500 characters.
        revision: the form of the item that the actor saw.

    Raises:
        NotAllowed: the person may not write records.
        Invalid: the note is too long.
        Conflict: somebody else was faster, or the reporter changed it meanwhile.
    """
    require(actor, Action.RECORDS_WRITE)
    note = _text("note", note, MAX_NOTE)
    _decide(actor, item, State.HANDLED, revision, note=note)
    audit_write(actor=actor, action="feedback.handle", entity=item, note=note)
    return item


@transaction.atomic
def inbox_item_reopen(*, actor: "User", item: FeedbackItem) -> FeedbackItem:
    """Put an item back into the inbox; a record that was made of it stays what it is.

    Raises:
        NotAllowed: the person may not write records.
        Conflict: it is open.
    """
    require(actor, Action.RECORDS_WRITE)
    before = item.state
    if before == State.OPEN or not FeedbackItem.objects.transition(item.pk, before, State.OPEN):
        raise Conflict(_("This item is open already."), code="already_open", state=State.OPEN.value)
    audit_write(actor=actor, action="feedback.reopen", entity=item, **{"from": before})
    item.refresh_from_db()
    return item


def _decide(
    actor: "User", item: FeedbackItem, to: State, revision: int | None, **changes: object
) -> None:
    """Take an open item out of the inbox; of two who try, one is told who was faster."""
    seen = FeedbackItem.objects.filter(revision=item.revision if revision is None else revision)
    changed = seen.transition(
        item.pk, State.OPEN, to, handled_by_id=actor.pk, handled_at=timezone.now(), **changes
    )
    # Also what the reporter wrote up to now: a draft is made of that.
    item.refresh_from_db()
    if changed:
        return
    if item.state == State.OPEN:
        raise Conflict(
            _("The person who reported this has changed it meanwhile. Look at it again."),
            code="edited_meanwhile",
            revision=item.revision,
        )
    raise Conflict(
        _("%(who)s was faster: this item is “%(state)s”.")
        % {"who": item.handled_by or _("Somebody"), "state": item.get_state_display()},
        code="already_handled",
        state=item.state,
        by=str(item.handled_by or ""),
    )


def _text(name: str, value: str, limit: int) -> str:
    value = value.strip().replace("\r\n", "\n").replace("\r", "\n")
    problem = ""
    if len(value) > limit:
        problem = _("“%(field)s” is longer than %(limit)s characters.")
    elif "\0" in value:
        problem = _("“%(field)s” holds a NUL character.")
    elif any("\ud800" <= character <= "\udfff" for character in value):
        problem = _("“%(field)s” holds half of a character (a lone surrogate).")
    if problem:
        sentence = problem % {"field": name, "limit": limit}
        details: dict[str, Any] = {name: [sentence]}  # Any: as DomainError takes them
        raise Invalid(sentence, **details)
    return value
