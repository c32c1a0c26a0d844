"""CSV texts <-> rows of cells."""

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice

from ml.formats.errors import FormatError
from ml.formats.options import AS_RECOGNISED, DELIMITERS, ReadingOptions
from ml.formats.rows import RecordFields
from ml.formats.tables import TITLE_ROWS, cells_from_rows, columns_of
from ml.formats.texts import ANY_LINE_END, MAX_ROW_CHARACTERS, lines

csv.field_size_limit(MAX_ROW_CHARACTERS)  # a record's phrasings may be longer than 128 KB


def csv_cells(parts: Iterator[str], options: ReadingOptions = AS_RECOGNISED) -> Iterator[list[str]]:
    """The rows of a CSV text; its delimiter is the one under which the header makes most sense.

    Raises:
        FormatError: with the line of the mistake.
    """
    first = next(parts, "")
    # Excel names the delimiter in a line of its own.
    hint = re.match(r"sep=(.)\r?\n", first)
    if hint:
        first = first[hint.end() :]
    delimiter = options.delimiter or (hint[1] if hint else recognise_delimiter(first))
    if len(delimiter) != 1 or delimiter in '\r\n"':
        raise FormatError("unknown_delimiter", delimiter=delimiter)
    physical = lines(chain([first], parts), ANY_LINE_END)
    reader = csv.reader(physical, delimiter=delimiter, strict=True)
    try:
        yield from reader
    except csv.Error as error:
        line = reader.line_num + (1 if hint else 0)
        raise FormatError("csv_syntax", line=line, problem=str(error)) from error


def delimiter_of(first: str) -> str:
    """The delimiter of a CSV file that begins so."""
    hint = re.match(r"sep=(.)\r?\n", first)
    return hint[1] if hint else recognise_delimiter(first)


def recognise_delimiter(text: str) -> str:
    def sense(delimiter: str) -> tuple[int, int]:
        try:
            reader = csv.reader(io.StringIO(text[:20_000], newline=""), delimiter=delimiter)
            known = max((len(columns_of(row)) for row in islice(reader, TITLE_ROWS + 1)), default=0)
        except csv.Error:
            return 0, 0
        return known, -DELIMITERS.index(delimiter)

    return max(DELIMITERS, key=sense)


def csv_parts(rows: Iterable[RecordFields]) -> Iterator[bytes]:
    """CSV with a byte-order mark, without which Excel reads Chinese as nonsense."""
    yield codecs.BOM_UTF8
    for cells in cells_from_rows(rows):
        out = io.StringIO(newline="")
        csv.writer(out, quoting=csv.QUOTE_ALL).writerow(cells)
        yield out.getvalue().encode()
