"""What a check says of a record, and the texts that it looks at; knows no sentences for people."""

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from ml.formats import RecordFields


class Severity(IntEnum):
    """How bad it is: the larger, the worse."""

    INFO = 1
    WARNING = 2
    ERROR = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong with one field.

    Attributes:
        code: which kind.
        severity: how bad it is.
        field: of ``RecordFields``.
        params: JSON values that a sentence names; ``found`` holds excerpts in which everything
            personal or secret is masked.
        span: where in the field's (first) text it begins and ends, where that can be said.
    """

    code: str
    severity: Severity
    field: str
    params: Mapping[str, object] = dataclasses.field(default_factory=dict)
    span: tuple[int, int] | None = None


Check = Callable[[RecordFields], Iterable[Finding]]

MAX_SHOWN: Final = 3  # excerpts of one finding
MAX_EXCERPT: Final = 60

_CODE: Final = re.compile(r"```.*?(?:```|\Z)|`[^`\n]+`", re.DOTALL)


def texts(content: RecordFields) -> Iterator[tuple[str, str]]:
    """Every text of a record that trains, with its field's name."""
    yield "instruction", content.instruction
    for wording in content.phrasings:
        yield "phrasings", wording
    if content.input:
        yield "input", content.input
    yield "output", content.output
    if content.system:
        yield "system", content.system
    for turn in content.history:
        for text in turn:
            yield "history", text


def prose(text: str) -> str:
    """``text`` with spaces where it is code (between backticks): places stay the same."""
    return _CODE.sub(lambda code: " " * len(code[0]), text) if "`" in text else text


def excerpt(text: str) -> str:
    """The beginning, on one line."""
    line = " ".join(text[: MAX_EXCERPT * 2].split())
    return line if len(line) <= MAX_EXCERPT else line[:MAX_EXCERPT] + "…"


def in_texts(
    content: RecordFields,
    code: str,
    severity: Severity,
    places: Callable[[str], Iterable[tuple[int, int]]],
    *,
    shown: Callable[[str], str] = excerpt,
    fields: frozenset[str] | None = None,
) -> Iterator[Finding]:
    """One finding for each field in whose texts ``places`` finds something.

    Args:
        content: the record's.
        code: of the findings.
        severity: of the findings.
        places: beginnings and ends of what is wrong in a text.
        shown: makes an excerpt of what was found.
        fields: only these; all of them where not given.
    """
    found: dict[str, list[str]] = {}
    spans: dict[str, tuple[int, int]] = {}
    for name, text in texts(content):
        if fields is not None and name not in fields:
            continue
        for start, end in places(text):
            spans.setdefault(name, (start, end))
            found.setdefault(name, []).append(shown(text[start:end]))
    for name, excerpts in found.items():
        params = {"found": list(dict.fromkeys(excerpts))[:MAX_SHOWN], "count": len(excerpts)}
        yield Finding(code=code, severity=severity, field=name, params=params, span=spans[name])
