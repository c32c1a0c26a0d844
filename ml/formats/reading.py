"""Bytes of a JSON, JSON lines, CSV or XLSX file -> canonical records, row by row."""

import io
import re
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import IO, Any, Final, cast

from ml.formats.conversations import alpaca_row, is_conversation, plain_conversation
from ml.formats.csv_text import csv_cells
from ml.formats.errors import FormatError
from ml.formats.folders import EXTRA_KEY, INFO, Dataset, Folder, Member, datasets, open_folder
from ml.formats.json_text import JsonText, load_json
from ml.formats.objects import alpaca_object, is_row
from ml.formats.options import AS_RECOGNISED, ReadingOptions
from ml.formats.rows import RecordFields, fields_from_row
from ml.formats.sheets import sheet_cells
from ml.formats.tables import rows_from_cells
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
    "llamafactory": (".zip",),
}


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


PLACEHOLDER: Final = re.compile(r"\{\{\s*([^\W\d]\w{0,59})\s*\}\}")


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
    for parsed in _parsed_rows(lambda: path.open("rb"), filename, options):
        if parsed.fields is not None and placeholders:
            yield replace(parsed, fields=_filled(parsed.fields, placeholders))
        else:
            yield parsed


def _filled(fields: RecordFields, values: Mapping[str, str]) -> RecordFields:
    def fill(value: Any) -> Any:  # Any: a text, or tuples of texts
        if isinstance(value, str):
            return PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), value)
        return tuple(map(fill, value)) if isinstance(value, tuple) else value

    names = ("instruction", "input", "output", "system", "history", "phrasings")
    return replace(fields, **{name: fill(getattr(fields, name)) for name in names})


def kind_of(filename: str) -> str:
    """One of ``ENDINGS``; the ending itself where it means none of them."""
    suffix = PurePath(filename).suffix.lower()
    return next((kind for kind, ends in ENDINGS.items() if suffix in ends), suffix)


def parse(data: bytes, *, filename: str = "", format: str | None = None) -> list[ParsedRow]:
    """Every row of a small file that is at hand as bytes; see ``read_rows``.

    Raises:
        FormatError: the file as a whole cannot be read.
    """
    options = ReadingOptions(format=format)
    return list(_parsed_rows(lambda: io.BytesIO(data), filename, options))


def _parsed_rows(
    open_file: Callable[[], IO[bytes]], filename: str, options: ReadingOptions
) -> Iterator[ParsedRow]:
    kind = options.format or kind_of(filename)
    if kind == "llamafactory":
        with open_file() as file:
            yield from _folder_rows(open_folder(file))
        return
    for number, row in raw_rows(open_file, filename, options):
        # The rows of a table have our names already.
        if kind not in ("csv", "xlsx") and isinstance(row, dict) and not is_conversation(row):
            row = alpaca_object(row, options.columns)
        yield _parsed(number, row)


def _folder_rows(folder: Folder) -> Iterator[ParsedRow]:
    for dataset in datasets(folder):
        if dataset.problem is not None:
            yield ParsedRow(dataset.number, problem=dataset.problem, file=INFO)
            continue
        options = ReadingOptions(columns=dataset.columns)
        name = dataset.file

        def member(name: str = name) -> IO[bytes]:
            return cast("IO[bytes]", Member(folder, name))

        try:
            if kind_of(name) in ("xlsx", "llamafactory"):
                raise FormatError("unknown_format", kind=kind_of(name))
            for number, row in raw_rows(member, name, options):
                row = _folder_row(row, dataset)
                if row is not None:
                    yield replace(_parsed(number, row), file=name)
        except FormatError as error:
            raise error.in_file(name) from error


def _folder_row(row: object, dataset: Dataset) -> object:
    """The row as an alpaca row or a conversation; None where another row of ours holds it."""
    if not isinstance(row, dict):
        return row
    extra = row.get(EXTRA_KEY)
    if extra == "phrasing":
        return None
    if dataset.dialect is not None:
        row = plain_conversation(row, dataset.dialect)
    else:
        named = {field: row[name] for name, field in dataset.columns.items() if name in row}
        kept = {name: value for name, value in row.items() if name not in dataset.columns}
        row = kept | {field: value for field, value in named.items() if field}
    if isinstance(extra, str):
        try:
            held = load_json(extra)
        except FormatError as error:
            return error
        row = row | held if isinstance(held, dict) else row
    return row


def raw_rows(
    open_file: Callable[[], IO[bytes]], filename: str, options: ReadingOptions
) -> Iterator[tuple[int, object]]:
    """(number, what the row holds or why it cannot be read) of each row."""
    kind = options.format or kind_of(filename)
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
            if not (yield from _json_rows(text, options.columns)):
                return
    with open_file() as file:
        yield from _line_rows(decoded(file, encoding))


def _json_rows(
    text: JsonText, chosen: Mapping[str, str]
) -> Generator[tuple[int, object], None, bool]:
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
    if not is_row(value, chosen):
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
