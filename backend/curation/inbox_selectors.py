"""Reads of the feedback inbox: curators see it all, everybody what they reported themselves."""

from typing import TYPE_CHECKING

from django.db.models import Count
from django.utils.translation import gettext as _

from backend.accounts.roles import Action, may, require
from backend.common.errors import NotFound
from backend.common.words import search_query
from backend.curation.models import FeedbackItem

if TYPE_CHECKING:
    import uuid
    from collections.abc import Collection

    from django.db.models import QuerySet

    from backend.accounts.models import User

State = FeedbackItem.State


def inbox_list(*, user: "User") -> "QuerySet[FeedbackItem]":
    """Everything that was reported, newest first.

    Raises:
        NotAllowed: the person does not work the inbox.
    """
    require(user, Action.RECORDS_WRITE)
    return _with_people(FeedbackItem.objects.all())


def inbox_get(*, user: "User", item_id: "uuid.UUID") -> FeedbackItem:
    """One item of the inbox.

    Raises:
        NotAllowed: the person does not work the inbox.
        NotFound: there is none.
    """
    item = inbox_list(user=user).filter(pk=item_id).first()
    if item is None:
        raise NotFound(_("There is no such feedback."))
    return item


def inbox_search(items: "QuerySet[FeedbackItem]", text: str) -> "QuerySet[FeedbackItem]":
    """Those that hold every word of ``text`` in question, answer, comment or correction."""
    if not text.strip():
        return items
    query = search_query(text)
    return items.filter(search__matches=query) if query else items.none()


def inbox_next(*, user: "User", item: FeedbackItem) -> FeedbackItem | None:
    """The next open item in the list's order, from its top again after its end.

    Raises:
        NotAllowed: the person does not work the inbox.
    """
    others = inbox_list(user=user).filter(state=State.OPEN).exclude(pk=item.pk)
    return others.filter(created_at__lte=item.created_at).first() or others.first()


def inbox_counts(*, user: "User") -> dict[str, int]:
    """How many items are in each state.

    Raises:
        NotAllowed: the person does not work the inbox.
    """
    require(user, Action.RECORDS_WRITE)
    counted = FeedbackItem.objects.order_by().values_list("state").annotate(number=Count("pk"))
    return dict.fromkeys(State.values, 0) | dict(counted)


def inbox_open_count(*, user: "User", limit: int | None = None) -> int:
    """How many items wait, up to ``limit``; 0 for who does not work the inbox."""
    if not may(user, Action.RECORDS_WRITE):
        return 0
    return FeedbackItem.objects.order_by().filter(state=State.OPEN)[:limit].count()


def feedback_mine(*, user: "User") -> "QuerySet[FeedbackItem]":
    """What the person reported, newest first, with the record that it became."""
    return _with_people(FeedbackItem.objects.filter(reporter=user))


def feedback_by_message(
    *, user: "User", message_ids: "Collection[uuid.UUID]"
) -> "dict[uuid.UUID, FeedbackItem]":
    """The person's own word on each of these answers, in one query."""
    if not message_ids:
        return {}
    found = feedback_mine(user=user).filter(message_id__in=message_ids)
    return {item.message_id: item for item in found}


def _with_people(items: "QuerySet[FeedbackItem]") -> "QuerySet[FeedbackItem]":
    related = items.select_related("reporter", "assistant", "handled_by", "record")
    # What is only searched in can be large.
    return related.defer("search", "record__search", "record__near_keys", "record__wording_keys")
