"""The bytes of a text file -> its characters and lines, part by part; knows nothing of records."""

import codecs
import re
from collections.abc import Iterable, Iterator
from typing import Final, Protocol

from ml.formats.errors import FormatError
from ml.formats.options import ENCODINGS

PART: Final = 2**18
# The longest row that is held: longer than any record can be.
MAX_ROW_CHARACTERS: Final = 2**25
MARKS: Final = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
LINE_FEED: Final = re.compile(r"\n")
ANY_LINE_END: Final = re.compile(r"\r\n?|\n")


class Readable(Protocol):
    """What bytes are read from."""

    def read(self, size: int, /) -> bytes: ...


def recognise_encoding(file: Readable) -> str:
    """One of ``ENCODINGS``, by a byte-order mark or by the first part that is not plain ASCII.

    Raises:
        FormatError: the file is empty, or that part is neither UTF-8, UTF-16 nor GB18030.
    """
    before, seen = 0, False
    while part := file.read(PART):
        if not before:
            for mark, encoding in MARKS.items():
                if part.startswith(mark):
                    return encoding
            utf16 = _utf16_without_mark(part)
            if utf16:
                return utf16
        seen = seen or bool(part.strip())
        if not part.isascii():
            return _of_sample(part, before)
        before += len(part)
    if not seen:
        raise FormatError("empty_file")
    return "utf-8"


def _utf16_without_mark(part: bytes) -> str:
    """UTF-16 where every other byte of much of the text is NUL, and none in between."""
    even, odd = part[0::2].count(0), part[1::2].count(0)
    for encoding, empty, full in (("utf-16-le", even, odd), ("utf-16-be", odd, even)):
        if not empty and full * 20 >= len(part):
            try:
                codecs.getincrementaldecoder(encoding)().decode(part, final=False)
            except UnicodeDecodeError:
                continue
            return encoding
    return ""


def _of_sample(part: bytes, before: int) -> str:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(part, final=len(part) < PART)
    except UnicodeDecodeError as error:
        if _is_gb18030(part):
            return "gb18030"
        raise FormatError("not_utf8", byte=before + error.start + 1) from error
    return "utf-8"


def _is_gb18030(data: bytes) -> bool:
    """Whether it is surely GB18030: damaged UTF-8 would decode to nonsense as well."""
    try:
        text = codecs.getincrementaldecoder("gb18030")().decode(data, final=len(data) < PART)
    except UnicodeDecodeError:
        return False
    as_utf8 = [c for c in data.decode(errors="replace") if ord(c) > 127]
    if as_utf8.count("\N{REPLACEMENT CHARACTER}") * 2 < len(as_utf8):
        return False
    foreign = [c for c in text if ord(c) > 127]
    everyday = sum(bool(c.encode("gb2312", errors="ignore")) for c in foreign)
    return everyday >= 0.9 * len(foreign)


def decoded(file: Readable, encoding: str) -> Iterator[str]:
    """The text in parts, without its byte-order mark.

    Raises:
        FormatError: no such encoding, or bytes that it does not have, with byte and line.
    """
    if encoding not in ENCODINGS:
        raise FormatError("unknown_encoding", encoding=encoding)
    decoder = codecs.getincrementaldecoder(encoding)()
    at, line, begun = 0, 1, False
    while True:
        part = file.read(PART)
        held = len(decoder.getstate()[0])
        try:
            text = decoder.decode(part, final=not part)
        except UnicodeDecodeError as error:
            good = bytes(error.object[: error.start]).decode(encoding, errors="replace")
            raise FormatError(
                "undecodable",
                byte=at - held + error.start + 1,
                line=line + good.count("\n"),
                encoding=encoding.upper(),
            ) from error
        at += len(part)
        line += text.count("\n")
        if text and not begun:
            begun = True
            text = text.removeprefix("\ufeff")
        if text:
            yield text
        if not part:
            return


def lines(parts: Iterable[str], ending: "re.Pattern[str]" = LINE_FEED) -> Iterator[str]:
    """The lines with their ends, cut only where ``ending`` says (U+2028 is a character here).

    Raises:
        FormatError: a line that is longer than any record.
    """
    pieces: list[str] = []
    size, number, half = 0, 1, ""
    for part in parts:
        part = half + part
        # The line feed of a carriage return may stand in the next part.
        half = "\r" if part.endswith("\r") else ""
        part = part.removesuffix("\r")
        start = 0
        for end in ending.finditer(part):
            pieces.append(part[start : end.end()])
            yield "".join(pieces)
            pieces, size, start, number = [], 0, end.end(), number + 1
        pieces.append(part[start:])
        size += len(pieces[-1])
        if size > MAX_ROW_CHARACTERS:
            raise FormatError("row_too_long", line=number, limit=MAX_ROW_CHARACTERS)
    rest = "".join(pieces) + half
    if rest:
        yield rest
