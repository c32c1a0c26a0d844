"""Bytes of a JSON, JSON lines, CSV or XLSX file -> canonical records, row by row."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any, Final

from ml.formats.conversations import alpaca_row, is_conversation
from ml.formats.errors import FormatError
from ml.formats.options import AS_RECOGNISED, Inspection, ReadingOptions
from ml.formats.rows import RecordFields, fields_from_row
from ml.formats.sheets import sheet_cells
from ml.formats.tables import csv_cells, rows_from_cells

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


_PLACEHOLDER: Final = re.compile(r"\{\{\s*([^\W\d]\w{0,59})\s*\}\}")


def inspect(path: Path, *, filename: str, options: ReadingOptions = AS_RECOGNISED) -> Inspection:
    """What the file seems to be.

    Raises:
        FormatError: the file as a whole cannot be read.
    """
    data = path.read_bytes()
    kind = options.format or _kind(filename)
    found: dict[str, None] = {}
    for row in parse(data, filename=filename, format=kind):
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
    for row in parse(path.read_bytes(), filename=filename, format=options.format):
        yield row if row.fields is None else replace(row, fields=_filled(row.fields, placeholders))


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
    """Every row of a file, in order; a bad row carries its problem.

    Args:
        data: UTF-8 (with or without a byte-order mark), UTF-16 with one, or GB18030.
        filename: decides by its ending where ``format`` does not.
        format: one of ``ENDINGS``, or None to find out.

    Raises:
        FormatError: the file as a whole cannot be read.
    """
    suffix = PurePath(filename).suffix.lower()
    kind = format or next((kind for kind, ends in ENDINGS.items() if suffix in ends), suffix)
    if kind not in ENDINGS:
        raise FormatError("unknown_format", kind=kind)
    if not data.strip():
        raise FormatError("empty_file")
    if kind == "xlsx":
        return _parse_cells(sheet_cells(data))
    text = decode_text(data)
    if not text.strip():
        raise FormatError("empty_file")
    if kind == "csv":
        return _parse_cells(csv_cells(text))
    if kind == "jsonl" or suffix in ENDINGS["jsonl"]:
        return _parse_lines(text)
    try:
        value = load_json(text)
    except FormatError as error:
        if _is_lines(text, error):
            return _parse_lines(text)
        raise
    if isinstance(value, dict) and value.keys() & {
        "instruction",
        "output",
        "conversations",
        "messages",
    }:
        value = [value]
    if not isinstance(value, list):
        raise FormatError("not_a_list")
    return [_parsed(number, row) for number, row in enumerate(value, start=1)]


def _is_lines(text: str, error: FormatError) -> bool:
    """Whether the mistake is only that after one line with an object another object starts."""
    if error.params.get("problem") != "Extra data":
        return False
    line, column = int(error.params["line"]), int(error.params["column"])
    lines = text.split("\n")
    before = "\n".join(lines[: line - 1]).strip()
    return (
        before.startswith("{")
        and "\n" not in before
        and lines[line - 1].lstrip().startswith("{")
        and not lines[line - 1][: column - 1].strip()
    )


def _parse_lines(text: str) -> list[ParsedRow]:
    rows = []
    # Not splitlines(): U+2028 and its kin are ordinary characters inside a JSON string.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            rows.append(_parsed(number, load_json(line, first_line=number)))
        except FormatError as error:
            rows.append(ParsedRow(number, problem=error))
    return rows


def _parse_cells(cells: Iterable[Sequence[str]]) -> list[ParsedRow]:
    return [_parsed(number, row) for number, row in rows_from_cells(cells)]


def _parsed(number: int, row: object) -> ParsedRow:
    try:
        if isinstance(row, dict) and is_conversation(row):
            row = alpaca_row(row)
        return ParsedRow(number, fields=fields_from_row(row))
    except FormatError as error:
        return ParsedRow(number, problem=error)


def decode_text(data: bytes) -> str:
    """The file's text without byte-order mark.

    Raises:
        FormatError: neither UTF-8, nor UTF-16 with its mark, nor plainly GB18030.
    """
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        text = None if encoding == "utf-16" else _decode_gb18030(data)
        if text is None:
            raise FormatError("not_utf8", byte=error.start + 1) from error
        return text


def _decode_gb18030(data: bytes) -> str | None:
    """The text, where it is surely GB18030: damaged UTF-8 would decode to nonsense as well."""
    try:
        text = data.decode("gb18030")
    except UnicodeDecodeError:
        return None
    as_utf8 = [c for c in data.decode(errors="replace") if ord(c) > 127]
    if as_utf8.count("\N{REPLACEMENT CHARACTER}") * 2 < len(as_utf8):
        return None
    foreign = [c for c in text if ord(c) > 127]
    everyday = sum(bool(c.encode("gb2312", errors="ignore")) for c in foreign)
    return text if everyday >= 0.9 * len(foreign) else None


_STRING_OR_CONSTANT = re.compile(r'"(?:[^"\\]|\\.)*"|(?P<constant>NaN|-?Infinity)', re.DOTALL)


def load_json(text: str, *, first_line: int = 1) -> Any:  # Any: it is whatever JSON holds
    """The value of a JSON text as the standard has it: NaN and Infinity are refused.

    Raises:
        FormatError: with line (counted from ``first_line``) and column of the mistake.
    """

    def refuse_constant(name: str) -> None:
        start = next(m.start() for m in _STRING_OR_CONSTANT.finditer(text) if m["constant"])
        raise json.JSONDecodeError(f"{name} is not JSON", text, start)

    try:
        # Numbers are never used; float also takes those that int() refuses for their length.
        return json.loads(text, parse_int=float, parse_constant=refuse_constant)
    except json.JSONDecodeError as error:
        raise FormatError(
            "json_syntax",
            line=error.lineno + first_line - 1,
            column=error.colno,
            problem=error.msg,
        ) from error
    except RecursionError as error:
        raise FormatError("nested_too_deeply") from error
