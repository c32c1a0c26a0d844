"""When a run is past helping: its loss is no number, or far above where it began."""

import math
from collections.abc import Sequence
from statistics import fmean
from typing import Final

from ml.errors import MlError

# Steps whose losses are averaged: single batches differ widely.
WINDOW: Final = 10
# A loss that has risen by half, and at least by so much: e² times less likely words.
RISE: Final = 0.5
LEAST_RISE: Final = 2.0


class Diverged(MlError):
    """The loss is no number any more, or has blown up."""

    default_code = "diverged"


def check(losses: Sequence[float]) -> None:
    """Look at the losses of all steps so far.

    Raises:
        Diverged: going on is of no use.
    """
    step, loss = len(losses), losses[-1]
    if not math.isfinite(loss):
        raise Diverged(f"The loss is no number any more (step {step}).")
    if step < 2 * WINDOW:
        return
    first, last = fmean(losses[:WINDOW]), fmean(losses[-WINDOW:])
    if last > first + max(LEAST_RISE, RISE * first):
        raise Diverged(
            f"The loss has risen from {first:.2f} to {last:.2f} (step {step}): "
            "the run has come apart."
        )
