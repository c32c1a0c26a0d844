"""The records that wait for review, one after the other."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.db.models import CharField, Count, F, Func, Q

from backend.accounts.roles import require_other_eyes
from backend.common.errors import NotAllowed
from backend.curation.authorship import worded_by
from backend.curation.content import content_from, content_of
from backend.curation.differences import FieldDifference, content_differences
from backend.curation.models import Record, Revision
from backend.curation.selectors import record_list

if TYPE_CHECKING:
    import uuid

    from django.db.models import QuerySet

    from backend.accounts.models import User

OFFERED: Final = 100  # authors and tags to choose from


@dataclass(frozen=True)
class QueueFilter:
    """Which of the waiting records somebody goes through; empty means all."""

    language: str = ""
    tag: str = ""
    author: "uuid.UUID | None" = None


@dataclass(frozen=True)
class Place:
    """Where a record stands in the queue, counted from one, and its neighbours."""

    number: int
    total: int
    before: "uuid.UUID | None"
    after: "uuid.UUID | None"


def waiting(*, user: "User", chosen: QueueFilter | None = None) -> "QuerySet[Record]":
    """What waits for review, the longest-waiting first.

    Raises:
        NotAllowed: the person may not read records.
    """
    records = record_list(user=user).filter(status=Record.Status.IN_REVIEW)
    chosen = chosen or QueueFilter()
    if chosen.language:
        records = records.filter(language=chosen.language)
    if chosen.tag:
        records = records.filter(tags__contains=[chosen.tag])
    if chosen.author:
        records = records.filter(author_id=chosen.author)
    return records.order_by("created_at", "pk")


def for_review(*, user: "User", chosen: QueueFilter | None = None) -> "QuerySet[Record]":
    """What waits for this person: under ``FOUR_EYES`` without what they began themselves.

    Raises:
        NotAllowed: the person may not read records.
    """
    records = waiting(user=user, chosen=chosen)
    return records.exclude(author=user) if settings.FOUR_EYES else records


def place_of(queue: "QuerySet[Record]", record: Record) -> Place:
    """Where ``record`` stands in the queue, or would stand if it were in it."""
    at, pk = record.created_at, record.pk
    earlier = queue.filter(Q(created_at__lt=at) | Q(created_at=at, pk__lt=pk))
    later = queue.filter(Q(created_at__gt=at) | Q(created_at=at, pk__gt=pk))
    return Place(
        number=earlier.count() + 1,
        total=queue.count(),
        before=earlier.reverse().values_list("pk", flat=True).first(),
        after=later.values_list("pk", flat=True).first(),
    )


def is_own(user: "User", record: Record) -> bool:
    """Whether somebody else has to decide: the person began it, or its present words are theirs."""
    try:
        require_other_eyes(user, record.author_id)
        require_other_eyes(user, worded_by([record.pk]).get(record.pk))
    except NotAllowed:
        return True
    return False


def changed_since_approval(record: Record) -> list[FieldDifference]:
    """What differs from the form that was last approved; nothing where none was."""
    if record.approved_revision in {None, record.revision}:
        return []
    approved = Revision.objects.filter(record=record, number=record.approved_revision).first()
    if approved is None:
        return []
    return content_differences(content_from(approved.content), content_of(record))


def waiting_authors(*, user: "User") -> "list[tuple[uuid.UUID, str]]":
    """Who has written what waits: id and name.

    Raises:
        NotAllowed: the person may not read records.
    """
    found = waiting(user=user).filter(author__isnull=False).order_by("author__username")
    names = found.values_list("author_id", "author__display_name", "author__username").distinct()
    return [(pk, display or name) for pk, display, name in names[:OFFERED] if pk]


def waiting_tags(*, user: "User") -> list[str]:
    """The tags of what waits, most frequent first.

    Raises:
        NotAllowed: the person may not read records.
    """
    tag = Func(F("tags"), function="unnest", output_field=CharField())
    tags = waiting(user=user).order_by().annotate(tag=tag).values("tag")
    counted = tags.annotate(number=Count("pk")).order_by("-number", "tag")
    return list(counted.values_list("tag", flat=True)[:OFFERED])
