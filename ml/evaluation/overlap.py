"""How much of an expected answer's wording an answer has: ROUGE-L by words, chrF by characters.

Both respect Chinese: ROUGE-L counts the words that jieba finds, where whitespace would make one
word of a whole sentence, and chrF needs no words at all.
"""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import rjieba

# Source: chrF2, Popović 2015, https://aclanthology.org/W15-3049 (n-grams up to 6, recall counts
# twice as much as precision); the defaults of sacrebleu.
LONGEST: Final = 6
BETA: Final = 2.0


def folded(text: str) -> str:
    """``text`` in which neither width nor case makes a difference."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def words(text: str) -> list[str]:
    """The words of a text in any mixture of languages, without punctuation."""
    return [
        word for word in rjieba.cut(folded(text), False) if any(letter.isalnum() for letter in word)
    ]


def rouge_l(answer: str, expected: str) -> float:
    """F1 of the longest common subsequence of words, 0 to 1.

    Source: ROUGE-L, Lin 2004, https://aclanthology.org/W04-1013.
    """
    given, wanted = words(answer), words(expected)
    if not given or not wanted:
        return float(given == wanted)
    common = _common(given, wanted)
    # 2PR / (P + R) with P = common / given and R = common / wanted.
    return 2 * common / (len(given) + len(wanted))


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """Length of the longest common subsequence."""
    row = [0] * (len(other) + 1)
    for word in one:
        above_left = 0
        for place, against in enumerate(other, 1):
            above = row[place]
            row[place] = above_left + 1 if word == against else max(above, row[place - 1])
            above_left = above
    return row[-1]


def chrf(answer: str, expected: str) -> float:
    """chrF2 of the characters without whitespace, 0 to 1.

    Precision and recall are averaged over the lengths of n-grams that both texts have.
    """
    given, wanted = "".join(folded(answer).split()), "".join(folded(expected).split())
    if not given or not wanted:
        return float(given == wanted)
    longest = min(LONGEST, len(given), len(wanted))
    precision = recall = 0.0
    for length in range(1, longest + 1):
        of_given, of_wanted = _ngrams(given, length), _ngrams(wanted, length)
        shared = (of_given & of_wanted).total()
        precision += shared / of_given.total()
        recall += shared / of_wanted.total()
    if not precision or not recall:
        return 0.0
    precision, recall = precision / longest, recall / longest
    return (1 + BETA**2) * precision * recall / (BETA**2 * precision + recall)


@lru_cache(maxsize=4096)
def _ngrams(text: str, length: int) -> Counter[str]:
    return Counter(text[place : place + length] for place in range(len(text) - length + 1))
