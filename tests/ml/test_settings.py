import math
import subprocess
import sys
from dataclasses import fields
from typing import Any

import pytest

from ml.presets import presets, scaled_defaults
from ml.settings import FIELDS, TrainingSettings


def test_every_setting_is_described_once() -> None:
    assert [field.name for field in FIELDS] == [each.name for each in fields(TrainingSettings)]


@pytest.mark.parametrize("examples", [0, 1, 10, 160, 5000, 1_000_000])
def test_defaults_and_presets_are_within_their_ranges(examples: int) -> None:
    assert TrainingSettings().validate() == []
    for preset in presets(examples).values():
        assert preset.validate() == []


@pytest.mark.parametrize("field", [field for field in FIELDS if field.min is not None])
def test_the_ends_of_a_range_belong_to_it_and_what_lies_beyond_does_not(field: Any) -> None:
    beyond = 1 if field.type == "int" else 1e-9
    for end, outside in ((field.min, field.min - beyond), (field.max, field.max + beyond)):
        assert TrainingSettings(**{field.name: end}).validate() == []
        assert [name for name, _ in TrainingSettings(**{field.name: outside}).validate()] == [
            field.name
        ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("learning_rate", math.nan),
        ("learning_rate", math.inf),
        ("learning_rate", "0.1"),
        ("learning_rate", None),
        ("epochs", True),
        ("batch_size", 1.5),
        ("batch_size", []),
        ("precision", "int8"),
        ("precision", None),
        ("scheduler", ["cosine"]),
        ("lora_targets", []),
        ("lora_targets", "q_proj"),
        ("lora_targets", ["q_proj", " "]),
        ("lora_targets", [1]),
    ],
)
def test_what_cannot_be_meant_gets_a_sentence(name: str, value: Any) -> None:
    problems = TrainingSettings(**{name: value}).validate()

    assert [field for field, _ in problems] == [name]
    assert problems[0][1].endswith(".")


def test_all_problems_are_told_at_once() -> None:
    problems = TrainingSettings(epochs=0, batch_size=0, precision="int8").validate()

    assert [name for name, _ in problems] == ["epochs", "batch_size", "precision"]


def test_steps_follow_from_epochs_unless_they_are_given() -> None:
    settings = TrainingSettings(epochs=2.5, batch_size=4, gradient_accumulation=2)

    assert settings.steps(16) == 5
    assert settings.steps(17) == 6
    assert settings.steps(1) == 1
    assert TrainingSettings(epochs=2.5, max_steps=7).steps(1000) == 7


def test_small_sets_get_about_as_many_steps_as_middling_ones() -> None:
    middling, small = scaled_defaults(160), scaled_defaults(40)

    assert small.steps(40) == pytest.approx(middling.steps(160), abs=2)
    assert small.steps(40) >= 100
    assert scaled_defaults(3).epochs <= 30
    assert scaled_defaults(100_000).epochs == 1


def test_the_web_side_may_import_it_without_torch() -> None:
    modules = (
        "ml.settings, ml.presets, ml.combinations, ml.advice, ml.cutoff, ml.preflight, ml.costs, "
        "ml.curve_advice, ml.encoding, ml.lengths, ml.model_shape, ml.trained_part, "
        "ml.messages, ml.tokens, ml.errors, ml.formats"
    )
    code = (
        f"import sys, {modules}; sys.exit(any(m in sys.modules for m in ('torch', 'transformers')))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
