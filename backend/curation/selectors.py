"""Reads of records and versions; each takes the acting person, and there is no other way in."""

from typing import TYPE_CHECKING, Final

from django.db import connection
from django.db.models import (
    BooleanField,
    CharField,
    Count,
    ExpressionWrapper,
    F,
    Func,
    IntegerField,
    OuterRef,
    Q,
    Subquery,
    Sum,
)
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from backend.accounts.roles import Action, require
from backend.common.errors import NotFound
from backend.common.words import search_query
from backend.curation.models import (
    DatasetVersion,
    DatasetVersionItem,
    Record,
    Revision,
    SavedFilter,
)

if TYPE_CHECKING:
    import uuid

    from django.db.models import QuerySet

    from backend.accounts.models import User


def record_list(*, user: "User") -> "QuerySet[Record]":
    """All records, with author and reviewer.

    Raises:
        NotAllowed: the person may not read records.
    """
    require(user, Action.RECORDS_READ)
    # What is only searched in can be large.
    return Record.objects.select_related("author", "reviewer").defer("search")


def record_get(*, user: "User", record_id: "uuid.UUID") -> Record:
    """One record.

    Raises:
        NotAllowed: the person may not read records.
        NotFound: there is none.
    """
    record = record_list(user=user).filter(pk=record_id).first()
    if record is None:
        raise NotFound(_("There is no such record."))
    return record


def record_search(records: "QuerySet[Record]", text: str) -> "QuerySet[Record]":
    """Those that hold every word of ``text`` in question, wordings, context, answer or tags.

    A text without any word (only punctuation, say) is found nowhere.
    """
    if not text.strip():
        return records
    query = search_query(text)
    return records.filter(search__matches=query) if query else records.none()


# From here on the tags are those that PostgreSQL found when it last looked at the table by itself:
# counting them takes longer than all the rest of the list.
MANY: Final = 20_000
TABLE_SIZE: Final = "SELECT reltuples FROM pg_class WHERE oid = 'curation_record'::regclass"
FREQUENT_TAGS: Final = """
    SELECT tag
    FROM pg_stats, unnest(most_common_elems::text::text[], most_common_elem_freqs)
        AS common(tag, frequency)
    WHERE schemaname = current_schema() AND tablename = 'curation_record' AND attname = 'tags'
        AND tag IS NOT NULL
    ORDER BY frequency DESC, tag
    LIMIT %s
"""


def tag_list(*, user: "User", limit: int = 50) -> list[str]:
    """The tags in use, most frequent first; of very many records as they were lately.

    Raises:
        NotAllowed: the person may not read records.
    """
    require(user, Action.RECORDS_READ)
    with connection.cursor() as cursor:
        cursor.execute(TABLE_SIZE)
        if cursor.fetchone()[0] >= MANY:
            cursor.execute(FREQUENT_TAGS, [limit])
            return [tag for (tag,) in cursor.fetchall()]
    tag = Func(F("tags"), function="unnest", output_field=CharField())
    tags = Record.objects.order_by().annotate(tag=tag).values("tag")
    counted = tags.annotate(number=Count("pk")).order_by("-number", "tag")
    return list(counted.values_list("tag", flat=True)[:limit])


def revision_list(*, user: "User", record_id: "uuid.UUID") -> "QuerySet[Revision]":
    """Every form that a record had, newest first.

    Raises:
        NotAllowed: the person may not read records.
        NotFound: there is no such record.
    """
    record = record_get(user=user, record_id=record_id)
    return Revision.objects.filter(record=record).select_related("author")


def revision_get(*, user: "User", record_id: "uuid.UUID", number: int) -> Revision:
    """One form that a record had.

    Raises:
        NotAllowed: the person may not read records.
        NotFound: there is no such record, or it never had such a revision.
    """
    found = revision_list(user=user, record_id=record_id).filter(number=number).first()
    if found is None:
        raise NotFound(_("The record never had such a revision."))
    return found


def saved_filter_list(*, user: "User") -> "QuerySet[SavedFilter]":
    """The person's own filters and those that others share.

    Raises:
        NotAllowed: the person may not read records.
    """
    require(user, Action.RECORDS_READ)
    seen = SavedFilter.objects.filter(Q(owner=user) | Q(shared=True))
    return seen.select_related("owner")


def saved_filter_get(*, user: "User", filter_id: "uuid.UUID") -> SavedFilter:
    """One of them.

    Raises:
        NotAllowed: the person may not read records.
        NotFound: there is none, or it is somebody else's and not shared.
    """
    found = saved_filter_list(user=user).filter(pk=filter_id).first()
    if found is None:
        raise NotFound(_("There is no such filter."))
    return found


def dataset_version_list(*, user: "User") -> "QuerySet[DatasetVersion]":
    """All versions, newest first, each with how many of its records were ``erased`` since.

    Raises:
        NotAllowed: the person may not read versions.
    """
    require(user, Action.RECORDS_READ)
    erased = (
        DatasetVersionItem.objects.filter(version=OuterRef("pk"), record__erased_at__isnull=False)
        .order_by()
        .values("version")
        .annotate(number=Count("pk"))
    )
    return DatasetVersion.objects.select_related("created_by").annotate(
        erased=Coalesce(Subquery(erased.values("number")), 0)
    )


def dataset_version_get(*, user: "User", version_id: "uuid.UUID") -> DatasetVersion:
    """One version.

    Raises:
        NotAllowed: the person may not read versions.
        NotFound: there is none.
    """
    version = dataset_version_list(user=user).filter(pk=version_id).first()
    if version is None:
        raise NotFound(_("There is no such dataset version."))
    return version


def dataset_version_items(
    *, user: "User", version_id: "uuid.UUID"
) -> "QuerySet[DatasetVersionItem]":
    """The records of a version as they were frozen, in its order.

    Raises:
        NotAllowed: the person may not read versions.
        NotFound: there is no such version.
    """
    version = dataset_version_get(user=user, version_id=version_id)
    erased = ExpressionWrapper(Q(record__erased_at__isnull=False), output_field=BooleanField())
    items = DatasetVersionItem.objects.filter(version=version).select_related("revision")
    return items.annotate(is_erased=erased)


def record_versions(*, user: "User", record_id: "uuid.UUID") -> "QuerySet[DatasetVersionItem]":
    """The places of a record in the versions that contain it, newest first.

    Raises:
        NotAllowed: the person may not read records.
        NotFound: there is no such record.
    """
    record = record_get(user=user, record_id=record_id)
    contained = DatasetVersionItem.objects.filter(record=record).exclude(
        split=DatasetVersionItem.Split.DROPPED
    )
    return contained.select_related("version", "revision").order_by("-version__number")


def approved_wordings(*, user: "User") -> int:
    """How many training examples a version frozen now would have at most: one for each wording.

    Raises:
        NotAllowed: the person may not read records.
    """
    require(user, Action.RECORDS_READ)
    phrasings = Func(F("phrasings"), function="jsonb_array_length", output_field=IntegerField())
    counted = Record.objects.filter(status=Record.Status.APPROVED, golden=False).aggregate(
        questions=Count("pk"), others=Sum(phrasings, default=0)
    )
    return int(counted["questions"] + counted["others"])
