"""Tables (CSV, spreadsheets) <-> alpaca rows: which column is which, what a cell means.

Knows rows of cells; texts and bytes are the business of ``csv_text`` and ``sheets``.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from ml.formats.errors import FormatError
from ml.formats.options import AS_RECOGNISED, ReadingOptions
from ml.formats.rows import RecordFields

# The columns of an export, and how other programs and people call them.
HEADERS: Final[Mapping[str, tuple[str, ...]]] = {
    "instruction": (
        "instruction",
        "question",
        "prompt",
        "q",
        "问题",
        "提问",
        "标准问题",
        "标准问",
        "指令",
    ),
    "output": (
        "output",
        "answer",
        "response",
        "reply",
        "a",
        "答案",
        "回答",
        "回复",
        "标准答案",
        "输出",
    ),
    "phrasings": (
        "phrasings",
        "similar questions",
        "variants",
        "其他问法",
        "相似问题",
        "相似问",
        "扩展问",
    ),
    "tags": ("tags", "tag", "labels", "category", "标签", "分类", "类别"),
    "language": ("language", "lang", "语言"),
    "golden": ("golden", "金标题", "金标"),
    "input": ("input", "context", "上下文", "背景", "输入"),
    "system": ("system", "system prompt", "系统提示词", "系统提示"),
    "history": ("history", "历史", "历史对话"),
    "valid_from": (
        "valid from",
        "effective from",
        "effective date",
        "start date",
        "生效日期",
        "生效日",
        "生效时间",
        "开始日期",
        "有效期自",
        "有效期起",
    ),
    "valid_until": (
        "valid until",
        "valid to",
        "expires",
        "expires on",
        "expiry date",
        "expiration date",
        "end date",
        "有效期至",
        "有效期止",
        "失效日期",
        "失效日",
        "失效时间",
        "到期日",
        "到期日期",
        "截止日期",
    ),
}
FIELDS: Final = tuple(HEADERS)
MAX_COLUMNS: Final = 256
MAX_NAME: Final = 200
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
NEEDED: Final = frozenset({"instruction", "output"})
TITLE_ROWS: Final = 10  # that may stand above the one that names the columns
YES: Final = frozenset({"true", "yes", "y", "1", "是", "√"})
NO: Final = frozenset({"false", "no", "n", "0", "否", ""})
LANGUAGES: Final = {"中文": "zh", "chinese": "zh", "英文": "en", "英语": "en", "english": "en"}

# A spreadsheet program runs a cell that begins like this, so an apostrophe goes before it; see
# https://owasp.org/www-community/attacks/CSV_Injection. One more goes before apostrophes that
# stand there already, so that reading takes off exactly what writing put on.
_RISKY: Final = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
_GUARDED: Final = re.compile(r"'+[=+\-@\t\r\n＝＋－＠]")


def _plain(header: str) -> str:
    folded = unicodedata.normalize("NFKC", header).casefold()
    return "".join(c for c in folded if c.isalnum())


_FIELD_OF: Final = {_plain(name): field for field, names in HEADERS.items() for name in names}


def columns_of(header: Sequence[str]) -> dict[int, str]:
    """Position -> field of the columns that are known by name; the first of a name counts."""
    found: dict[int, str] = {}
    for place, name in enumerate(header):
        field = _FIELD_OF.get(_plain(name))
        if field is not None and field not in found.values():
            found[place] = field
    return found


def is_nameable(name: str) -> bool:
    """Whether a person can choose a column or key of that name, and the choice can be stored."""
    return len(name) <= MAX_NAME and "\0" not in name and not _SURROGATE.search(name)


def mapped_columns(header: Sequence[str], chosen: Mapping[str, str]) -> dict[int, str]:
    """Position -> field, as the names mean and a person says otherwise (``ReadingOptions``)."""
    if not set(chosen.values()) <= {*FIELDS, ""}:
        unknown = next(field for field in chosen.values() if field and field not in FIELDS)
        raise FormatError("unknown_field", field=unknown)
    taken = set(chosen.values())
    found = {
        place: field
        for place, field in columns_of(header).items()
        if field not in taken and header[place].strip() not in chosen
    }
    for place, name in enumerate(header):
        field = chosen.get(name.strip(), "")
        if field and field not in found.values():
            found[place] = field
    return found


def header_row(
    rows: Iterator[tuple[int, Sequence[str]]], options: ReadingOptions
) -> tuple[int, Sequence[str]] | None:
    """The row that names the columns: the chosen one, else the first that names what is needed.

    Above that one only a title may stand, of fewer cells: rows of as many would be lost. Where
    there is none like that, the first; of an empty table none at all. ``rows`` stands behind it
    then, or behind those that were looked at.
    """
    if options.header:
        return next((found for found in rows if found[0] >= options.header), None)
    first = None
    widest = 0
    for found in islice(rows, TITLE_ROWS + 1):
        first = first or found
        filled = sum(1 for cell in found[1] if cell.strip())
        known = set(mapped_columns(found[1], options.columns).values())
        if known >= NEEDED and widest < filled:
            return found
        widest = max(widest, filled)
    return first


def filled_rows(cells: Iterable[Sequence[str]]) -> Iterator[tuple[int, Sequence[str]]]:
    """(row of the sheet, its cells) of those that are not empty."""
    for number, row in enumerate(cells, start=1):
        if len(row) > MAX_COLUMNS:
            raise FormatError("too_many_columns", row=number, limit=MAX_COLUMNS)
        if any(cell.strip() for cell in row):
            yield number, row


def rows_from_cells(
    cells: Iterable[Sequence[str]], options: ReadingOptions = AS_RECOGNISED
) -> Iterator[tuple[int, dict[str, object]]]:
    """(row of the sheet, alpaca row) of every row below the header that is not empty.

    Raises:
        FormatError: too many columns, or the header names no question and no answer.
    """
    rows = filled_rows(cells)
    header = header_row(rows, options)
    if header is None:
        return
    columns = mapped_columns(header[1], options.columns)
    if not set(columns.values()) >= NEEDED:
        seen = ", ".join(cell.strip()[:30] for cell in header[1][:8] if cell.strip())
        raise FormatError("no_header", seen=seen)
    for number, row in rows:
        values = {field: row[place] for place, field in columns.items() if place < len(row)}
        yield number, {field: cell_value(field, unguarded(cell)) for field, cell in values.items()}


def cell_value(field: str, cell: str) -> object:
    """What a cell's text means in that field."""
    match field:
        case "phrasings":
            return _listed(cell, re.compile(r"[\r\n]+"))
        case "tags":
            return _listed(cell, re.compile(r"[,;，；、\r\n]+"))
        case "history":
            return _json(cell, []) if cell.strip() else None
        case "language":
            return LANGUAGES.get(cell.strip().casefold(), cell.strip().casefold())
        case "golden":
            said = cell.strip().casefold()
            return True if said in YES else False if said in NO else cell
        case _:
            return cell


