"""What a record file seems to be, before a person decides how it is read."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Final

from ml.formats.csv_text import csv_cells, delimiter_of
from ml.formats.errors import FormatError
from ml.formats.folders import datasets, open_folder
from ml.formats.objects import keys_of, mapping_of
from ml.formats.options import AS_RECOGNISED, Inspection, ReadingOptions
from ml.formats.reading import ENDINGS, PLACEHOLDER, ParsedRow, kind_of, raw_rows, read_rows
from ml.formats.sheets import sheet_cells, sheet_names
from ml.formats.tables import MAX_COLUMNS, filled_rows, header_row, is_nameable, mapped_columns
from ml.formats.texts import decoded, recognise_encoding

SCANNED_ROWS: Final = 10_000  # for placeholders


def inspect(path: Path, *, filename: str, options: ReadingOptions = AS_RECOGNISED) -> Inspection:
    """What the file seems to be.

    Raises:
        FormatError: the file as a whole cannot be read.
    """
    kind = options.format or kind_of(filename)
    found: dict[str, None] = {}
    rows = read_rows(path, filename=filename, options=options)
    if kind not in ENDINGS:
        raise FormatError("unknown_format", kind=kind)
    for row in _until_no_header(islice(rows, SCANNED_ROWS)):
        if row.fields is not None:
            for text in (row.fields.instruction, row.fields.output, row.fields.system):
                found |= dict.fromkeys(PLACEHOLDER.findall(text))
    return replace(_form(path, kind, options), placeholders=tuple(found))


def _until_no_header(rows: Iterator[ParsedRow]) -> Iterator[ParsedRow]:
    """A table whose columns no one knows yet is looked at all the same."""
    try:
        yield from rows
    except FormatError as error:
        if error.code != "no_header":
            raise


def _form(path: Path, kind: str, options: ReadingOptions) -> Inspection:
    """What is recognised in the file's form, before any of its rows is understood."""
    with path.open("rb") as file:
        if kind == "llamafactory":
            files = (found.file for found in datasets(open_folder(file)) if not found.problem)
            return Inspection(kind, files=tuple(dict.fromkeys(files)))
        if kind == "xlsx":
            sheets = sheet_names(file)
            shown = Inspection(kind, sheets=sheets, sheet=options.sheet or sheets[0])
            return _with_header(shown, sheet_cells(file, options.sheet), options)
        encoding = options.encoding or recognise_encoding(file)
        if kind != "csv":
            keys = tuple(keys_of(raw_rows(lambda: path.open("rb"), path.name, options)))
            mapping = mapping_of(keys, options.columns)
            return Inspection(kind, encoding=encoding, columns=keys, mapping=mapping)
        file.seek(0)
        parts = decoded(file, encoding)
        first = next(parts, "")
        delimiter = options.delimiter or delimiter_of(first)
        shown = Inspection(kind, encoding=encoding, delimiter=delimiter)
        return _with_header(shown, csv_cells(chain([first], parts), options), options)


def _with_header(
    shown: Inspection, cells: Iterator[list[str]], options: ReadingOptions
) -> Inspection:
    found = header_row(filled_rows(cells), options)
    if found is None:
        return shown
    number, row = found
    named = mapped_columns(row, options.columns)
    mapping = {
        row[place].strip(): field for place, field in named.items() if is_nameable(row[place])
    }
    filled = (cell.strip() for cell in row if cell.strip() and is_nameable(cell))
    names = tuple(filled)[:MAX_COLUMNS]
    return replace(shown, columns=names, mapping=mapping, header=number)
