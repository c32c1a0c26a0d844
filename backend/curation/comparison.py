"""What differs between two versions, record by record, and inside a record, field by field."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from django.db.models import (
    Case,
    CharField,
    Count,
    F,
    FilteredRelation,
    Q,
    TextChoices,
    Value,
    When,
)
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backend.common.errors import NotFound
from backend.curation.content import NAMES, content_from
from backend.curation.differences import Piece, label, shown, text_differences
from backend.curation.frozen import IN_ORDER
from backend.curation.models import DatasetVersion, DatasetVersionItem, Record
from backend.curation.selectors import dataset_version_get, dataset_version_list

if TYPE_CHECKING:
    import uuid

    from django.db.models import QuerySet

    from backend.accounts.models import User

Split = DatasetVersionItem.Split
IN_VERSION: Final = [split.value for split in IN_ORDER]


class Change(TextChoices):
    """What became of a record from one version to another."""

    ADDED = "added", gettext_lazy("added")
    CHANGED = "changed", gettext_lazy("changed")
    REMOVED = "removed", gettext_lazy("removed")
    MOVED = "moved", gettext_lazy("moved to another part")
    DROPPED = "dropped", gettext_lazy("left out")


@dataclass(frozen=True)
class FieldChange:
    """One field of a record that differs; the values as JSON has them, and word by word."""

    name: str
    title: str
    before: Any
    after: Any
    pieces: list[Piece]


def version_before(*, user: "User", version: DatasetVersion) -> DatasetVersion | None:
    """The version before this one; None before the first."""
    return dataset_version_list(user=user).filter(number__lt=version.number).first()


def versions_compared(
    *, user: "User", version_id: "uuid.UUID", against: "uuid.UUID | None"
) -> tuple[DatasetVersion, DatasetVersion]:
    """The earlier and the later side of a comparison.

    Args:
        user: who reads.
        version_id: what is compared.
        against: with which version; the one before if not given.

    Raises:
        NotAllowed: the person may not read versions.
        NotFound: there is none of these.
    """
    version = dataset_version_get(user=user, version_id=version_id)
    if against is not None:
        return dataset_version_get(user=user, version_id=against), version
    before = version_before(user=user, version=version)
    if before is None:
        raise NotFound(_("There is no version before this one."))
    return before, version


def version_changes(*, before: DatasetVersion, after: DatasetVersion) -> "QuerySet[Any]":
    """The records that do not stand alike in both, each with ``change`` and where it stood.

    Any: annotated records, which have no type of their own.
    """

    def of(version: DatasetVersion) -> FilteredRelation:
        return FilteredRelation("version_items", condition=Q(version_items__version=version))

    was_in, is_in = (Q(**{f"{side}__split__in": IN_VERSION}) for side in ("earlier", "later"))
    first_words = [
        KeyTextTransform("instruction", f"{side}__revision__content")
        for side in ("later", "earlier")
    ]
    return (
        Record.objects.order_by()
        .annotate(earlier=of(before), later=of(after))
        .filter(was_in | is_in)
        .annotate(
            change=Case(
                When(Q(earlier__isnull=True) | ~was_in, then=Value(Change.ADDED.value)),
                When(later__isnull=True, then=Value(Change.REMOVED.value)),
                When(later__split=Split.DROPPED, then=Value(Change.DROPPED.value)),
                When(~Q(earlier__revision=F("later__revision")), then=Value(Change.CHANGED.value)),
                When(~Q(earlier__split=F("later__split")), then=Value(Change.MOVED.value)),
                default=Value(""),
                output_field=CharField(),
            ),
        )
        .exclude(change="")
        .annotate(
            from_revision=F("earlier__revision__number"),
            to_revision=F("later__revision__number"),
            from_split=F("earlier__split"),
            to_split=F("later__split"),
            reason=F("later__reason"),
            words=Coalesce(*first_words, output_field=CharField()),
        )
    )


def change_counts(changes: "QuerySet[Any]") -> dict[str, int]:
    """How many records of each kind of change."""
    counted = dict(
        changes.values("change").annotate(number=Count("pk")).values_list("change", "number")
    )
    return {change.value: counted.get(change.value, 0) for change in Change}


def record_change(
    *, before: DatasetVersion, after: DatasetVersion, record_id: "uuid.UUID"
) -> list[FieldChange]:
    """The fields in which a record differs between two versions that both name it.

    Raises:
        NotFound: one of them does not.
    """
    items = DatasetVersionItem.objects.filter(
        version__in=[before, after], record_id=record_id
    ).values_list("version_id", "revision__content")
    contents = {version: asdict(content_from(content)) for version, content in items}
    if not {before.pk, after.pk} <= contents.keys():
        raise NotFound(_("This record does not stand in both versions."))
    then, now = contents[before.pk], contents[after.pk]
    return [
        FieldChange(
            name,
            label(name),
            then[name],
            now[name],
            text_differences(shown(then[name]), shown(now[name])),
        )
        for name in NAMES
        if then[name] != now[name]
    ]