def _listed(cell: str, separators: "re.Pattern[str]") -> object:
    if cell.startswith("["):
        listed = _json(cell, None)
        if isinstance(listed, list):
            return listed
    return [part.strip() for part in separators.split(cell) if part.strip()]


def _json(cell: str, otherwise: object) -> object:
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        return cell if otherwise == [] else otherwise


def cells_from_rows(rows: Iterable[RecordFields]) -> Iterator[list[str]]:
    """The header, then one row of cells for each record, safe to open in a spreadsheet."""
    yield list(FIELDS)
    for row in rows:
        yield [guarded(_cell(field, getattr(row, field))) for field in FIELDS]


def _cell(field: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else ""
    if isinstance(value, str):
        return value
    items = [list(item) if isinstance(item, tuple) else item for item in value]  # type: ignore[attr-defined]
    if not items:
        return ""
    joint = {"phrasings": "\n", "tags": "; "}.get(field)
    plain = joint.join(map(str, items)) if joint else ""
    if joint and cell_value(field, plain) == items:
        return plain
    return json.dumps(items, ensure_ascii=False)


def guarded(cell: str) -> str:
    """The cell so that no spreadsheet program takes it for a formula."""
    return "'" + cell if _RISKY.match(cell) else cell


def unguarded(cell: str) -> str:
    """What ``guarded`` was given."""
    return cell[1:] if _GUARDED.match(cell) else cell
