"""The words of a text, Chinese and English alike, as PostgreSQL's text search takes them.

PostgreSQL itself cannot cut Chinese. Words are those of jieba in its search mode; where its cut
depends on the words around (带薪年假 becomes 带薪, 年, 假), pairs of neighbouring characters still
find what was typed.
"""

import re
import unicodedata
from typing import TYPE_CHECKING, Final

import rjieba

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# A tsvector holds at most 1 MB, and one of its words 2 kB; few texts come near.
MAX_BYTES: Final = 600_000
MAX_WORD: Final = 80  # characters; what is longer is a link or a key, found by its beginning

_CHINESE: Final = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+")
_OTHER: Final = re.compile(r"[^\W_\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+")


def tokens(text: str) -> list[str]:
    """Jieba's words of a text in its order, without spaces and punctuation, case and width folded.

    Longer words are followed by the shorter ones inside them, so that both are found.
    """
    cut: list[str] = rjieba.cut_for_search(folded(text))
    return [word[:MAX_WORD] for word in cut if any(c.isalnum() for c in word)]


def cut(text: str) -> list[str]:
    """Every word, space and punctuation mark of a text: together they are the text."""
    words: list[str] = rjieba.cut(text)
    return words


def folded(text: str) -> str:
    """The text without differences of case and of full and half width."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def search_vector(texts: "Iterable[str]") -> str:
    """What is stored of a text to be found by its words: a tsvector in PostgreSQL's notation.

    Of a text with more different words than a tsvector may hold, the first are found.
    """
    size = 0
    words: dict[str, None] = {}
    for word in (word for text in texts for word in indexed(text)):
        if word not in words:
            size += len(word.encode()) + 4
            if size > MAX_BYTES:
                break
            words[word] = None
    return " ".join(map(quoted, words))


def indexed(text: str) -> "Iterator[str]":
    """All by which a text is found: jieba's words, characters and their pairs, other words."""
    yield from tokens(text)
    for run in _CHINESE.findall(folded(text)):
        yield from run
        yield from _pairs(run)
    for run in _OTHER.findall(folded(text)):
        yield run[:MAX_WORD]


def _pairs(run: str) -> list[str]:
    return [run[i : i + 2] for i in range(len(run) - 1)]


def search_query(text: str) -> str:
    """A tsquery in PostgreSQL's notation: every word of ``text`` has to be there.

    A word that is not Chinese may be the beginning of a longer one. Empty where ``text`` holds
    nothing to search for.
    """
    parts = []
    for word in text.split():
        text_of_word = folded(word)
        for run in _CHINESE.findall(text_of_word):
            typed = _all(_pairs(run) or [run])
            words = dict.fromkeys(rjieba.cut(run))
            # Words may stand in another order; single characters stand everywhere.
            apart = len(words) > 1 and all(len(word) > 1 for word in words)
            parts.append(f"({typed} | {_all(words)})" if apart else typed)
        parts += [f"{quoted(run[:MAX_WORD])}:*" for run in _OTHER.findall(text_of_word)]
    return " & ".join(dict.fromkeys(parts))


def _all(words: "Iterable[str]") -> str:
    return "(" + " & ".join(map(quoted, words)) + ")"


def quoted(word: str) -> str:
    """One word in the notation of tsvector and tsquery."""
    return "'" + word.replace("\\", "\\\\").replace("'", "''") + "'"
