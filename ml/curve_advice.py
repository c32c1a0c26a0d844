"""What a run's curves advise for the next one: codes with their numbers; the words are elsewhere.

Losses of single batches jump about. So means over windows are compared, what the noise alone could
have made is passed over, and where there is too little data nothing is said.
"""

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ml.settings import TrainingSettings

Point = tuple[int, float]  # optimiser step and value

# With fewer measured losses nothing is said of their curve, and with fewer validations of theirs.
FEWEST_LOSSES: Final = 24
FEWEST_VALIDATIONS: Final = 3
# Beginning and end are each an eighth of the curve.
WINDOWS: Final = 8
# A difference of two means counts from so many of its standard errors on.
SURE: Final = 3.0
# A run that took off less than a tenth of its loss has hardly learnt.
SLOW_FALL: Final = 0.10
# A last eighth that is so much lower than the one before has not reached its bottom.
STILL_FALLS: Final = 0.03
# Validation has risen when it ends so much above its best.
RISEN: Final = 0.02
# A loss below this leaves nothing to learn; early is before this share of the steps.
LEARNT: Final = 0.05
EARLY: Final = 0.5
# A spike stands above the median around it by so many nats, and by so many times the noise.
SPIKE_NATS: Final = 1.0
SPIKE_NOISE: Final = 8.0
SPIKE_AROUND: Final = 5
FEWEST_SPIKES: Final = 2
# Half the learning rate is seldom felt, ten times the rate seldom survived.
RATE_STEP: Final = 3.0
MOST_RATE: Final = 0.02


@dataclass(frozen=True)
class Advice:
    """What the curves say.

    Attributes:
        code: which sentence is told.
        params: its numbers.
        fix: settings for the next run; empty where it is more than a setting.
    """

    code: str
    params: Mapping[str, float]
    fix: Mapping[str, Any]  # Any: a setting's own type


def best_step(validation: Sequence[Point]) -> int | None:
    """Where the validation loss was lowest; None with fewer than two."""
    if len(validation) < 2:
        return None
    return min(validation, key=lambda point: point[1])[0]


def curve_advice(
    losses: Sequence[Point],
    validation: Sequence[Point],
    *,
    settings: TrainingSettings,
    total_steps: int,
) -> list[Advice]:
    """What the curves so far advise, the gravest first.

    Args:
        losses: of the training, by step; of a long run perhaps every n-th.
        validation: likewise.
        settings: the run's.
        total_steps: how many steps the run takes in all.
    """
    curve = _Curve(losses) if len(losses) >= FEWEST_LOSSES else None
    unstable = list(_instability(curve, settings)) if curve else []
    overfit = list(_overfitting(validation, settings, total_steps))
    found = unstable + overfit
    if curve is None:
        return found
    learnt = [] if overfit else list(_learnt_early(curve, settings, total_steps))
    found += learnt
    if not found:
        found += _too_little(curve, settings, total_steps)
    return found


class _Curve:
    """A curve with the means of its beginning and its end, and the noise around it."""

    def __init__(self, points: Sequence[Point]) -> None:
        self.points = points
        self.values = [value for _step, value in points]
        self.width = max(3, len(points) // WINDOWS)
        steps = [abs(b - a) for a, b in zip(self.values, self.values[1:], strict=False)]
        # Of the differences of neighbours, since a trend is small between two of them; 0.6745 and
        # the root of two make a standard deviation of their median.
        self.noise = statistics.median(steps) / (0.6745 * math.sqrt(2))

    @property
    def last_step(self) -> int:
        return self.points[-1][0]

    @property
    def start(self) -> float:
        return statistics.fmean(self.values[: self.width])

    @property
    def end(self) -> float:
        return statistics.fmean(self.values[-self.width :])

    @property
    def before_end(self) -> float:
        return statistics.fmean(self.values[-2 * self.width : -self.width])

    @property
    def doubt(self) -> float:
        """How far two means may lie apart by the noise alone."""
        return SURE * self.noise * math.sqrt(2 / self.width)

    def spikes(self) -> int:
        """How many values stand far above those around them."""
        height = max(SPIKE_NATS, SPIKE_NOISE * self.noise)
        found = 0
        for place, value in enumerate(self.values):
            around = self.values[max(0, place - SPIKE_AROUND) : place + SPIKE_AROUND + 1]
            found += value - statistics.median(around) > height
        return found


def _instability(curve: _Curve, settings: TrainingSettings) -> Iterator[Advice]:
    lower = {"learning_rate": _digits(settings.learning_rate / RATE_STEP)}
    if curve.end - curve.start > max(curve.doubt, RISEN * curve.start):
        yield Advice("loss_rises", {"start": curve.start, "end": curve.end, **lower}, lower)
    elif (count := curve.spikes()) >= FEWEST_SPIKES:
        yield Advice("spikes", {"count": count, **lower}, lower)


def _overfitting(
    validation: Sequence[Point], settings: TrainingSettings, total_steps: int
) -> Iterator[Advice]:
    if len(validation) < FEWEST_VALIDATIONS:
        return
    best_at = best_step(validation)
    best = min(value for _step, value in validation)
    after = [value for step, value in validation if best_at is not None and step > best_at]
    # Two in a row above the best: a single one may be luck.
    if best_at is None or len(after) < 2 or min(after[-2:]) <= best * (1 + RISEN):
        return
    params = {"step": best_at, "best": best, "last": after[-1]}
    if settings.max_steps is not None:
        yield Advice("validation_rises", params, {"max_steps": best_at})
        return
    epochs = _digits(settings.epochs * best_at / max(1, total_steps))
    yield Advice("validation_rises", params, {"epochs": epochs})


def _learnt_early(curve: _Curve, settings: TrainingSettings, total_steps: int) -> Iterator[Advice]:
    for place in range(curve.width, len(curve.values) + 1):
        if statistics.fmean(curve.values[place - curve.width : place]) < LEARNT:
            step = curve.points[place - 1][0]
            if step < EARLY * total_steps:
                fix = (
                    {"max_steps": step}
                    if settings.max_steps is not None
                    else {"epochs": _digits(settings.epochs * step / total_steps)}
                )
                yield Advice("learnt_early", {"step": step, "limit": LEARNT}, fix)
            return


def _too_little(curve: _Curve, settings: TrainingSettings, total_steps: int) -> Iterator[Advice]:
    """Of a run that learnt without harm: whether it could have learnt more."""
    if curve.last_step < EARLY * total_steps:
        return
    fall = curve.start - curve.end
    params = {"start": curve.start, "end": curve.end}
    if fall < SLOW_FALL * curve.start and curve.end > 2 * LEARNT:
        higher = min(_digits(settings.learning_rate * RATE_STEP), MOST_RATE)
        if higher > settings.learning_rate:
            yield Advice("falls_slowly", params, {"learning_rate": higher})
        return
    late = curve.before_end - curve.end
    is_over = curve.last_step >= total_steps - max(1, total_steps // len(curve.points))
    if is_over and late > max(curve.doubt, STILL_FALLS * curve.before_end):
        more = (
            {"max_steps": round(total_steps * 1.5)}
            if settings.max_steps is not None
            else {"epochs": _digits(settings.epochs * 1.5)}
        )
        yield Advice("still_falls", params, more)


def _digits(value: float) -> float:
    """Two digits, as a person would type it."""
    return float(f"{value:.2g}")
