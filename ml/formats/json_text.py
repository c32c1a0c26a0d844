"""JSON as the standard has it, whole or value by value; mistakes are named by line and column."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from ml.formats import texts
from ml.formats.errors import FormatError

_SPACE: Final = re.compile(r"[ \t\n\r]*")
_STRING_OR_CONSTANT: Final = re.compile(
    r'"(?:[^"\\]|\\.)*"|(?P<constant>NaN|-?Infinity)', re.DOTALL
)
# So near to the end of what was read, a mistake may only be that more is to come.
_MARGIN: Final = 20


class _ConstantError(ValueError):
    pass


def _refuse(name: str) -> None:
    raise _ConstantError(f"{name} is not JSON")


# Numbers are never used; float also takes those that int() refuses for their length.
_DECODER: Final = json.JSONDecoder(parse_int=float, parse_constant=_refuse)


def _constant_at(text: str, start: int) -> int:
    return next(m.start() for m in _STRING_OR_CONSTANT.finditer(text, start) if m["constant"])


def load_json(text: str, *, first_line: int = 1) -> Any:  # Any: it is whatever JSON holds
    """The value of a JSON text as the standard has it: NaN and Infinity are refused.

    Raises:
        FormatError: with line (counted from ``first_line``) and column of the mistake.
    """
    try:
        return _DECODER.decode(text)
    except _ConstantError as error:
        mistake = json.JSONDecodeError(str(error), text, _constant_at(text, 0))
    except json.JSONDecodeError as error:
        mistake = error
    except RecursionError as error:
        raise FormatError("nested_too_deeply") from error
    raise FormatError(
        "json_syntax",
        line=mistake.lineno + first_line - 1,
        column=mistake.colno,
        problem=mistake.msg,
    ) from mistake


class JsonText:
    """A JSON text that is read part by part; only the value being read is held."""

    def __init__(self, parts: Iterator[str]) -> None:
        self._parts = parts
        self._text = ""
        self._at = 0
        self._ended = False
        self._line, self._column = 1, 1  # of the first character held

    def peek(self) -> str:
        """The next character that is no space, or nothing at the end."""
        while True:
            found = _SPACE.match(self._text, self._at)
            self._at = found.end() if found else self._at
            if self._at < len(self._text) or self._ended:
                return self._text[self._at : self._at + 1]
            self._more()

    def line(self) -> int:
        """The line that is being read."""
        return self._place(self._at)[0]

    def items(self) -> Iterator[Any]:
        """The entries of the list that begins here; after it the text must end."""
        self._at += 1
        if self.peek() == "]":
            self._at += 1
        else:
            while True:
                self.peek()
                yield self.value()
                follows = self.peek()
                if follows not in (",", "]") or not follows:
                    raise self.mistake("Expecting ',' delimiter", self._at)
                self._at += 1
                if follows == "]":
                    break
        if self.peek():
            raise self.mistake("Extra data", self._at)

    def value(self) -> Any:
        """The value that begins here."""
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except _ConstantError as error:
                where = _constant_at(self._text, self._at)
                raise self.mistake(str(error), where) from error
            except json.JSONDecodeError as error:
                unfinished = error.msg.startswith("Unterminated string")
                if self._ended or (error.pos + _MARGIN < len(self._text) and not unfinished):
                    raise self.mistake(error.msg, error.pos) from error
            except RecursionError as error:
                raise FormatError("nested_too_deeply") from error
            else:
                if end < len(self._text) or self._ended:
                    self._at = end
                    return value
            self._more()

    def mistake(self, problem: str, where: int | None = None) -> FormatError:
        """The error to raise for what stands at ``where``, or here."""
        line, column = self._place(self._at if where is None else where)
        return FormatError("json_syntax", line=line, column=column, problem=problem)

    def _place(self, where: int) -> tuple[int, int]:
        before = self._text.count("\n", 0, where)
        if not before:
            return self._line, self._column + where
        return self._line + before, where - self._text.rfind("\n", 0, where)

    def _more(self) -> None:
        """Lets go what was read, and reads at least as much as is held."""
        self._line, self._column = self._place(self._at)
        held = self._text[self._at :]
        if len(held) > texts.MAX_ROW_CHARACTERS:
            raise FormatError("row_too_long", line=self._line, limit=texts.MAX_ROW_CHARACTERS)
        pieces, size = [held], 0
        while size <= len(held):
            part = next(self._parts, "")
            if not part:
                self._ended = True
                break
            pieces.append(part)
            size += len(part)
        self._text, self._at = "".join(pieces), 0
