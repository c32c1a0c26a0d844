"""What is wrong with a record by itself: one module a kind. Knows nothing of other records."""

from typing import Final

from ml.formats import RecordFields
from ml.quality import (
    characters,
    credentials,
    emptiness,
    language,
    leftovers,
    length,
    personal,
    repetition,
)
from ml.quality.findings import Check, Finding, Severity
from ml.quality.fixes import FIXABLE, fixed
from ml.quality.length import Counts, LengthLimits

__all__ = [
    "CODES",
    "FIXABLE",
    "VERSION",
    "Counts",
    "Finding",
    "LengthLimits",
    "Severity",
    "check",
    "fixed",
]

# Stored beside what was found: another number has every record checked again.
VERSION: Final = 1
CHECKS: Final[tuple[Check, ...]] = (
    emptiness.check,
    language.check,
    personal.check,
    credentials.check,
    leftovers.check,
    characters.check,
    repetition.check,
)
CODES: Final = (
    "question_empty",
    "answer_empty",
    "answer_is_question",
    "answer_repeats_question",
    "too_long",
    "answer_too_long",
    "language_mixed",
    "language_wrong",
    "identity_card",
    "bank_card",
    "iban",
    "phone",
    "landline",
    "email",
    "mailbox",
    "private_key",
    "api_key",
    "password",
    "placeholder",
    "html",
    "mojibake",
    "invisible",
    "untrimmed",
    "repeated_text",
    "cut_off",
)


def check(content: RecordFields, *, limits: LengthLimits | None = None) -> list[Finding]:
    """Everything that is wrong, the worst first; at most one finding of a kind for each field.

    Args:
        content: the record's.
        limits: the base model's tokens; without them nothing is said of lengths.
    """
    found = [finding for each in CHECKS for finding in each(content)]
    if limits is not None:
        found += length.check(content, limits)
    return sorted(found, key=lambda finding: -finding.severity)
