"""Bytes of a JSON, JSON lines, CSV or XLSX file -> canonical records, row by row."""

import io
import re
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path, PurePath
from typing import IO, Any, Final

from ml.formats.conversations import alpaca_row, is_conversation
from ml.formats.errors import FormatError
from ml.formats.json_text import JsonText, load_json
from ml.formats.options import AS_RECOGNISED, Inspection, ReadingOptions
from ml.formats.rows import RecordFields, fields_from_row
from ml.formats.sheets import sheet_cells
from ml.formats.tables import csv_cells, rows_from_cells
from ml.formats.texts import decoded, lines, recognise_encoding

# The kind of file -> the endings that mean it. Alpaca rows, ShareGPT and OpenAI conversations are
# told apart row by row, so that these three are one kind of file.
ENDINGS: Final = {
    "alpaca": ("", ".json", ".txt"),
    "sharegpt": (),
    "openai": (),
    "jsonl": (".jsonl", ".ndjson"),
    "csv": (".csv", ".tsv"),
    "xlsx": (".xlsx",),
}


# A single object with one of these is one row.
ROW_KEYS: Final = frozenset({"instruction", "output", "conversations", "messages"})


@dataclass(frozen=True)
class ParsedRow:
    """One row of a file: its fields, or the problem that keeps it out.

    ``number`` counts list entries from 1, in a JSON lines file the lines of the file, and in a
    table its rows with the header as row 1. ``file`` is the file's name in a folder (.zip).
    """

    number: int
    fields: RecordFields | None = None
    problem: FormatError | None = None
    file: str = ""

    @property
    def reason(self) -> str | None:
        """Why the row is refused, in English; None where it is not."""
        return None if self.problem is None else str(self.problem)


SCANNED_ROWS: Final = 10_000  # for placeholders
_PLACEHOLDER: Final = re.compile(r"\{\{\s*([^\W\d]\w{0,59})\s*\}\}")


def inspect(path: Path, *, filename: str, options: ReadingOptions = AS_RECOGNISED) -> Inspection:
    """What the file seems to be.

    Raises:
        FormatError: the file as a whole cannot be read.
    """
    kind = options.format or _kind(filename)
    found: dict[str, None] = {}
    rows = read_rows(path, filename=filename, options=options)
    for row in islice(rows, SCANNED_ROWS):
        if row.fields is not None:
            for text in (row.fields.instruction, row.fields.output, row.fields.system):
                found |= dict.fromkeys(_PLACEHOLDER.findall(text))
    return Inspection(kind, placeholders=tuple(found))


def read_rows(
    path: Path,
    *,
    filename: str,
    options: ReadingOptions = AS_RECOGNISED,
    placeholders: Mapping[str, str] = {},
) -> Iterator[ParsedRow]:
    """Every row of a file, in order and one at a time; a bad row carries its problem.

    Args:
        path: the file.
        filename: what it is called; its ending decides the format where the options do not.
        options: how to read it.
        placeholders: what to write for ``{{name}}``; others stay as they are.

    Raises:
        FormatError: the file as a whole cannot be read, which may show only after some rows.
    """
    for number, row in _raw_rows(lambda: path.open("rb"), filename, options):
        parsed = _parsed(number, row)
        if parsed.fields is not None and placeholders:
            parsed = replace(parsed, fields=_filled(parsed.fields, placeholders))
        yield parsed


def _filled(fields: RecordFields, values: Mapping[str, str]) -> RecordFields:
    def fill(value: Any) -> Any:  # Any: a text, or tuples of texts
        if isinstance(value, str):
            return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), value)
        return tuple(map(fill, value)) if isinstance(value, tuple) else value

    names = ("instruction", "input", "output", "system", "history", "phrasings")
    return replace(fields, **{name: fill(getattr(fields, name)) for name in names})


def _kind(filename: str) -> str:
    suffix = PurePath(filename).suffix.lower()
    return next((kind for kind, ends in ENDINGS.items() if suffix in ends), suffix)


def parse(data: bytes, *, filename: str = "", format: str | None = None) -> list[ParsedRow]:
    """Every row of a small file that is at hand as bytes; see ``read_rows``.

    Raises:
        FormatError: the file as a whole cannot be read.
    """
    options = ReadingOptions(format=format)
    return [
        _parsed(number, row)
        for number, row in _raw_rows(lambda: io.BytesIO(data), filename, options)
    ]


def _raw_rows(
    open_file: Callable[[], IO[bytes]], filename: str, options: ReadingOptions
) -> Iterator[tuple[int, object]]:
    """(number, what the row holds or why it cannot be read) of each row."""
    kind = options.format or _kind(filename)
    if kind not in ENDINGS:
        raise FormatError("unknown_format", kind=kind)
    if kind == "xlsx":
        with open_file() as file:
            yield from rows_from_cells(sheet_cells(file, options.sheet), options)
        return
    with open_file() as file:
        encoding = options.encoding or recognise_encoding(file)
    if kind == "csv":
        with open_file() as file:
            yield from rows_from_cells(csv_cells(decoded(file, encoding), options), options)
        return
    if kind != "jsonl" and PurePath(filename).suffix.lower() not in ENDINGS["jsonl"]:
        with open_file() as file:
            text = JsonText(decoded(file, encoding))
            if not (yield from _json_rows(text)):
                return
    with open_file() as file:
        yield from _line_rows(decoded(file, encoding))


def _json_rows(text: JsonText) -> Generator[tuple[int, object], None, bool]:
    """The entries of a list, or a single object; True where the file is one of JSON lines."""
    first = text.peek()
    if not first:
        raise FormatError("empty_file")
    if first == "[":
        yield from enumerate(text.items(), start=1)
        return False
    line = text.line()
    value = text.value()
    ended = text.line()
    follows = text.peek()
    if first == follows == "{" and line == ended < text.line():
        return True
    if follows:
        raise text.mistake("Extra data")
    if not (isinstance(value, dict) and value.keys() & ROW_KEYS):
        raise FormatError("not_a_list")
    yield 1, value
    return False


def _line_rows(parts: Iterator[str]) -> Iterator[tuple[int, object]]:
    blank = True
    for number, line in enumerate(lines(parts), start=1):
        if not line.strip():
            continue
        blank = False
        try:
            yield number, load_json(line.rstrip("\r\n"), first_line=number)
        except FormatError as error:
            yield number, error
    if blank:
        raise FormatError("empty_file")


def _parsed(number: int, row: object) -> ParsedRow:
    if isinstance(row, FormatError):
        return ParsedRow(number, problem=row)
    try:
        if isinstance(row, dict) and is_conversation(row):
            row = alpaca_row(row)
        return ParsedRow(number, fields=fields_from_row(row))
    except FormatError as error:
        return ParsedRow(number, problem=error)
