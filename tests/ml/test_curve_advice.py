"""What curves advise: on synthetic ones whose truth is known, with noise and without."""

import math
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.curve_advice import Point, best_step, curve_advice
from ml.settings import TrainingSettings

SETTINGS = TrainingSettings(learning_rate=1e-3, epochs=4)
STEPS = 200
SEEDS = st.integers(0, 10_000)


def curve(
    shape: Callable[[float], float], *, seed: int = 0, noise: float = 0.1, steps: int = STEPS
) -> list[Point]:
    """Values of ``shape`` over the run, 0 to 1, with noise in proportion to them."""
    chance = random.Random(seed)
    return [
        (step, shape(step / steps) * (1 + noise * chance.gauss(0, 1)))
        for step in range(1, steps + 1)
    ]


def codes(losses: list[Point], validation: list[Point] = [], **changes: object) -> list[str]:  # noqa: B006
    given_: dict[str, object] = {"settings": SETTINGS, "total_steps": STEPS, **changes}
    return [advice.code for advice in curve_advice(losses, validation, **given_)]  # type: ignore[arg-type]


def settles(share: float) -> float:
    """Falls from 3 to 1 and stays there, as a good run does."""
    return 1 + 2 * math.exp(-9 * share)


@given(SEEDS)
def test_a_run_that_settles_is_left_in_peace(seed: int) -> None:
    validation = [(step, settles(step / STEPS) + 0.2) for step in (50, 100, 150, 200)]
    assert codes(curve(settles, seed=seed), validation) == []


@given(SEEDS)
def test_a_flat_curve_asks_for_a_higher_rate(seed: int) -> None:
    losses = curve(lambda share: 3 - 0.1 * share, seed=seed, noise=0.04)
    (advice,) = curve_advice(losses, [], settings=SETTINGS, total_steps=STEPS)
    assert (advice.code, advice.fix) == ("falls_slowly", {"learning_rate": 3e-3})


@given(SEEDS)
def test_a_curve_that_still_falls_at_its_end_asks_for_more_epochs(seed: int) -> None:
    losses = curve(lambda share: 3 - 2 * share, seed=seed, noise=0.04)
    (advice,) = curve_advice(losses, [], settings=SETTINGS, total_steps=STEPS)
    assert (advice.code, advice.fix) == ("still_falls", {"epochs": 6.0})


def test_a_run_that_is_not_over_is_not_said_to_fall_at_its_end() -> None:
    losses = curve(lambda share: 3 - 2 * share, noise=0.02)
    assert codes(losses, total_steps=300) == []


@given(SEEDS)
def test_validation_that_rises_again_is_told_with_its_best_step(seed: int) -> None:
    losses = curve(lambda share: 3 * (1 - share) + 0.3, seed=seed)
    validation = [(25, 2.4), (50, 2.0), (100, 2.2), (150, 2.5), (200, 2.9)]
    (advice,) = curve_advice(losses, validation, settings=SETTINGS, total_steps=STEPS)
    assert advice.code == "validation_rises"
    assert advice.params == {"step": 50, "best": 2.0, "last": 2.9}
    assert advice.fix == {"epochs": 1.0}
    assert best_step(validation) == 50


@pytest.mark.parametrize(
    "validation",
    [
        [(50, 2.0), (100, 2.5)],  # two say nothing
        [(50, 2.4), (100, 2.0), (150, 2.5), (200, 1.9)],  # the last is the best
        [(50, 2.4), (100, 2.0), (150, 2.01), (200, 2.03)],  # hardly above
        [(50, 2.4), (100, 2.2), (150, 2.0), (200, 2.5)],  # once is no trend
    ],
)
def test_validation_that_only_wavers_is_no_overfitting(validation: list[Point]) -> None:
    assert "validation_rises" not in codes(curve(settles), validation)


def test_what_is_learnt_early_needs_fewer_epochs() -> None:
    losses = curve(lambda share: 3 * math.exp(-40 * share) + 0.01)
    (advice,) = curve_advice(losses, [], settings=SETTINGS, total_steps=STEPS)
    assert advice.code == "learnt_early"
    assert advice.params["step"] < STEPS / 2
    assert advice.fix["epochs"] < SETTINGS.epochs / 2


def test_a_fixed_number_of_steps_is_advised_in_steps() -> None:
    settings = TrainingSettings(max_steps=STEPS)
    losses = curve(lambda share: 3 - 2 * share, noise=0.02)
    (advice,) = curve_advice(losses, [], settings=settings, total_steps=STEPS)
    assert advice.fix == {"max_steps": 300}


@given(SEEDS)
def test_spikes_ask_for_a_lower_rate(seed: int) -> None:
    losses = curve(settles, seed=seed, noise=0.05)
    for place in (60, 120, 160):
        losses[place] = (losses[place][0], losses[place][1] + 4)
    (advice,) = curve_advice(losses, [], settings=SETTINGS, total_steps=STEPS)
    assert (advice.code, advice.params["count"]) == ("spikes", 3)
    assert advice.fix == {"learning_rate": 3.3e-4}


@given(SEEDS)
def test_a_loss_that_rises_asks_for_a_lower_rate(seed: int) -> None:
    losses = curve(lambda share: 2 + 2 * share, seed=seed)
    assert codes(losses) == ["loss_rises"]


@given(SEEDS, st.integers(0, 23), st.floats(0.0, 0.5))
def test_too_little_data_advises_nothing(seed: int, points: int, noise: float) -> None:
    losses = curve(lambda share: 3 - 2 * share, seed=seed, noise=noise, steps=200)[:points]
    assert codes(losses, [(10, 2.0), (20, 3.0)]) == []


@given(st.lists(st.floats(1e-6, 20), max_size=120), st.lists(st.floats(1e-6, 20), max_size=12))
def test_any_curve_is_taken_and_every_suggestion_can_be_set(
    losses: list[float], validation: list[float]
) -> None:
    found = curve_advice(
        list(enumerate(losses, 1)),
        list(enumerate(validation, 1)),
        settings=SETTINGS,
        total_steps=max(1, len(losses)),
    )
    for advice in found:
        assert all(math.isfinite(value) for value in advice.params.values())
        assert not TrainingSettings(**{**vars(SETTINGS), **advice.fix}).validate()
