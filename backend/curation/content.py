"""What a record says, checked by ``ml.formats``: the one form in which content is written."""

from dataclasses import asdict, fields, replace
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext_lazy as _

from backend.common.errors import Invalid
from backend.common.words import search_vector
from backend.curation.models import Record
from ml.formats import FormatError, RecordFields, fields_from_row, question_key
from ml.near import near_keys

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from django.utils.functional import _StrPromise

NAMES: Final = tuple(field.name for field in fields(RecordFields))

# The sentences of ml.formats, which knows no translations; a test compares the two.
SENTENCES: "Final[Mapping[str, _StrPromise]]" = {
    "empty_file": _("The file is empty."),
    "not_utf8": _("The file is not UTF-8 text (byte %(byte)s cannot be read)."),
    "json_syntax": _("Not valid JSON at line %(line)s, column %(column)s: %(problem)s."),
    "nested_too_deeply": _("The JSON is nested too deeply."),
    "not_a_list": _("The file must hold a list of records, or one record on each line."),
    "unknown_format": _(
        "Files of the kind “%(kind)s” cannot be read; use JSON, JSON lines, CSV or XLSX."
    ),
    "no_header": _(
        "No column is called question or answer (or 问题, 答案). The first row says: %(seen)s."
    ),
    "too_many_columns": _("Row %(row)s has more than %(limit)s columns."),
    "csv_syntax": _("Not valid CSV at line %(line)s: %(problem)s."),
    "bad_spreadsheet": _("The file is not a readable XLSX spreadsheet."),
    "spreadsheet_too_large": _("The spreadsheet unpacks to more than it may (%(limit)s MB)."),
    "unknown_encoding": _("The encoding “%(encoding)s” is not known."),
    "undecodable": _("Byte %(byte)s, in line %(line)s, is no %(encoding)s text."),
    "row_too_long": _("The row at line %(line)s is longer than %(limit)s characters."),
    "unknown_sheet": _("The spreadsheet has no sheet called “%(sheet)s”."),
    "unknown_delimiter": _("“%(delimiter)s” cannot separate the columns of a table."),
    "unknown_field": _("No field of a record is called “%(field)s”."),
    "bad_archive": _("The file is not a readable ZIP archive."),
    "archive_too_large": _(
        "The archive unpacks to more than it may (%(limit)s MB), or holds too many files."
    ),
    "no_dataset_info": _("The archive holds no dataset_info.json that describes its datasets."),
    "outside_folder": _("dataset_info.json names a file outside the archive: “%(file)s”."),
    "remote_dataset": _("The dataset “%(name)s” lies on the internet or is loaded by a program."),
    "missing_file": _("The archive does not hold the file of “%(name)s”."),
    "other_dataset": _("The dataset “%(name)s” is no questions with answers (%(kind)s)."),
    "not_an_object": _("The row is not an object with instruction and output."),
    "bad_turns": _("The conversation is no exchange of questions and answers in turn."),
    "tool_turns": _("The conversation calls tools; only questions and answers can be read."),
    "question_missing": _("The question is missing."),
    "answer_missing": _("The answer is missing."),
    "not_text": _("“%(field)s” must be text."),
    "not_a_list_of_texts": _("“%(field)s” must be a list of texts."),
    "bad_history": _("“history” must be a list of [question, answer] pairs of texts."),
    "bad_language": _("“language” must be zh or en."),
    "bad_golden": _("“golden” must be true or false."),
    "bad_date": _("“%(field)s” must be a day such as 2026-01-31."),
    "dates_reversed": _("The last day of validity is before the first one."),
    "too_long": _("“%(field)s” is longer than %(limit)s characters."),
    "too_many": _("“%(field)s” holds more than %(limit)s entries."),
    "nul_character": _("“%(field)s” holds a NUL character."),
    "broken_character": _("“%(field)s” holds half of a character (a lone surrogate)."),
}
FIELD_OF_CODE: Final = {
    "question_missing": "instruction",
    "answer_missing": "output",
    "bad_history": "history",
    "bad_language": "language",
    "bad_golden": "golden",
}


def sentence(error: FormatError) -> str:
    """Why something was refused, in the reader's language."""
    text = SENTENCES[error.code] % error.params
    return f"{error.file}: {text}" if error.file else text


def content_check(values: "Mapping[str, object]") -> RecordFields:
    """The content that ``values`` make, with one kind of line break.

    Raises:
        Invalid: with ``details = {field: [sentence]}`` for the first field that is wrong.
    """
    try:
        return unix_lines(fields_from_row(dict(values)))
    except FormatError as error:
        field = FIELD_OF_CODE.get(error.code) or str(error.params.get("field", "instruction"))
        details: dict[str, Any] = {field: [sentence(error)]}  # Any: as DomainError takes them
        raise Invalid(sentence(error), **details) from error


def unix_lines(content: RecordFields) -> RecordFields:
    """The same with line feeds alone, whatever a browser or a file wrote: a model learns both."""

    def clean(value: Any) -> Any:  # Any: a text, or tuples of texts
        if isinstance(value, str):
            return value.replace("\r\n", "\n").replace("\r", "\n")
        return tuple(clean(item) for item in value) if isinstance(value, tuple) else value

    return replace(content, **{name: clean(getattr(content, name)) for name in NAMES})


def content_of(record: Record) -> RecordFields:
    """What the record says now."""
    stored = {name: getattr(record, name) for name in NAMES}
    return content_from(
        {name: v.isoformat() if isinstance(v, date) else v for name, v in stored.items()}
    )


def content_from(stored: "Mapping[str, Any]") -> RecordFields:
    """Content as it was stored: a record's columns or a revision's JSON, checked when written.

    What was stored before a field existed lacks it, and has its default.
    """
    return RecordFields(
        **{
            **{name: value for name, value in stored.items() if value is not None},
            "history": tuple((question, answer) for question, answer in stored["history"]),
            "phrasings": tuple(stored["phrasings"]),
            "tags": tuple(stored["tags"]),
        }
    )


def columns(content: RecordFields) -> dict[str, Any]:
    """The columns of ``Record`` that hold this content, with the keys to find it by."""
    return {
        **asdict(content),
        "history": [list(turn) for turn in content.history],
        "phrasings": list(content.phrasings),
        "tags": list(content.tags),
        "valid_from": content.valid_from or None,
        "valid_until": content.valid_until or None,
        "wording_keys": wording_keys(content),
        "near_keys": near_keys(wordings(content)),
        "search": search_vector(searched(content)),
    }


def searched(content: RecordFields) -> "Iterator[str]":
    """The texts that a search looks into."""
    yield from (content.instruction, *content.phrasings, content.input, content.output)
    yield from content.tags


def wordings(content: RecordFields) -> list[str]:
    """The question in each of its phrasings, its own first, with its context."""
    context = f"\n{content.input}" if content.input else ""
    return [wording + context for wording in (content.instruction, *content.phrasings)]


def wording_keys(content: RecordFields) -> list[str]:
    """One key for each wording of the question, the record's own first.

    A question after earlier turns, or under a system prompt of its own, is another question.
    """
    before = [content.system] if content.system else []
    before += [question for question, _answer in content.history]
    return list(
        dict.fromkeys(
            question_key("\n".join([*before, wording]), content.input)
            for wording in (content.instruction, *content.phrasings)
        )
    )
