"""How the learning rate goes over a run: it rises linearly, then falls as scheduled.

The shapes are transformers'; the warm-up is our own, because theirs spends a step at zero.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import torch
from transformers import get_scheduler

from ml.settings import TrainingSettings

if TYPE_CHECKING:
    from torch.optim.lr_scheduler import LambdaLR

# The cosine ends at a tenth, so that the last steps still learn.
LOWEST_RATE: Final = 0.1
RESTARTS: Final = 3
# With the first power it would be the linear one.
POWER: Final = 2.0


def rate_factor(settings: TrainingSettings, total_steps: int) -> Callable[[int], float]:
    """The learning rate's factor, 0 to 1, as a function of the step, from 0."""
    warm_up = math.ceil(settings.warmup_ratio * total_steps)
    after = _shape(settings.scheduler, max(1, total_steps - warm_up), max(1, warm_up))

    def factor(step: int) -> float:
        return (step + 1) / warm_up if step < warm_up else after(step - warm_up)

    return factor


def _shape(scheduler: str, steps: int, warm_up: int) -> Callable[[int], float]:
    options: dict[str, tuple[str, dict[str, Any]]] = {
        "cosine": ("cosine_with_min_lr", {"min_lr_rate": LOWEST_RATE}),
        "cosine_with_restarts": ("cosine_with_restarts", {"num_cycles": RESTARTS}),
        "polynomial": ("polynomial", {"power": POWER}),
        "inverse_sqrt": ("inverse_sqrt", {"timescale": warm_up}),
    }
    name, more = options.get(scheduler, (scheduler, {}))
    nobodys = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule: LambdaLR = get_scheduler(
        name,
        optimizer=nobodys,
        num_warmup_steps=0,
        num_training_steps=steps,
        scheduler_specific_kwargs=more or None,
    )
    shape: Callable[[int], float] = schedule.lr_lambdas[0]
    return shape
