"""One step for many records, a thousand at a time, in a handful of statements."""

import json
from collections import defaultdict
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Final

from django.db import connection, transaction
from django.db.models import F, Min, QuerySet, TextChoices
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backend.accounts.roles import Action, require
from backend.common.audit import audit_write_all
from backend.common.copying import copy_insert
from backend.common.errors import Invalid, NotAllowed
from backend.common.models import Job
from backend.common.words import search_vector
from backend.curation.authorship import worded_by
from backend.curation.content import content_check, content_of, searched
from backend.curation.models import Record, Revision
from backend.curation.services.bulk_result import BulkResult, Refusal
from backend.curation.services.review import reason_check, require_not_own
from backend.curation.tasks import sweep_ask
from ml.formats.rows import MAX_ENTRIES

if TYPE_CHECKING:
    import datetime
    import uuid
    from collections.abc import Collection, Mapping, Sequence

    from backend.accounts.models import User
    from backend.common.jobs import Progress
    from ml.formats import RecordFields

Status = Record.Status
CHUNK: Final = 1000
KIND: Final = "records.bulk"  # of the jobs that take a step
# All that an edit of tags or golden changes; the words and their keys stay.
SORT: Final = """
    UPDATE curation_record AS record
    SET tags = ARRAY(SELECT jsonb_array_elements_text(sorted.tags)), golden = sorted.golden,
        search = sorted.search::tsvector, revision = record.revision + 1, updated_at = %s
    FROM unnest(%s::uuid[], %s::jsonb[], %s::boolean[], %s::text[])
        AS sorted(id, tags, golden, search)
    WHERE record.id = sorted.id
"""


class BulkAction(TextChoices):
    APPROVE = "approve", gettext_lazy("Approve")
    REJECT = "reject", gettext_lazy("Reject")
    SUBMIT = "submit", gettext_lazy("Submit for review")
    ARCHIVE = "archive", gettext_lazy("Archive")
    TAG = "tag", gettext_lazy("Add tags")
    UNTAG = "untag", gettext_lazy("Remove tags")
    GOLDEN = "golden", gettext_lazy("Mark golden")
    UNGOLDEN = "ungolden", gettext_lazy("No longer golden")


DECISIONS: Final = frozenset({BulkAction.APPROVE, BulkAction.REJECT})
MOVES: "Final[Mapping[BulkAction, Record.Status]]" = {
    BulkAction.APPROVE: Status.APPROVED,
    BulkAction.REJECT: Status.REJECTED,
    BulkAction.SUBMIT: Status.IN_REVIEW,
    BulkAction.ARCHIVE: Status.ARCHIVED,
}


def right_for(action: BulkAction) -> Action:
    """What somebody must be allowed to do for it."""
    return Action.RECORDS_APPROVE if action in DECISIONS else Action.RECORDS_WRITE


def bulk_check(
    *, actor: "User", action: BulkAction, reason: str = "", tags: "Sequence[str]" = ()
) -> tuple[str, tuple[str, ...]]:
    """The reason and the tags as they are stored.

    Raises:
        NotAllowed: the person's role does not allow the step.
        Invalid: the reason is too long, or the tags are none or cannot be stored.
    """
    require(actor, right_for(action))
    note = reason_check(reason) if action is BulkAction.REJECT else ""
    named = _tags_check(tags) if action in {BulkAction.TAG, BulkAction.UNTAG} else ()
    return note, named


def records_bulk(
    *,
    actor: "User",
    records: "QuerySet[Record] | Collection[uuid.UUID]",
    action: BulkAction,
    reason: str = "",
    tags: "Sequence[str]" = (),
    seen_at: "datetime.datetime | None" = None,
    progress: "Progress | None" = None,
) -> BulkResult:
    """Take one step with each of the records; one that cannot take it does not stop the others.

    Each thousand is a transaction of its own, unless the caller has opened one: who comes second
    finds what the first has left, and whatever fails later leaves what was done before. A decision
    is written into the audit trail of each record; tags and golden make a revision of each, and
    leave its status.

    Args:
        actor: who decides, and the author of the revisions.
        records: which ones, in any order; an id that is nobody's is counted as refused.
        action: what becomes of them.
        reason: of a rejection, the same for all.
        tags: to add or to remove.
        seen_at: when whoever decides read them; nothing is decided that was changed later.
        progress: told of each thousand.

    Raises:
        NotAllowed: the person's role does not allow it.
        Invalid: the reason is too long, or the tags are none or cannot be stored.
    """
    note, named = bulk_check(actor=actor, action=action, reason=reason, tags=tags)
    if seen_at is not None:
        seen_at = _certainly_seen(seen_at)
    result = BulkResult()
    ids = chosen_ids(records)
    for start in range(0, len(ids), CHUNK):
        chunk = ids[start : start + CHUNK]
        if progress is not None:
            progress(start, len(ids))
        with transaction.atomic():
            if action in MOVES:
                there = _move(actor, chunk, action, note, seen_at, result)
            else:
                there = _sort(actor, chunk, action, named, result)
        if there < len(chunk):
            result.refuse(Refusal("not_found"), len(chunk) - there)
    if action not in DECISIONS:
        transaction.on_commit(sweep_ask)
    return result


def chosen_ids(records: "QuerySet[Record] | Collection[uuid.UUID]") -> "list[uuid.UUID]":
    """All ids first, in order: what a step changes may no longer match what found it."""
    if isinstance(records, QuerySet):
        return list(records.order_by("pk").values_list("pk", flat=True))
    return sorted(set(records))


