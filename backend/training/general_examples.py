"""The general knowledge that a run may mix in, so that it forgets less of what it knew.

The set committed under ``data/`` unless the installation has one of its own: a file
``general.jsonl`` or ``general.json`` in the data folder, in any form that records are imported in.
Nobody names a path over HTTP.
"""

import json
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.utils.translation import gettext_noop

from backend.common.errors import Invalid
from ml.formats import FormatError, examples, parse

if TYPE_CHECKING:
    from pathlib import Path

OWN: Final = ("general.jsonl", "general.json")
COMMITTED: Final = "data/general_examples.json"
UNREADABLE: Final = gettext_noop("The installation's general examples cannot be read.")


def general_examples_write(folder: "Path") -> "Path":
    """Write ``general.jsonl`` into ``folder`` and return it.

    Raises:
        Invalid: the installation's own file cannot be read or holds no example.
        OSError: a file cannot be read or written.
    """
    source = _source()
    try:
        rows = [row.fields for row in parse(source.read_bytes(), filename=source.name)]
    except FormatError as error:
        raise Invalid(UNREADABLE, code="general_unreadable") from error
    found = [
        example
        for number, fields in enumerate(rows, 1)
        if fields is not None
        for example in examples(fields, record_id=f"general-{number}")
    ]
    if not found:
        raise Invalid(UNREADABLE, code="general_unreadable")
    path = folder / "general.jsonl"
    lines = [json.dumps(example, ensure_ascii=False) + "\n" for example in found]
    path.write_text("".join(lines), encoding="utf-8")
    return path


def _source() -> "Path":
    data_dir: Path = settings.DATA_DIR
    base_dir: Path = settings.BASE_DIR
    own = [data_dir / name for name in OWN if (data_dir / name).is_file()]
    return own[0] if own else base_dir / COMMITTED
