"""Record files (alpaca, ShareGPT, OpenAI, CSV, XLSX) <-> canonical records and examples.

Knows what may be stored; knows nothing of databases, prompts or tokens. Needs only the standard
library, and openpyxl for spreadsheets. Every refusal is a ``FormatError`` whose ``code`` and
``params`` fill a sentence of ``MESSAGES``, so that the web side can say it in another language.
"""

from ml.formats.errors import MESSAGES, FormatError
from ml.formats.examples import Example, Message, examples, user_turn
from ml.formats.questions import Language, detect_language, normalised_question, question_key
from ml.formats.reading import ENDINGS, ParsedRow, decode_text, load_json, parse
from ml.formats.rows import MAX_CHARACTERS, MAX_ENTRIES, RecordFields, fields_from_row
from ml.formats.writing import dataset_info, dump, write_llamafactory_folder

__all__ = [
    "ENDINGS",
    "MAX_CHARACTERS",
    "MAX_ENTRIES",
    "MESSAGES",
    "Example",
    "FormatError",
    "Language",
    "Message",
    "ParsedRow",
    "RecordFields",
    "dataset_info",
    "decode_text",
    "detect_language",
    "dump",
    "examples",
    "fields_from_row",
    "load_json",
    "normalised_question",
    "parse",
    "question_key",
    "user_turn",
    "write_llamafactory_folder",
]
