"""Questions that are nearly the same are found, others are not."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.near import NEAR, near_keys, similarity
from ml.near_pairs import near_pairs

NEAR_ONES = [
    ("新员工的年假一共有几天可以休", "新员工的年假一共有几天可以休？"),
    ("请问北京办公室的访客停车应该怎么预约", "北京办公室的访客停车应该怎么预约呢"),
    (
        "How do I reset the password of my company e-mail account?",
        "How can I reset the password of my company email account",
    ),
]
OTHERS = [
    ("年假有几天", "病假有几天"),
    ("VPN shows error 691, what can I do?", "VPN shows error 692, what can I do?"),
    ("How many days of annual leave do I get?", "How do I reset my password?"),
    ("", "a"),
]


@pytest.mark.parametrize(("one", "other"), NEAR_ONES)
def test_near_questions_share_a_key_and_are_similar(one: str, other: str) -> None:
    assert set(near_keys([one])) & set(near_keys([other]))
    assert NEAR <= similarity([one], [other]) <= 1


@pytest.mark.parametrize(("one", "other"), OTHERS)
def test_other_questions_are_not_similar(one: str, other: str) -> None:
    assert similarity([one], [other]) < NEAR


def test_any_wording_makes_two_questions_near() -> None:
    one = ["怎么请假", "请问新员工的年假一共有几天可以休"]
    other = ["新员工的年假一共有几天可以休", "How long is the leave?"]
    keys = {"one": near_keys(one), "other": near_keys(other)}
    wordings = {"one": one, "other": other}
    assert [pair[:2] for pair in near_pairs(keys.items(), wordings.__getitem__)] == [
        ("one", "other")
    ]


def test_keys_are_those_that_are_stored() -> None:
    """A change of these breaks every stored key: it needs a migration."""
    assert near_keys(["年假有几天"])[:2] == [-8944905479072317782, -8034279561180249819]


@given(st.text(max_size=200))
def test_a_text_is_near_itself_whatever_its_case_and_width(text: str) -> None:
    assert near_keys([text]) == near_keys([text])
    assert all(-(2**63) <= key < 2**63 for key in near_keys([text]))
    assert similarity([text], [text]) == 1


def test_of_many_questions_the_near_ones_are_found() -> None:
    made = random.Random(7)
    characters = [chr(0x4E00 + number) for number in range(3000)]
    texts = ["".join(made.choices(characters, k=30)) for _ in range(400)]
    # One character more at the end of thirty: 29 of 30 pairs are the same.
    texts += [text + made.choice(characters) for text in texts[:200]]
    keys = [(number, near_keys([text])) for number, text in enumerate(texts)]
    found = {pair[:2] for pair in near_pairs(keys, lambda number: [texts[number]])}
    assert found == {(number, 400 + number) for number in range(200)}


def test_a_crowd_of_one_pattern_is_connected_and_not_quadratic() -> None:
    texts = ["新员工的年假一共有几天可以休" + "？" * number for number in range(300)]
    keys = [(number, near_keys([text])) for number, text in enumerate(texts)]
    pairs = list(near_pairs(keys, lambda number: [texts[number]]))
    assert {later for _earlier, later, _near in pairs} == set(range(1, 300))
    assert len(pairs) <= 300 * 50
