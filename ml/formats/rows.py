"""The canonical record and the checks that one alpaca row passes; knows nothing of files."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from ml.formats.errors import FormatError
from ml.formats.questions import Language, detect_language

MAX_CHARACTERS: Mapping[str, int] = {
    "instruction": 20_000,
    "input": 20_000,
    "output": 40_000,
    "system": 8_000,
    "history": 40_000,  # each turn
    "phrasings": 20_000,  # each
    "tags": 60,  # each
}
MAX_ENTRIES = 200  # of history, phrasings or tags

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
# A day as people and programs write it; a time of day after it says nothing more.
_DAY: Final = re.compile(
    r"(\d{4})(?:-(\d{1,2})-|/(\d{1,2})/|\.(\d{1,2})\.|年(\d{1,2})月)(\d{1,2})日?"
    r"(?:[T ]\d{1,2}:\d{2}.*)?",
    re.DOTALL,
)


@dataclass(frozen=True, kw_only=True)
class RecordFields:
    """What a record says: the fields that train, checked and storable.

    ``valid_from`` and ``valid_until`` are the first and the last day on which it is true, as
    YYYY-MM-DD, or empty where there is none.
    """

    instruction: str
    output: str
    input: str = ""
    system: str = ""
    history: tuple[tuple[str, str], ...] = ()
    phrasings: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    language: Language = "en"
    golden: bool = False
    valid_from: str = ""
    valid_until: str = ""


def fields_from_row(row: object) -> RecordFields:
    """The checked fields of one alpaca row; unknown keys are ignored, null means absent.

    Raises:
        FormatError: the row cannot be a record.
    """
    if not isinstance(row, dict):
        raise FormatError("not_an_object")
    instruction, context, output, system = (
        _text(row.get(key), key) for key in ("instruction", "input", "output", "system")
    )
    if not _is_visible(context):
        context = ""
    if not _is_visible(instruction):
        instruction, context = context, ""  # the user turn is the same
    if not _is_visible(instruction):
        raise FormatError("question_missing")
    if not _is_visible(output):
        raise FormatError("answer_missing")
    phrasings = [p for p in _texts(row, "phrasings") if _is_visible(p) and p != instruction]
    golden = row.get("golden")
    if not (golden is None or isinstance(golden, bool)):
        raise FormatError("bad_golden")
    valid_from, valid_until = (_day(row.get(key), key) for key in ("valid_from", "valid_until"))
    if valid_until and valid_until < valid_from:  # as texts, for each has four, two and two digits
        raise FormatError("dates_reversed", field="valid_until")
    return RecordFields(
        instruction=instruction,
        input=context,
        output=output,
        system=system if _is_visible(system) else "",
        history=_history(row.get("history")),
        phrasings=tuple(dict.fromkeys(phrasings)),
        tags=tuple(dict.fromkeys(tag.strip() for tag in _texts(row, "tags") if _is_visible(tag))),
        language=_language(row.get("language"), question=f"{instruction}\n{context}"),
        golden=bool(golden),
        valid_from=valid_from,
        valid_until=valid_until,
    )


def _text(value: object, field: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise FormatError("not_text", field=field)
    if len(value) > MAX_CHARACTERS[field]:
        raise FormatError("too_long", field=field, limit=MAX_CHARACTERS[field])
    if "\0" in value:  # PostgreSQL cannot store it
        raise FormatError("nul_character", field=field)
    if _SURROGATE.search(value):
        raise FormatError("broken_character", field=field)
    return value


def _texts(row: Mapping[str, object], field: str) -> list[str]:
    values = row.get(field)
    if values is None:
        return []
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise FormatError("not_a_list_of_texts", field=field)
    if len(values) > MAX_ENTRIES:
        raise FormatError("too_many", field=field, limit=MAX_ENTRIES)
    return [_text(value, field) for value in values]


def _history(turns: object) -> tuple[tuple[str, str], ...]:
    if turns is None:
        return ()
    if not isinstance(turns, list):
        raise FormatError("bad_history")
    if len(turns) > MAX_ENTRIES:
        raise FormatError("too_many", field="history", limit=MAX_ENTRIES)
    pairs = []
    for turn in turns:
        texts = turn if isinstance(turn, list) else []
        if len(texts) != 2 or not all(isinstance(text, str) for text in texts):
            raise FormatError("bad_history")
        pairs.append((_text(texts[0], "history"), _text(texts[1], "history")))
    return tuple(pairs)


def _language(value: object, *, question: str) -> Language:
    if value is None or value == "":
        return detect_language(question)
    if value == "zh":
        return "zh"
    if value == "en":
        return "en"
    raise FormatError("bad_language")


def _day(value: object, field: str) -> str:
    if isinstance(value, date):
        return (value.date() if isinstance(value, datetime) else value).isoformat()
    if value is None:
        return ""
    if not isinstance(value, str):
        raise FormatError("bad_date", field=field)
    if not value.strip():
        return ""
    found = _DAY.fullmatch(value.strip())
    if found is None:
        raise FormatError("bad_date", field=field)
    year, *months, day = found.groups()
    try:
        return date(int(year), int(next(filter(None, months))), int(day)).isoformat()
    except ValueError as error:
        raise FormatError("bad_date", field=field) from error


def _is_visible(text: str) -> bool:
    """Whether a reader would see anything: spaces and zero-width characters are nothing."""
    return any(c.isprintable() and not c.isspace() for c in text)
