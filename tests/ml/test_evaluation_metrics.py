"""What is measured of an answer says what people would say of it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.evaluation.metrics import contains, is_refusal, measure, perplexity, repetition
from ml.evaluation.overlap import chrf, rouge_l, words
from ml.evaluation.scores import scores_of

TEXT = st.text(alphabet="出差三天由部门经理审批 the day of leave12,。", max_size=30)


@given(TEXT, TEXT)
def test_overlaps_are_shares_and_equal_texts_are_whole(one: str, other: str) -> None:
    for overlap in (rouge_l, chrf):
        assert 0 <= overlap(one, other) <= 1 + 1e-9
        assert overlap(one, one) == pytest.approx(1)
    assert rouge_l(one, other) == pytest.approx(rouge_l(other, one))


@given(TEXT.filter(lambda text: bool(words(text))), TEXT)
def test_an_answer_that_says_more_keeps_its_recall(expected: str, more: str) -> None:
    # The words of the expected answer are all there, one after the other.
    longer = f"{expected}\n\n{more}"
    count = len(words(longer))
    if words(longer)[: len(words(expected))] == words(expected):
        assert rouge_l(longer, expected) == pytest.approx(
            2 * len(words(expected)) / (count + len(words(expected)))
        )


def test_chinese_is_compared_by_words_and_not_as_one() -> None:
    expected = "由部门负责人和行政部共同审批。"
    assert words("出差超过三天,由部门经理审批!") == [
        "出差",
        "超过",
        "三天",
        "由",
        "部门经理",
        "审批",
    ]
    half = rouge_l("由部门负责人审批", expected)
    assert 0.4 < half < 1
    assert rouge_l("今天天气很好", expected) == 0
    assert chrf("由部门负责人审批", expected) > chrf("今天天气很好,审批", expected) > 0


def test_chrf_follows_its_formula() -> None:
    # "ab" and "abc": 1-grams P 1, R 2/3; 2-grams P 1, R 1/2; mean P 1, R 7/12.
    precision, recall = 1.0, (2 / 3 + 1 / 2) / 2
    assert chrf("ab", "abc") == pytest.approx(5 * precision * recall / (4 * precision + recall))


@pytest.mark.parametrize(
    ("text", "part", "is_there"),
    [
        ("法国的首都是巴黎。", "巴黎", True),
        ("The answer is 12.", "12", True),
        ("It was in 2012.", "12", False),
        ("I am in the office.", "Ice", False),
        ("It is ICE!", "ice", True),
        ("一年有 12 个月", "12个月", True),
        ("水是H₂O", "H2O", True),
        ("The Pacific, of course", "The Pacific Ocean", False),
        ("whatever", "", False),
    ],
)
def test_what_an_answer_contains(text: str, part: str, is_there: bool) -> None:
    assert contains(text, part) is is_there


@pytest.mark.parametrize(
    ("text", "refuses"),
    [
        ("抱歉,我无法回答这个问题。", True),
        ("我不知道。", True),
        ("I'm sorry, but I can't help with that.", True),
        ("As an AI, I have no opinion.", True),
        ("员工不能把密码告诉别人。", False),
        ("You cannot carry leave over to the next year.", False),
        ("Twenty days. " * 10 + "I don't know more.", False),
    ],
)
def test_what_is_a_refusal(text: str, refuses: bool) -> None:
    assert is_refusal(text) is refuses


def test_going_round_in_circles_is_seen() -> None:
    assert repetition("在系统里提交报销单。" * 6) > 0.7
    assert repetition("The quick brown fox jumps over the lazy dog.") == 0
    assert repetition("") == 0


def test_perplexity_is_what_its_name_says() -> None:
    assert perplexity(3 * math.log(7), 3) == pytest.approx(7)
    assert perplexity(None, 3) is None
    assert perplexity(1e6, 1) is None


def test_one_infinitely_unlikely_answer_leaves_no_perplexity() -> None:
    question = {"id": "1", "kind": "golden", "expected": "Yes.", "accepted": []}
    asked = [question, question | {"id": "2"}]
    answers = [
        {"question": key, "model": "candidate", "text": "Yes.", "finish_reason": "stop"}
        | {"loss": loss, "label_tokens": 2}
        for key, loss in (("1", 0.5), ("2", None))
    ]
    assert scores_of(asked, answers)["candidate"]["golden"]["perplexity"] is None


def test_thoughts_are_no_part_of_the_answer() -> None:
    said = measure(text="<think>\nParis or Lyon?\n</think>\n\nParis.", expected="paris")
    assert (said["exact"], said["length"]) == (1, 6)
