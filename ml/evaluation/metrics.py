"""What is measured of one answer. Pure: the same stored answer always gives the same numbers."""

import math
import re
from collections.abc import Sequence
from typing import Final, TypedDict

from ml.evaluation.overlap import chrf, folded, rouge_l, words
from ml.formats.questions import normalised_question

THOUGHTS_OPENED: Final = "<think>"
THOUGHTS_CLOSED: Final = "</think>"
REPEATED_WORDS: Final = 4

# Said instead of an answer. Only the beginning counts: a rule that says what one cannot do is one.
REFUSALS: Final = re.compile(
    r"(?:对不起|抱歉|很遗憾|不好意思)"
    r"|(?:我|作为\S{0,12})(?:无法|不能|没办法|不便|没有权限)(?:回答|提供|帮|协助|告诉|透露|满足)"
    r"|我(?:不知道|不清楚|不了解|不确定)"
    r"|\bi(?:['’]?m| am) (?:(?:so|very|really) )?(?:sorry|afraid|unable|not able|not sure)\b"
    r"|^(?:sorry|unfortunately)\b"
    r"|\bi (?:can(?:no|['’])?t|could(?:n['’]| no)t|won['’]t|do(?:n['’]| no)t know)\b"
    r"|\bas an ai\b"
)
REFUSAL_WITHIN: Final = 60  # characters


class Metrics(TypedDict):
    """One answer's numbers; docs/evaluation.md explains each."""

    perplexity: float | None
    rouge_l: float
    chrf: float
    exact: float
    contains: float
    refusal: float
    repetition: float
    length: int
    cut_off: float


def measure(
    *,
    text: str,
    expected: str,
    accepted: Sequence[str] = (),
    finish_reason: str = "stop",
    loss: float | None = None,
    label_tokens: int = 0,
) -> Metrics:
    """The numbers of one answer.

    Args:
        text: what the model wrote.
        expected: the record's own answer.
        accepted: other wordings that count as containing it.
        finish_reason: ``length`` where the longest allowed answer was reached.
        loss: sum of the cross-entropies of the expected answer's tokens, in nats.
        label_tokens: how many those are.
    """
    said = without_thoughts(text)
    return {
        "perplexity": perplexity(loss, label_tokens),
        "rouge_l": rouge_l(said, expected),
        "chrf": chrf(said, expected),
        "exact": float(normalised_question(said) == normalised_question(expected)),
        "contains": float(any(contains(said, part) for part in (expected, *accepted))),
        "refusal": float(is_refusal(said)),
        "repetition": repetition(said),
        "length": len(said),
        "cut_off": float(finish_reason == "length"),
    }


def without_thoughts(text: str) -> str:
    """The answer itself, without what a reasoning model thought before it."""
    _thoughts, closed, answer = text.rpartition(THOUGHTS_CLOSED)
    if not closed and text.lstrip().startswith(THOUGHTS_OPENED):
        return ""  # it never came to an answer
    return answer.strip()


def perplexity(loss: float | None, tokens: int) -> float | None:
    """The exponential of the mean cross-entropy; None where it is no finite number."""
    if loss is None or not tokens:
        return None
    mean = loss / tokens
    return math.exp(mean) if mean < 700 else None


def contains(text: str, part: str) -> bool:
    """Whether ``part`` stands in ``text``, whatever the case, width and punctuation.

    A Latin word or a number counts as a whole only: there is no ice in an office.
    """
    wanted = _plain(part)
    if not wanted:
        return False
    edges = (
        r"(?<![a-z0-9])" if wanted[0].isascii() else "",
        r"(?![a-z0-9])" if wanted[-1].isascii() else "",
    )
    return re.search(edges[0] + re.escape(wanted) + edges[1], _plain(text)) is not None


def _plain(text: str) -> str:
    """Words without punctuation; a blank only between what would grow together without it."""
    kept = "".join(letter if letter.isalnum() else " " for letter in folded(text))
    return re.sub(r"(?<![!-~]) | (?![!-~])", "", " ".join(kept.split()))


def is_refusal(text: str) -> bool:
    """Whether the answer begins by saying that there will be none."""
    return REFUSALS.search(folded(text)[:REFUSAL_WITHIN]) is not None


def repetition(text: str) -> float:
    """The share of four-word sequences that were there before, 0 to 1."""
    found = words(text)
    count = len(found) - REPEATED_WORDS + 1
    if count < 2:
        return 0.0
    distinct = {tuple(found[at : at + REPEATED_WORDS]) for at in range(count)}
    return 1 - len(distinct) / count
