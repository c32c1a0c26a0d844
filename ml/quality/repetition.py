"""Answers that go round in circles, and answers that end before they end."""

import re
import zlib
from collections import Counter
from collections.abc import Iterator
from typing import Final

from ml.formats import RecordFields
from ml.quality.findings import Finding, Severity, excerpt, prose

_SENTENCE: Final = re.compile(r"[^。！？!?\n;；]+")
MIN_SENTENCE: Final = 10  # characters that a repeated sentence has
TIMES: Final = 3
MIN_PACKED: Final = 200  # characters from which packing says something
MIN_RATIO: Final = 0.12  # packed to unpacked; prose of a few hundred bytes packs to 0.4 and more

_OPEN_END: Final = re.compile(
    r"(?:[，,、；;（(\[【《“‘]|(?<![-—])[-—](?![-—])"
    r"|\b(?:and|or|the|a|an|of|to|with|for|because|that|which)"
    r"|(?:因为|但是|以及|并且|而且|或者|例如|比如|如果))$"
)
MIN_ANSWER: Final = 20


def check(content: RecordFields) -> Iterator[Finding]:
    """Repeated text and a cut-off end, in the answer."""
    if (repeated := _repeated(content.output)) is not None:
        yield Finding(
            code="repeated_text",
            severity=Severity.WARNING,
            field="output",
            params={"found": [excerpt(repeated)] if repeated else [], "count": 1},
        )
    answer = content.output.rstrip()
    cut = len(answer) >= MIN_ANSWER and _OPEN_END.search(answer[-12:])
    if cut or answer.count("```") % 2:
        yield Finding(
            code="cut_off",
            severity=Severity.INFO,
            field="output",
            params={"found": ["…" + excerpt(answer[-30:])], "count": 1},
            span=(max(len(answer) - 30, 0), len(answer)),
        )


def _repeated(text: str) -> str | None:
    """What is said again and again; empty where it is no sentence; None where nothing is."""
    plain = prose(text)
    sentences = Counter(
        sentence
        for sentence in (part.strip() for part in _SENTENCE.findall(plain))
        if len(sentence) >= MIN_SENTENCE and any(c.isalnum() for c in sentence)
    )
    for sentence, times in sentences.most_common(1):
        if times >= TIMES:
            return str(sentence)
    letters = "".join(c for c in plain if c.isalnum()).encode()
    if len(letters) >= MIN_PACKED and len(zlib.compress(letters)) < MIN_RATIO * len(letters):
        return ""
    return None
