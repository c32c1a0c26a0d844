"""What is recognised in a record file, and how a person corrects it; knows nothing of bytes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

# The names under which a person chooses them.
ENCODINGS: Final = ("utf-8", "utf-16-le", "utf-16-be", "gb18030")
DELIMITERS: Final = (",", ";", "\t", "|")


@dataclass(frozen=True)
class ReadingOptions:
    """How to read a file, where it is not recognised rightly by itself; None leaves it to us.

    Attributes:
        format: one of ``ENDINGS``.
        encoding: one of ``ENCODINGS``.
        delimiter: one of ``DELIMITERS``, for CSV.
        sheet: the name of a spreadsheet's sheet.
        header: the row of a table that names its columns, from 1; a title may stand above it.
        columns: name of a column of the file, or of a key of its JSON objects -> our field, or ""
            to leave it out. Those that are not named here keep the field that their name means.
    """

    format: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    header: int | None = None
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Inspection:
    """What was recognised in a file; whatever of it is wrong may be corrected by the options.

    Attributes:
        format: one of ``ENDINGS``.
        encoding: of a text file, otherwise empty; so is ``delimiter`` of what is no CSV.
        sheets: the names of a spreadsheet's sheets, of which ``sheet`` is read.
        columns: a table's columns as its header names them, or the keys of the first objects of a
            JSON file; of conversations none.
        mapping: name of a column or key -> our field, of those that are read.
        placeholders: the names that stand in ``{{…}}``, in the order in which they first come.
        files: the data files of a folder (.zip).
        header: the row of a table that names its columns, from 1; 0 where there is none.
    """

    format: str
    encoding: str = ""
    delimiter: str = ""
    sheets: tuple[str, ...] = ()
    sheet: str = ""
    columns: tuple[str, ...] = ()
    mapping: Mapping[str, str] = field(default_factory=dict)
    placeholders: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    header: int = 0


AS_RECOGNISED: Final = ReadingOptions()
