"""Some of what a version holds, chosen by chance and always the same: to measure it quickly."""

from typing import TYPE_CHECKING, Final

from django.db.models import CharField, Count
from django.db.models.functions import MD5, Cast

from backend.curation.frozen import Placed, with_content
from backend.curation.models import DatasetVersionItem
from ml.formats import examples

if TYPE_CHECKING:
    from collections.abc import Iterator

    from backend.curation.models import DatasetVersion
    from ml.formats.examples import Example

READ_AT_ONCE: Final = 1000


def sampled_examples(
    *, version: "DatasetVersion", split: DatasetVersionItem.Split, most: int
) -> "Iterator[Example]":
    """Examples of up to ``most`` records of one part; all of them where there are no more.

    Records come in the order of a hash, which has nothing to do with their age or length, and the
    same version gives the same ones. What was erased since is not among them.
    """
    items = DatasetVersionItem.objects.filter(
        version=version, split=split, record__erased_at=None
    ).order_by(MD5(Cast("record_id", CharField())))
    placed = [Placed(*row) for row in items.values_list("record_id", "revision_id", "split")[:most]]
    for start in range(0, len(placed), READ_AT_ONCE):
        for row in with_content(placed[start : start + READ_AT_ONCE]):
            yield from examples(row.content, record_id=str(row.record_id))


def dropped_by_reason(*, version: "DatasetVersion") -> list[tuple[str, int]]:
    """Why approved records were left out when the version was frozen: reason and how many."""
    dropped = DatasetVersionItem.objects.filter(
        version=version, split=DatasetVersionItem.Split.DROPPED
    )
    counted = dropped.order_by().values_list("reason").annotate(number=Count("pk"))
    return [
        (str(DatasetVersionItem.Reason(reason).label), number)
        for reason, number in counted.order_by("-number", "reason")
    ]
