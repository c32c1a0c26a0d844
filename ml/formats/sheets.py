"""The bytes of XLSX files <-> rows of cells, through openpyxl."""

import io
import re
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import IO, Any, Final

from ml.formats.errors import FormatError
from ml.formats.tables import MAX_COLUMNS
from ml.formats.texts import PART

# A spreadsheet of text shrinks to a fifth or a tenth; a bomb to a thousandth.
MAX_UNPACKED_BYTES: Final = 300 * 2**20
MAX_RATIO: Final = 100
MAX_PARTS: Final = 2000

MAX_CELL: Final = 32_767  # characters, in UTF-16
_CONTINUED: Final = re.compile(r"continued (\d{1,3}): ")

# The most columns that Excel itself knows; what is above MAX_COLUMNS is refused row by row.
MAX_CELLS_READ: Final = 16_384
_ROW_OR_CELL: Final = re.compile(rb"<(?:[\w.-]{1,40}:)?(row|c)[\s/>]")
LONGEST_TAG_NAME: Final = 64

# XML holds no control characters; the format writes them as _x0001_, and a text that looks like
# that as _x005F_x0001_ (ECMA-376 part 1, 22.9.2.19).
_UNWRITABLE: Final = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_WRITTEN: Final = re.compile("_x([0-9A-Fa-f]{4})_")


def sheet_cells(file: IO[bytes], name: str | None = None) -> Iterator[list[str]]:
    """The rows of the first sheet, or of the one called ``name``, as text.

    Of formulas it is the value that was last computed.

    Raises:
        FormatError: it is no XLSX file, or unpacks to more than it may.
    """
    # Here, so that what reads no spreadsheets needs no openpyxl.
    from openpyxl import load_workbook

    _refuse_bomb(file)
    _refuse_endless_rows(file)
    try:
        book = load_workbook(file, read_only=True, data_only=True, keep_links=False)
        try:
            sheet = book.worksheets[0] if name is None else _called(book.worksheets, name)
            sheet.reset_dimensions()  # what a file says of its own size may be wrong
            # One more than may be, so that too many are seen as such.
            for row in sheet.iter_rows(values_only=True, max_col=MAX_COLUMNS + 1):
                cells = [_unescaped(_text(value)) for value in row]
                while cells and not cells[-1]:
                    cells.pop()
                yield _joined(cells)
        finally:
            book.close()
    except FormatError:
        raise
    except Exception as error:  # whatever openpyxl, its XML reader or zlib make of damaged files
        raise FormatError("bad_spreadsheet") from error


def sheet_names(file: IO[bytes]) -> tuple[str, ...]:
    """The names of the sheets, in the file's order.

    Raises:
        FormatError: it is no XLSX file, or unpacks to more than it may.
    """
    from openpyxl import load_workbook

    _refuse_bomb(file)
    try:
        book = load_workbook(file, read_only=True, keep_links=False)
        names = tuple(str(sheet.title) for sheet in book.worksheets)
        book.close()
    except Exception as error:  # as in sheet_cells
        raise FormatError("bad_spreadsheet") from error
    if not names:
        raise FormatError("bad_spreadsheet")
    return names


def _called(sheets: list[Any], name: str) -> Any:  # Any: openpyxl's sheets
    for sheet in sheets:
        if sheet.title == name:
            return sheet
    raise FormatError("unknown_sheet", sheet=name)


def _refuse_bomb(file: IO[bytes]) -> None:
    packed = max(1, file.seek(0, io.SEEK_END))
    if packed == 1:
        raise FormatError("empty_file")
    file.seek(0)
    try:
        with zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OverflowError, EOFError) as error:
        raise FormatError("bad_spreadsheet") from error
    unpacked = sum(part.file_size for part in parts)
    small = unpacked < 10 * 2**20
    if (
        len(parts) > MAX_PARTS
        or unpacked > MAX_UNPACKED_BYTES
        or (unpacked / packed > MAX_RATIO and not small)
    ):
        raise FormatError("spreadsheet_too_large", limit=MAX_UNPACKED_BYTES // 2**20)


def _refuse_endless_rows(file: IO[bytes]) -> None:
    """A row of a million cells, before openpyxl makes objects of them all."""
    try:
        with zipfile.ZipFile(file) as archive:
            for part in archive.infolist():
                if part.filename.startswith("xl/worksheets/") and part.file_size > PART:
                    with archive.open(part) as sheet:
                        _count_cells(sheet)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, OSError, RuntimeError) as error:
        raise FormatError("bad_spreadsheet") from error


def _count_cells(sheet: IO[bytes]) -> None:
    rows = cells = 0
    rest = b""
    while block := sheet.read(PART):
        block = rest + block
        # What may be the beginning of a tag waits for its end.
        cut = block.rfind(b"<")
        cut = cut if cut > len(block) - LONGEST_TAG_NAME else len(block)
        block, rest = block[:cut], block[cut:]
        for tag in _ROW_OR_CELL.finditer(block):
            if tag[1] == b"c":
                cells += 1
                if cells > MAX_CELLS_READ:
                    raise FormatError("too_many_columns", row=max(rows, 1), limit=MAX_COLUMNS)
            else:
                rows, cells = rows + 1, 0


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return str(int(value))
        case datetime() if (value.hour, value.minute, value.second) == (0, 0, 0):
            return value.date().isoformat()
        case datetime() | date():
            return value.isoformat()
        case _:
            return str(value)


def sheet_parts(rows: Iterable[list[str]]) -> Iterator[bytes]:
    """An XLSX file with one sheet; every cell is text, none a formula."""
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell

    book = Workbook(write_only=True)
    sheet = book.create_sheet("records")
    sheet.freeze_panes = "A2"
    for row in rows:
        cells = []
        for text in _parted(row):
            cell = WriteOnlyCell(sheet, value=_escaped(text))
            cell.data_type = "s"
            cells.append(cell)
        sheet.append(cells)
    with tempfile.TemporaryFile() as out:
        book.save(out)
        out.seek(0)
        while part := out.read(PART):
            yield part


def _parted(row: list[str]) -> list[str]:
    """The row with texts that are too long for a cell continued in further cells at its end."""
    fitting, further = [], []
    for place, text in enumerate(row):
        pieces = [text]
        if len(text) * 7 > MAX_CELL:
            pieces = list(_pieces(text))
        fitting.append(pieces[0])
        further += [f"continued {place + 1}: {piece}" for piece in pieces[1:]]
    return fitting + further


def _pieces(text: str) -> Iterator[str]:
    """Parts that fit into a cell: each character may be written as two, or as _x0001_."""
    if len(text) <= 4_500 or (
        len(text) < 32_000 and len(_escaped(text).encode("utf-16-le")) < 2 * 32_700
    ):
        yield text
        return
    half = len(text) // 2
    yield from _pieces(text[:half])
    yield from _pieces(text[half:])


def _joined(cells: list[str]) -> list[str]:
    if len(cells) > 1 and _CONTINUED.match(cells[-1]):
        first = next(i for i, cell in enumerate(cells) if _CONTINUED.match(cell))
        whole, further = cells[:first], cells[first:]
        for cell in further:
            found = _CONTINUED.match(cell)
            if found is None or int(found[1]) > len(whole):
                return cells
            whole[int(found[1]) - 1] += cell[found.end() :]
        return whole
    return cells


def _escaped(text: str) -> str:
    return _UNWRITABLE.sub(lambda match: f"_x{ord(match[0]):04X}_", text)


def _unescaped(text: str) -> str:
    return _WRITTEN.sub(lambda match: chr(int(match[1], 16)), text)
