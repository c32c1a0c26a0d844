"""Questions and answers that say nothing, or the same."""

from collections.abc import Iterator

from ml.formats import RecordFields
from ml.formats.questions import normalised_question
from ml.quality.findings import Finding, Severity

# Shorter questions stand in many answers by chance.
MIN_REPEATED = 6


def check(content: RecordFields) -> Iterator[Finding]:
    """Empty questions and answers, an answer that is the question, one that begins with it."""
    empty = {
        field: not any(c.isalnum() for c in text)
        for field, text in (("instruction", content.instruction), ("output", content.output))
    }
    if empty["instruction"] and not any(c.isalnum() for c in content.input):
        yield Finding(code="question_empty", severity=Severity.ERROR, field="instruction")
    if any(not any(c.isalnum() for c in wording) for wording in content.phrasings):
        yield Finding(code="question_empty", severity=Severity.WARNING, field="phrasings")
    if empty["output"]:
        # “👍” may be meant; “。” is not.
        symbols = any(ord(c) > 0x2190 and not c.isspace() for c in content.output if not _mark(c))
        severity = Severity.WARNING if symbols else Severity.ERROR
        yield Finding(code="answer_empty", severity=severity, field="output")
        return
    wordings = (content.instruction, *content.phrasings)
    if any(_same(content.output, wording) for wording in wordings):
        yield Finding(code="answer_is_question", severity=Severity.ERROR, field="output")
    elif any(_begins_with(content.output, wording) for wording in wordings):
        yield Finding(code="answer_repeats_question", severity=Severity.WARNING, field="output")


def _same(one: str, other: str) -> bool:
    """But for case, width, spaces and punctuation."""
    # Texts of very different lengths need no closer look.
    if not len(one) < 2 * len(other) + 20 or not len(other) < 2 * len(one) + 20:
        return False
    return normalised_question(one) == normalised_question(other)


def _begins_with(answer: str, question: str) -> bool:
    """Whether the question stands before the answer, whole: as its first line or sentence.

    “What can I do on a plane” — “What one can do on a plane: …” is how people answer.
    """
    question, answer = question.strip(), answer.strip()
    if len(question) < MIN_REPEATED:
        return False
    if answer.startswith(question) and question[-1] in "?？。.!！":
        return True
    first = answer.partition("\n")[0]
    return first != answer and _same(first, question)


def _mark(character: str) -> bool:
    """Punctuation of either language."""
    return character in "，。、；：？！…—～·（）【】《》「」『』“”‘’　" or character.isascii()
