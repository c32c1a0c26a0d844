"""What a frozen version holds, read back and written as files."""

import hashlib
import io
import json
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from backend.curation.content import content_from
from backend.curation.models import DatasetVersionItem, Revision
from backend.curation.models.versions import BY_CREATION
from ml.formats import RecordFields, examples, write_llamafactory_folder

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterable, Iterator, Sequence

    from backend.curation.models import DatasetVersion

Split = DatasetVersionItem.Split
# In this order they stand in the canonical lines; what is dropped is not part of the version.
IN_ORDER: Final = (Split.TRAIN, Split.VALIDATION, Split.GOLDEN)
READ_AT_ONCE: Final = 1000


class Placed(NamedTuple):
    """One record's place, without what it says."""

    record_id: "uuid.UUID"
    revision_id: "uuid.UUID"
    split: str


@dataclass
class FrozenRow:
    """One record in the form that a version holds."""

    record_id: "uuid.UUID"
    split: str
    content: RecordFields


def canonical_order(row: "Placed | FrozenRow") -> tuple[int, "uuid.UUID"]:
    """By split, then by the record's id: the order of nothing but what the version holds."""
    return IN_ORDER.index(Split(row.split)), row.record_id


def canonical_lines(rows: "Iterable[FrozenRow]") -> "Iterator[str]":
    """One line of JSON for each example: split, id, messages and language, keys sorted.

    Args:
        rows: in ``canonical_order``, so that the same set gives the same lines.
    """
    for row in rows:
        for example in examples(row.content, record_id=str(row.record_id)):
            yield _line({"split": str(row.split), **example})


def canonical_sha256(rows: "Iterable[FrozenRow]") -> str:
    """The hex SHA-256 that names the content of a version; ``rows`` as above."""
    digest = hashlib.sha256()
    for line in canonical_lines(rows):
        digest.update(line.encode())
    return digest.hexdigest()


def with_content(placed: "Sequence[Placed]") -> "Iterator[FrozenRow]":
    """The rows with what they say, some at a time, in the order given."""
    for start in range(0, len(placed), READ_AT_ONCE):
        some = placed[start : start + READ_AT_ONCE]
        revisions = Revision.objects.filter(pk__in=[row.revision_id for row in some])
        contents = dict(revisions.order_by().values_list("pk", "content"))
        for row in some:
            yield FrozenRow(row.record_id, row.split, content_from(contents[row.revision_id]))


def places_of(version: "DatasetVersion", *splits: Split) -> list[Placed]:
    """Who stands in a version, oldest record first; who was erased meanwhile is not among them."""
    items = DatasetVersionItem.objects.filter(
        version=version, split__in=splits or IN_ORDER, record__erased_at=None
    )
    rows = items.order_by("pk").values_list("record_id", "revision_id", "split")
    return [Placed(*row) for row in rows]


def version_lines(version: "DatasetVersion") -> "Iterator[str]":
    """The canonical lines of a version, whose SHA-256 is its hash until something is erased."""
    placed = places_of(version)
    if version.line_order == BY_CREATION:  # as versions were frozen at first
        placed.sort(key=lambda row: IN_ORDER.index(Split(row.split)))
    else:
        placed.sort(key=canonical_order)
    return canonical_lines(with_content(placed))


def dataset_version_write(*, version: "DatasetVersion", folder: Path) -> dict[str, int]:
    """Write ``train.jsonl``, ``validation.jsonl`` and ``golden.jsonl`` into ``folder``.

    Args:
        version: a frozen version.
        folder: exists; files of these names are replaced.

    Returns:
        How many examples each file holds, by split; a file without any is empty.
    """
    counts = {}
    for split in IN_ORDER:
        number = 0
        path = folder / f"{split.value}.jsonl"
        with path.open("w", encoding="utf-8", newline="") as file:
            for row in with_content(places_of(version, split)):
                for example in examples(row.content, record_id=str(row.record_id)):
                    file.write(json.dumps(example, ensure_ascii=False) + "\n")
                    number += 1
        counts[split.value] = number
    return counts


def dataset_version_export(*, version: "DatasetVersion") -> bytes:
    """A zip with a folder that LLaMA-Factory trains on.

    ``canonical.jsonl`` lies in it as well: ``sha256sum`` of that file gives the version's hash,
    unless a record of it was erased since.
    """
    name = f"loredesk_v{version.number}"

    def of(split: Split) -> "Iterator[tuple[str, RecordFields]]":
        for row in with_content(places_of(version, split)):
            yield str(row.record_id), row.content

    buffer = io.BytesIO()
    with tempfile.TemporaryDirectory() as work, zipfile.ZipFile(buffer, "w") as archive:
        folder = Path(work)
        written = write_llamafactory_folder(
            folder, name=name, train=of(Split.TRAIN), validation=of(Split.VALIDATION)
        )
        canonical = folder / "canonical.jsonl"
        with canonical.open("w", encoding="utf-8", newline="") as file:
            file.writelines(version_lines(version))
        for path in (*written, canonical):
            # The time of the freeze, so that the same version gives the same bytes.
            entry = zipfile.ZipInfo(f"{name}/{path.name}", version.created_at.timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())
    return buffer.getvalue()


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n"
