"""Characters that nobody wrote: lost in a wrong encoding, invisible, or spaces around a text."""

import re
from collections.abc import Iterator
from typing import Final

from ml.formats import RecordFields
from ml.quality.findings import Finding, Severity, in_texts

Places = Iterator[tuple[int, int]]

_LOST: Final = re.compile(
    r"\ufffd+"
    r"|(?:锟斤拷|烫烫烫|屯屯屯)+"
    r"|(?:Ã[\u0080-\u00bf]|Â[\u0080-\u00bf]|â€[™œ\u009d“”˜¦\u0094]|ï¿½)+"  # UTF-8 read as Latin-1
    r"|(?:[\u00c0-\u00ef][\u0080-\u00bf]{1,2}){3,}"
)
_CONTROL: Final = re.compile(
    "[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u200b\u2060-\u2064\u2028\u2029\u202a-\u202e"
    "\u2066-\u206f\ufeff\ufff9-\ufffb\U000e0001]+"
)
_JOINER: Final = re.compile("[\u200c\u200d\u200e\u200f]+")
# Scripts and signs that need joiners or marks of direction: Arabic, Hebrew, Indic, emoji.
_NEEDS_JOINERS: Final = re.compile(
    "[\u0590-\u08ff\u0900-\u0dff\u2600-\u27bf\ufe0f\U0001f000-\U0001faff]"
)


def lost(text: str) -> Places:
    """What remains of characters that were read in another encoding."""
    for match in _LOST.finditer(text):
        yield match.span()


def invisible(text: str) -> Places:
    """Control characters, zero-width ones and marks of direction, where nothing needs them."""
    for match in _CONTROL.finditer(text):
        yield match.span()
    if not _NEEDS_JOINERS.search(text):
        for match in _JOINER.finditer(text):
            yield match.span()


def untrimmed(text: str) -> Places:
    """Spaces and empty lines before or after a text."""
    if text != text.strip():
        start = len(text) - len(text.lstrip())
        yield (0, start) if start else (len(text.rstrip()), len(text))


def named(text: str) -> str:
    """Code points of what cannot be seen."""
    return " ".join(dict.fromkeys(f"U+{ord(c):04X}" for c in text[:5]))


def check(content: RecordFields) -> Iterator[Finding]:
    """Broken and invisible characters, and spaces around a text."""
    yield from in_texts(content, "mojibake", Severity.ERROR, lost)
    yield from in_texts(content, "invisible", Severity.WARNING, invisible, shown=named)
    yield from in_texts(content, "untrimmed", Severity.INFO, untrimmed, shown=lambda _text: "")
