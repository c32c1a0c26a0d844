"""Record files (alpaca, ShareGPT, OpenAI, CSV, XLSX) <-> canonical records and examples.

Knows what may be stored; knows nothing of databases, prompts or tokens. Needs only the standard
library, and openpyxl for spreadsheets. Every refusal is a ``FormatError`` whose ``code`` and
``params`` fill a sentence of ``MESSAGES``, so that the web side can say it in another language.
"""

from ml.formats.errors import MESSAGES, FormatError
from ml.formats.examples import Example, Message, examples, user_turn
from ml.formats.inspection import inspect
from ml.formats.json_text import load_json
from ml.formats.options import DELIMITERS, ENCODINGS, Inspection, ReadingOptions
from ml.formats.questions import Language, detect_language, normalised_question, question_key
from ml.formats.reading import (
    ENDINGS,
    ParsedRow,
    parse,
    read_rows,
)
from ml.formats.rows import MAX_CHARACTERS, MAX_ENTRIES, RecordFields, fields_from_row
from ml.formats.tables import FIELDS
from ml.formats.writing import dataset_info, dump, dump_stream, write_llamafactory_folder

__all__ = [
    "DELIMITERS",
    "ENCODINGS",
    "ENDINGS",
    "FIELDS",
    "MAX_CHARACTERS",
    "MAX_ENTRIES",
    "MESSAGES",
    "Example",
    "FormatError",
    "Inspection",
    "Language",
    "Message",
    "ParsedRow",
    "ReadingOptions",
    "RecordFields",
    "dataset_info",
    "detect_language",
    "dump",
    "dump_stream",
    "examples",
    "fields_from_row",
    "inspect",
    "load_json",
    "normalised_question",
    "parse",
    "question_key",
    "read_rows",
    "user_turn",
    "write_llamafactory_folder",
]
