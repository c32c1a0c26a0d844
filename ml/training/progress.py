"""Where a run is, and what its validations have shown; all of it stands in the checkpoint."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch


@dataclass
class Progress:
    """Where a run is.

    Attributes:
        step: optimiser steps done.
        tokens: computed so far.
        elapsed_s: seconds of training so far.
        losses: of every step.
        eval_losses: of every validation.
        best_eval_loss: the lowest of them.
        best_step: where it was measured.
        without_gain: validations in a row that were not the best.
    """

    step: int = 0
    tokens: int = 0
    elapsed_s: float = 0.0
    losses: list[float] = field(default_factory=list)
    eval_losses: list[float] = field(default_factory=list)
    best_eval_loss: float | None = None
    best_step: int = 0
    without_gain: int = 0

    def note_validation(self, loss: float) -> bool:
        """Remember a validation; whether it was the best so far."""
        self.eval_losses.append(loss)
        if self.best_eval_loss is not None and not loss < self.best_eval_loss:
            self.without_gain += 1
            return False
        self.best_eval_loss, self.best_step, self.without_gain = loss, self.step, 0
        return True


Weights = Mapping[str, torch.Tensor]