def _move(
    actor: "User",
    ids: "list[uuid.UUID]",
    action: BulkAction,
    note: str,
    seen_at: "datetime.datetime | None",
    result: BulkResult,
) -> int:
    """How many of them there are, whatever became of each."""
    to = MOVES[action]
    rows = list(_locked(ids).only("pk", "status", "revision", "author", "updated_at"))
    worded = worded_by(ids) if action in DECISIONS else {}
    unseen = _changed_since(rows, seen_at) if action in DECISIONS and seen_at else frozenset()
    moving: dict[str, list[Record]] = defaultdict(list)
    for record in rows:
        try:
            if action in DECISIONS:
                require_not_own(actor, record.author_id, worded.get(record.pk))
        except NotAllowed as error:
            result.refuse(Refusal(error.code))
            continue
        if to not in Record.transitions[record.status]:
            result.refuse(Refusal("wrong_status", record.status, to.value))
        elif record.pk in unseen:
            result.refuse(Refusal("changed_since"))
        else:
            moving[record.status].append(record)
    for before, group in moving.items():
        chosen = Record.objects.filter(pk__in=[record.pk for record in group])
        result.done += chosen.transition_all(before, to, **_changes(actor, action, note))
        audit_write_all(
            actor=actor,
            action=f"record.{action.value}",
            entities=(
                (record, {"revision": record.revision, "from": before, "to": to.value})
                for record in group
            ),
        )
    return len(rows)


def _certainly_seen(seen_at: "datetime.datetime") -> "datetime.datetime":
    """That moment, or the beginning of a worker's step that was under way then.

    What such a step writes bears moments before it can be seen.
    """
    under_way = Job.objects.filter(kind=KIND, started_at__lt=seen_at).exclude(ended_at__lt=seen_at)
    began_at: datetime.datetime | None = under_way.aggregate(first=Min("started_at"))["first"]
    return began_at or seen_at


def _changed_since(rows: "list[Record]", seen_at: "datetime.datetime") -> "frozenset[uuid.UUID]":
    """Which of them are not what they were then."""
    # An edit that had to wait for somebody else's step bears the moment at which it began to wait;
    # its revision bears that at which it went on.
    revised = Revision.objects.filter(record__in=rows, created_at__gt=seen_at)
    changed = (record.pk for record in rows if record.updated_at > seen_at)
    return frozenset((*changed, *revised.values_list("record_id", flat=True)))


def _changes(actor: "User", action: BulkAction, note: str) -> dict[str, Any]:  # Any: of columns
    match action:
        case BulkAction.APPROVE:
            approved = {"approved_revision": F("revision")}
            return {"reviewer_id": actor.pk, "review_note": "", **approved}
        case BulkAction.REJECT:
            return {"reviewer_id": actor.pk, "review_note": note}
        case BulkAction.SUBMIT:
            return {"review_note": ""}
        case BulkAction.ARCHIVE:
            return {"checked_revision": 0}  # what it has with others ends
        case _:
            return {}


def _sort(
    actor: "User",
    ids: "list[uuid.UUID]",
    action: BulkAction,
    tags: tuple[str, ...],
    result: BulkResult,
) -> int:
    """How many of them there are, whatever became of each."""
    changed: list[tuple[Record, RecordFields]] = []
    rows = list(_locked(ids).defer("search", "near_keys", "wording_keys"))
    for record in rows:
        if record.forgotten_at is not None:
            result.refuse(Refusal("forgotten"))
            continue
        before = content_of(record)
        after = _sorted(before, action, tags)
        if after == before:
            result.refuse(Refusal("unchanged"))
        elif len(after.tags) > MAX_ENTRIES:
            result.refuse(Refusal("too_many"))
        else:
            changed.append((record, after))
    if not changed:
        return len(rows)
    with connection.cursor() as cursor:
        columns = zip(
            *(
                (record.pk, _json(after.tags), after.golden, search_vector(searched(after)))
                for record, after in changed
            ),
            strict=True,
        )
        cursor.execute(SORT, [timezone.now(), *map(list, columns)])
    result.done += copy_insert(
        Revision,
        (
            Revision(record=record, number=record.revision + 1, content=asdict(after), author=actor)
            for record, after in changed
        ),
    )
    return len(rows)


def _sorted(content: "RecordFields", action: BulkAction, tags: tuple[str, ...]) -> "RecordFields":
    match action:
        case BulkAction.TAG:
            return replace(content, tags=tuple(dict.fromkeys((*content.tags, *tags))))
        case BulkAction.UNTAG:
            return replace(content, tags=tuple(tag for tag in content.tags if tag not in tags))
        case _:
            return replace(content, golden=action is BulkAction.GOLDEN)


def _locked(ids: "list[uuid.UUID]") -> "QuerySet[Record]":
    """The rows as they stand until the transaction ends, in one order: no two wait in a ring."""
    return Record.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk")


def _tags_check(tags: "Sequence[str]") -> tuple[str, ...]:
    checked = content_check({"instruction": "-", "output": "-", "tags": list(tags)}).tags
    if not checked:
        sentence = _("Name at least one tag.")
        raise Invalid(sentence, tags=[sentence])
    return checked


def _json(tags: tuple[str, ...]) -> str:
    return json.dumps(list(tags))
