"""Whoever reads Chinese reads Chinese everywhere."""

import pytest
from django.utils import translation

from scripts import messages


def test_every_sentence_has_a_chinese_one_and_is_compiled() -> None:
    assert messages.problems() == [], "run python -m scripts.messages and translate what it names"


def test_sentences_of_python_templates_and_unfold_are_found() -> None:
    found = messages.wanted()
    assert "The answer is missing." in found  # ours, Python
    assert "Look at the rows" in found  # ours, template
    assert found["%(n)s record approved."] == ("%(n)s record approved.", "%(n)s records approved.")
    assert "Type to search" in found  # Unfold's


@pytest.mark.parametrize(
    ("language", "expected"), [("zh-hans", "缺少答案。"), ("en", "The answer is missing.")]
)
def test_the_compiled_catalogue_is_the_one_in_use(language: str, expected: str) -> None:
    with translation.override(language):
        assert translation.gettext("The answer is missing.") == expected
