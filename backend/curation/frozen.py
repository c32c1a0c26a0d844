"""What a frozen version holds, read back and written as files."""

import hashlib
import io
import json
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from backend.curation.content import content_from
from backend.curation.models import DatasetVersionItem
from ml.formats import RecordFields, examples, write_llamafactory_folder

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterable, Iterator

    from backend.curation.models import DatasetVersion

Split = DatasetVersionItem.Split
# In this order they stand in the canonical lines; what is dropped is not part of the version.
IN_ORDER = (Split.TRAIN, Split.VALIDATION, Split.GOLDEN)


@dataclass
class FrozenRow:
    """One record in the form that a version holds."""

    record_id: "uuid.UUID"
    revision_id: "uuid.UUID"
    content: RecordFields
    split: Split = Split.TRAIN
    reason: str = ""

    @property
    def examples(self) -> int:
        """How many training examples it makes: one for each wording."""
        return 1 + len(self.content.phrasings)


def rows_of(version: "DatasetVersion") -> list[FrozenRow]:
    """The rows of a version, as they were frozen, in the canonical order."""
    items = DatasetVersionItem.objects.filter(version=version).order_by("pk")
    return [
        FrozenRow(record, revision, content_from(content), Split(split), reason)
        for record, revision, content, split, reason in items.values_list(
            "record_id", "revision_id", "revision__content", "split", "reason"
        )
    ]


def canonical_lines(rows: "Iterable[FrozenRow]") -> "Iterator[str]":
    """One line of JSON for each example: split, id, messages and language, keys sorted."""
    rows = list(rows)
    for split in IN_ORDER:
        for row in rows:
            if row.split == split:
                for example in examples(row.content, record_id=str(row.record_id)):
                    yield _line({"split": split.value, **example})


def canonical_sha256(rows: "Iterable[FrozenRow]") -> str:
    """The hex SHA-256 that names the content of a version."""
    digest = hashlib.sha256()
    for line in canonical_lines(rows):
        digest.update(line.encode())
    return digest.hexdigest()


def dataset_version_write(*, version: "DatasetVersion", folder: Path) -> dict[str, int]:
    """Write ``train.jsonl``, ``validation.jsonl`` and ``golden.jsonl`` into ``folder``.

    Args:
        version: a frozen version.
        folder: exists; files of these names are replaced.

    Returns:
        How many examples each file holds, by split; a file without any is empty.
    """
    rows = rows_of(version)
    counts = {}
    for split in IN_ORDER:
        lines = [
            json.dumps(example, ensure_ascii=False) + "\n"
            for row in rows
            if row.split == split
            for example in examples(row.content, record_id=str(row.record_id))
        ]
        (folder / f"{split.value}.jsonl").write_text("".join(lines), encoding="utf-8", newline="")
        counts[split.value] = len(lines)
    return counts


def dataset_version_export(*, version: "DatasetVersion") -> bytes:
    """A zip with a folder that LLaMA-Factory trains on.

    ``canonical.jsonl`` lies in it as well: ``sha256sum`` of that file gives the version's hash.
    """
    rows = rows_of(version)
    name = f"loredesk_v{version.number}"

    def of(split: Split) -> "list[tuple[str, RecordFields]]":
        return [(str(row.record_id), row.content) for row in rows if row.split == split]

    buffer = io.BytesIO()
    with tempfile.TemporaryDirectory() as work, zipfile.ZipFile(buffer, "w") as archive:
        folder = Path(work)
        written = write_llamafactory_folder(
            folder, name=name, train=of(Split.TRAIN), validation=of(Split.VALIDATION)
        )
        canonical = folder / "canonical.jsonl"
        canonical.write_text("".join(canonical_lines(rows)), encoding="utf-8", newline="")
        for path in (*written, canonical):
            # The time of the freeze, so that the same version gives the same bytes.
            entry = zipfile.ZipInfo(f"{name}/{path.name}", version.created_at.timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())
    return buffer.getvalue()


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n"
