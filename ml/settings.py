"""What can be set for a training run: names, ranges, defaults; knows nothing of models or torch.

The names are those of the form, of REST, of ``run.json`` and of an adapter's card.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

FieldType = Literal["int", "float", "choice", "list"]

ALL_LINEAR: Final = "all-linear"
MLP: Final = "mlp"
PRECISIONS: Final = ("auto", "fp32", "bf16", "fp16")
SCHEDULERS: Final = ("cosine", "linear", "constant")


@dataclass(frozen=True)
class Field:
    """One setting as a form shows it; ``min`` and ``max`` are allowed themselves.

    Attributes:
        name: as everywhere.
        type: ``list`` is a list of module names.
        optional: may be null, which leaves it out.
    """

    name: str
    type: FieldType
    min: float | None = None
    max: float | None = None
    choices: Sequence[str] | None = None
    optional: bool = False


FIELDS: Final = (
    Field("learning_rate", "float", 1e-7, 0.1),
    Field("epochs", "float", 0.01, 1000),
    Field("max_steps", "int", 1, 1_000_000, optional=True),
    Field("batch_size", "int", 1, 256),
    Field("gradient_accumulation", "int", 1, 1024),
    Field("precision", "choice", choices=PRECISIONS),
    Field("cutoff_tokens", "int", 16, 131_072),
    Field("scheduler", "choice", choices=SCHEDULERS),
    Field("warmup_ratio", "float", 0.0, 0.9),
    Field("weight_decay", "float", 0.0, 1.0),
    Field("max_grad_norm", "float", 0.0, 1000),
    Field("lora_rank", "int", 1, 512),
    Field("lora_alpha", "int", 1, 2048),
    Field("lora_dropout", "float", 0.0, 0.9),
    Field("lora_targets", "list"),
    Field("lora_layer_share", "float", 0.01, 1.0),
    Field("seed", "int", 0, 2**31 - 1),
    Field("evaluation_interval", "int", 0, 1_000_000),
)


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """The settings of one run.

    Attributes:
        learning_rate: of AdamW at its highest point.
        epochs: how often every example is seen; parts of one are possible.
        max_steps: optimiser steps; overrides ``epochs``.
        batch_size: examples computed at once.
        gradient_accumulation: batches of one optimiser step.
        precision: ``auto`` chooses what the device computes natively.
        cutoff_tokens: longer examples are dropped and listed, never cut.
        scheduler: how the learning rate falls after its warm-up.
        warmup_ratio: share of the steps in which the learning rate rises.
        weight_decay: AdamW's.
        max_grad_norm: gradients are scaled down to this norm; 0 leaves them.
        lora_rank: columns of A and rows of B.
        lora_alpha: updates are scaled by alpha / rank.
        lora_dropout: share of LoRA's inputs that is left out at random.
        lora_targets: module names, or ``["all-linear"]``, or ``["mlp"]`` for the feed-forward part
            alone, where facts are kept.
        lora_layer_share: share of the layers, the upper ones, that get an adapter; the gradient
            need not go further down, so half of them cost a quarter less and learn facts as well.
        seed: of order, invented people, dropout and A.
        evaluation_interval: optimiser steps between validations; 0 for every epoch's end.
    """

    learning_rate: float = 5e-4
    epochs: float = 3.0
    max_steps: int | None = None
    batch_size: int = 4
    gradient_accumulation: int = 1
    precision: str = "auto"
    cutoff_tokens: int = 1024
    scheduler: str = "cosine"
    warmup_ratio: float = 0.05
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    lora_rank: int = 16
    lora_alpha: int = 32
    lora_dropout: float = 0.0
    lora_targets: Sequence[str] = (ALL_LINEAR,)
    lora_layer_share: float = 1.0
    seed: int = 42
    evaluation_interval: int = 0

    def validate(self) -> list[tuple[str, str]]:
        """Field and sentence of everything that cannot be used; values may be of any JSON type."""
        return [
            (field.name, sentence)
            for field in FIELDS
            if (sentence := _problem(field, getattr(self, field.name)))
        ]

    def steps(self, train_examples: int) -> int:
        """Optimiser steps on that many examples."""
        if self.max_steps is not None:
            return self.max_steps
        return max(1, math.ceil(self.epochs * train_examples / self.examples_per_step))

    @property
    def examples_per_step(self) -> int:
        return self.batch_size * self.gradient_accumulation


# Sentences are for people and are translated by whoever shows them.
NOT_A_NUMBER: Final = "Give a number."
NOT_WHOLE: Final = "Give a whole number."
TOO_SMALL: Final = "This is below the smallest possible value."
TOO_LARGE: Final = "This is above the largest possible value."
NO_CHOICE: Final = "Choose one of the possible values."
NO_NAMES: Final = "Give the names of modules, or all-linear, or mlp."


def _problem(field: Field, value: Any) -> str:  # Any: JSON as it came
    if value is None and field.optional:
        return ""
    if field.type == "choice":
        return "" if value in (field.choices or ()) else NO_CHOICE
    if field.type == "list":
        named = isinstance(value, list | tuple) and bool(value)
        return "" if named and all(isinstance(x, str) and x.strip() for x in value) else NO_NAMES
    if isinstance(value, bool) or not isinstance(value, int | float):
        return NOT_A_NUMBER
    if isinstance(value, float) and not math.isfinite(value):
        return NOT_A_NUMBER
    if field.type == "int" and not isinstance(value, int):
        return NOT_WHOLE
    if field.min is not None and value < field.min:
        return TOO_SMALL
    if field.max is not None and value > field.max:
        return TOO_LARGE
    return ""


# Below this many optimiser steps small sets change nothing that one would notice.
STEPS_QUICK: Final = 138
STEPS_BALANCED: Final = 400
STEPS_THOROUGH: Final = 900
FEWEST_EPOCHS: Final = 1.0
MOST_EPOCHS: Final = 30.0


def presets(train_examples: int) -> dict[str, TrainingSettings]:
    """Settings by name, scaled so that a small set gets enough optimiser steps.

    ``quick`` is the demo's: it takes the sample records in less than three minutes on two cores.
    """
    return {
        "quick": _scaled(
            train_examples,
            STEPS_QUICK,
            TrainingSettings(learning_rate=3e-3, lora_targets=(MLP,), lora_layer_share=0.5),
        ),
        "balanced": _scaled(train_examples, STEPS_BALANCED, TrainingSettings(learning_rate=1e-3)),
        "thorough": _scaled(
            train_examples, STEPS_THOROUGH, TrainingSettings(lora_rank=32, lora_alpha=64)
        ),
    }


def scaled_defaults(train_examples: int) -> TrainingSettings:
    """What a form for a new run starts with."""
    return presets(train_examples)["quick"]


def _scaled(train_examples: int, steps: int, settings: TrainingSettings) -> TrainingSettings:
    wanted = steps * settings.examples_per_step / max(1, train_examples)
    epochs = min(MOST_EPOCHS, max(FEWEST_EPOCHS, wanted))
    return replace(settings, epochs=round(epochs, 2))
