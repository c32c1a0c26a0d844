"""The sentences with which a file or a row is refused; knows nothing of how they are read."""

from collections.abc import Mapping

from ml.errors import MlError

MESSAGES: Mapping[str, str] = {
    # the whole file
    "empty_file": "The file is empty.",
    "not_utf8": "The file is not UTF-8 text (byte %(byte)s cannot be read).",
    "json_syntax": "Not valid JSON at line %(line)s, column %(column)s: %(problem)s.",
    "nested_too_deeply": "The JSON is nested too deeply.",
    "not_a_list": "The file must hold a list of records, or one record on each line.",
    "unknown_format": (
        "Files of the kind “%(kind)s” cannot be read; use JSON, JSON lines, CSV or XLSX."
    ),
    "no_header": (
        "No column is called question or answer (or 问题, 答案). The first row says: %(seen)s."
    ),
    "too_many_columns": "Row %(row)s has more than %(limit)s columns.",
    "csv_syntax": "Not valid CSV at line %(line)s: %(problem)s.",
    "bad_spreadsheet": "The file is not a readable XLSX spreadsheet.",
    "spreadsheet_too_large": "The spreadsheet unpacks to more than it may (%(limit)s MB).",
    "unknown_encoding": "The encoding “%(encoding)s” is not known.",
    "undecodable": "Byte %(byte)s, in line %(line)s, is no %(encoding)s text.",
    "row_too_long": "The row at line %(line)s is longer than %(limit)s characters.",
    "unknown_sheet": "The spreadsheet has no sheet called “%(sheet)s”.",
    "unknown_delimiter": "“%(delimiter)s” cannot separate the columns of a table.",
    "unknown_field": "No field of a record is called “%(field)s”.",
    "bad_archive": "The file is not a readable ZIP archive.",
    "archive_too_large": (
        "The archive unpacks to more than it may (%(limit)s MB), or holds too many files."
    ),
    "no_dataset_info": "The archive holds no dataset_info.json that describes its datasets.",
    "outside_folder": "dataset_info.json names a file outside the archive: “%(file)s”.",
    "remote_dataset": "The dataset “%(name)s” lies on the internet or is loaded by a program.",
    "missing_file": "The archive does not hold the file of “%(name)s”.",
    "other_dataset": "The dataset “%(name)s” is no questions with answers (%(kind)s).",
    # one row
    "not_an_object": "The row is not an object with instruction and output.",
    "bad_turns": "The conversation is no exchange of questions and answers in turn.",
    "tool_turns": "The conversation calls tools; only questions and answers can be read.",
    "question_missing": "The question is missing.",
    "answer_missing": "The answer is missing.",
    "not_text": "“%(field)s” must be text.",
    "not_a_list_of_texts": "“%(field)s” must be a list of texts.",
    "bad_history": "“history” must be a list of [question, answer] pairs of texts.",
    "bad_language": "“language” must be zh or en.",
    "bad_golden": "“golden” must be true or false.",
    "bad_date": "“%(field)s” must be a day such as 2026-01-31.",
    "dates_reversed": "The last day of validity is before the first one.",
    "too_long": "“%(field)s” is longer than %(limit)s characters.",
    "too_many": "“%(field)s” holds more than %(limit)s entries.",
    "nul_character": "“%(field)s” holds a NUL character.",
    "broken_character": "“%(field)s” holds half of a character (a lone surrogate).",
}


class FormatError(MlError):
    """Why a file or a row cannot be read, as one sentence for people."""

    def __init__(self, code: str, **params: str | int) -> None:
        super().__init__(MESSAGES[code] % params, code=code)
        self.params = params
        self.file = ""

    def in_file(self, name: str) -> "FormatError":
        """The same, of a file in a folder (.zip)."""
        self.file = self.file or name
        return self

    def __str__(self) -> str:
        return f"{self.file}: {super().__str__()}" if self.file else super().__str__()
