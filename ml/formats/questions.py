"""When two questions are the same, and in which language a text is; knows nothing of files."""

import hashlib
import re
import unicodedata
from typing import Literal

Language = Literal["zh", "en"]


def question_key(instruction: str, input: str = "") -> str:
    """64 hex digits, equal for questions that differ only in case, width, spaces, punctuation.

    Punctuation that carries meaning stays: the point in 3.5, the signs of C#, 50% and a&b.
    """
    normalised = normalised_question(instruction, input).encode(errors="surrogatepass")
    return hashlib.sha256(normalised).hexdigest()


_INSIDE_NUMBER = re.compile(r"(?<=\d)[.:/-](?=\d)")


class _Kept(dict[int, int | None]):
    """For ``str.translate``: None, which removes it, for punctuation, spaces and the like."""

    def __missing__(self, code: int) -> int | None:
        c = chr(code)
        self[code] = code if c in "#%&@*" or unicodedata.category(c)[0] not in "PZC" else None
        return self[code]


_KEPT = _Kept()


def normalised_question(instruction: str, input: str = "") -> str:
    """The question as ``question_key`` sees it."""
    text = unicodedata.normalize("NFKC", f"{instruction}\n{input}").casefold()
    text = unicodedata.normalize("NFKC", text)
    parts, begin = [], 0
    for match in _INSIDE_NUMBER.finditer(text):
        parts += [text[begin : match.start()].translate(_KEPT), match.group()]
        begin = match.end()
    kept = "".join((*parts, text[begin:].translate(_KEPT)))
    kept = unicodedata.normalize("NFKC", kept)  # what was removed may have kept marks apart
    # A question of punctuation only ("???") is still a question, and not every other one.
    return kept or "".join(text.split())


_CJK = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_WORD = re.compile(r"[^\W\d_\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+")


def detect_language(text: str) -> Language:
    """``zh`` where the text holds at least as many Chinese characters as other words."""
    chinese = len(_CJK.findall(text))
    return "zh" if chinese and chinese >= len(_WORD.findall(text)) else "en"
