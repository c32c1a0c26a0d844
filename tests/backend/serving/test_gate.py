"""The gate: what is worse than in production is refused, with the numbers."""

import pytest

from backend.serving.gate import Thresholds, gate, reason_text, reference_of
from tests.backend.serving.evaluated import result

GENEROUS = Thresholds(
    max_chrf_drop=1, max_rouge_l_drop=1, max_perplexity_ratio=100, max_probe_drop=1
)


def codes(thresholds: Thresholds, **right: int) -> list[str]:
    verdict = gate(result(**right)["scores"], thresholds)
    assert verdict.passed is not bool(verdict.reasons)
    return [reason["code"] for reason in verdict.reasons]


def test_as_good_or_better_passes() -> None:
    assert codes(Thresholds(), base=0, production=14, candidate=14) == []
    assert codes(Thresholds(), base=14, production=3, candidate=4) == []


def test_without_anything_in_production_the_base_is_the_measure() -> None:
    assert reference_of(result(base=1, candidate=1)["scores"]) == "base"
    assert codes(Thresholds(), base=2, candidate=3) == []
    assert "chrf_worse" in codes(Thresholds(), base=3, candidate=2)


def test_every_way_of_being_worse_is_told_with_its_numbers() -> None:
    assert codes(Thresholds(), base=0, production=14, candidate=2) == [
        "chrf_worse",
        "rouge_l_worse",
        "perplexity_worse",
        "probe_worse",
    ]
    verdict = gate(result(base=0, production=12, candidate=0)["scores"], Thresholds())
    sentence = reason_text(verdict.reasons[0])
    assert "fell from 1 to 0" in sentence
    assert "0.02" in sentence


@pytest.mark.parametrize(
    ("thresholds", "code"),
    [
        (Thresholds(max_chrf_drop=0, max_rouge_l_drop=1, max_perplexity_ratio=100), "chrf_worse"),
        (
            Thresholds(max_chrf_drop=1, max_rouge_l_drop=0, max_perplexity_ratio=100),
            "rouge_l_worse",
        ),
        (
            Thresholds(max_chrf_drop=1, max_rouge_l_drop=1, max_perplexity_ratio=1),
            "perplexity_worse",
        ),
    ],
)
def test_each_threshold_holds_for_itself(thresholds: Thresholds, code: str) -> None:
    assert codes(thresholds, base=0, production=12, candidate=11) == [code]
    assert codes(GENEROUS, base=0, production=12, candidate=11) == []


def test_forgetting_alone_is_enough() -> None:
    assert codes(Thresholds(), base=0, production=14, candidate=13) == ["probe_worse"]


def test_too_few_questions_prove_nothing() -> None:
    assert codes(Thresholds(min_examples=12), base=0, candidate=14) == []
    assert codes(Thresholds(min_examples=13), base=0, candidate=14) == ["too_few_examples"]


def test_an_answer_that_cannot_be_weighed_is_infinitely_worse() -> None:
    scores = result(base=12, candidate=12)["scores"]
    scores["candidate"]["golden"]["perplexity"] = None
    verdict = gate(scores, Thresholds())
    assert [reason["code"] for reason in verdict.reasons] == ["perplexity_worse"]
    assert "∞" in reason_text(verdict.reasons[0])
    scores["base"]["golden"]["perplexity"] = None
    assert gate(scores, Thresholds()).passed
