"""What is cautioned against before a run, and that following the suggestion ends the caution."""

from dataclasses import replace
from typing import Any

import pytest

from ml.lengths import Size
from ml.preflight import FEW_GOLDEN, Facts, cautions
from ml.presets import presets, scaled_defaults
from ml.settings import TrainingSettings


def facts(**changes: Any) -> Facts:
    """A set that there is nothing to say against, save what is changed."""
    values: dict[str, Any] = {
        "settings": TrainingSettings(epochs=3, learning_rate=1e-3),
        "train": 400,
        "validation": 40,
        "golden": FEW_GOLDEN,
        "findings": {"email": 3},
        "context": 2048,
        "sizes": [Size("a#0", 300, 200), Size("b#0", 1000, 900)],
        "too_long": 0,
    }
    return Facts(**values | changes)


def codes(found: Facts) -> list[str]:
    return [caution.code for caution in cautions(found)]


def test_nothing_is_said_where_there_is_nothing_to_say() -> None:
    assert codes(facts()) == []


@pytest.mark.parametrize("examples", [42, 400, 5000])
def test_nothing_is_said_against_our_own_presets(examples: int) -> None:
    for settings in (*presets(examples).values(), scaled_defaults(examples)):
        assert codes(facts(settings=settings, train=examples)) == []


@pytest.mark.parametrize(
    ("chosen", "fix"),
    [
        ({"epochs": 1.4}, {"epochs": 14.0}),
        ({"epochs": 3, "max_steps": 15}, {"max_steps": 138}),
        ({"epochs": 30, "batch_size": 256}, {"batch_size": 1, "gradient_accumulation": 1}),
    ],
)
def test_too_few_steps_come_with_settings_that_give_enough(
    chosen: dict[str, Any], fix: dict[str, Any]
) -> None:
    found = facts(settings=TrainingSettings(learning_rate=1e-3, **chosen), train=42)

    (caution,) = cautions(found)

    assert (caution.code, caution.fix) == ("few_steps", fix)
    mended = replace(found.settings, **fix)
    assert caution.params["better"] == mended.steps(42) > found.settings.steps(42)
    assert codes(replace(found, settings=mended)) == []


def test_a_cutoff_below_the_longest_example_comes_with_one_that_holds_it() -> None:
    found = facts(settings=TrainingSettings(learning_rate=1e-3, cutoff_tokens=900), too_long=7)

    (caution,) = cautions(found)

    assert caution.code == "too_long"
    assert caution.params == {"count": 7, "longest": 1000, "limit": 900}
    assert caution.fix == {"cutoff_tokens": 1024}
    assert [one.code for one in cautions(replace(found, train=0))] == ["nothing_fits"]
    # Nothing mends what the model itself cannot read.
    assert cautions(replace(found, context=950))[0].fix == {}


def test_a_cutoff_above_what_the_model_reads_is_told() -> None:
    settings = TrainingSettings(learning_rate=1e-3, cutoff_tokens=4096)

    (caution,) = cautions(facts(settings=settings))

    assert (caution.code, caution.fix) == ("cutoff_above_context", {"cutoff_tokens": 2048})


def test_prompts_that_fill_the_context_are_told() -> None:
    (caution,) = cautions(facts(sizes=[Size("a", 300, 200), Size("b", 1500, 1400)]))

    assert caution.code == "prompts_long"
    assert caution.params == {"share": 50.0, "tokens": 1024, "context": 2048}


@pytest.mark.parametrize(
    ("rate", "alpha", "code", "usual"),
    [(0.1, 32, "rate_high", 1e-3), (1e-3, 2048, "rate_high", 2e-5), (1e-6, 32, "rate_low", 1e-3)],
)
def test_an_unusual_learning_rate_is_told_with_a_usual_one(
    rate: float, alpha: int, code: str, usual: float
) -> None:
    settings = TrainingSettings(learning_rate=rate, lora_alpha=alpha)

    (caution,) = cautions(facts(settings=settings))

    assert (caution.code, caution.fix) == (code, {"learning_rate": usual})
    assert codes(facts(settings=replace(settings, learning_rate=usual))) == []


def test_with_rslora_alpha_acts_by_the_root_of_the_rank() -> None:
    settings = TrainingSettings(learning_rate=1e-2, lora_rank=64, lora_alpha=128, epochs=3)

    assert codes(facts(settings=settings)) == []
    assert codes(facts(settings=replace(settings, use_rslora=True))) == ["rate_high"]


def test_too_many_epochs_are_told() -> None:
    (caution,) = cautions(facts(settings=TrainingSettings(learning_rate=1e-3, epochs=50)))

    assert (caution.code, caution.fix) == ("many_epochs", {"epochs": 30.0})


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"validation": 0}, "no_validation"),
        ({"validation": 9}, "few_validation"),
        ({"golden": FEW_GOLDEN - 1}, "few_golden"),
        ({"findings": {"conflict": 2}}, "conflicts"),
        ({"findings": {"duplicate": 2}}, "duplicates"),
    ],
)
def test_what_the_records_lack_is_told(changes: dict[str, Any], code: str) -> None:
    assert codes(facts(**changes)) == [code]


def test_without_a_tokenizer_the_rest_is_still_told() -> None:
    found = facts(context=None, sizes=(), validation=0)

    assert codes(found) == ["no_validation"]
