"""What can be set for a training run: names, ranges, defaults; knows nothing of models or torch.

The names are those of the form, of REST, of ``run.json`` and of an adapter's card.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from ml.words import told

FieldType = Literal["int", "float", "bool", "choice", "list"]

ALL_LINEAR: Final = "all-linear"
MLP: Final = "mlp"
PRECISIONS: Final = ("auto", "fp32", "bf16", "fp16")
SCHEDULERS: Final = (
    "cosine",
    "cosine_with_restarts",
    "linear",
    "polynomial",
    "inverse_sqrt",
    "constant",
)


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
    Field("neftune_noise_alpha", "float", 0.0, 100),
    Field("lora_rank", "int", 1, 512),
    Field("lora_alpha", "int", 1, 2048),
    Field("lora_dropout", "float", 0.0, 0.9),
    Field("lora_targets", "list"),
    Field("lora_layer_share", "float", 0.01, 1.0),
    Field("use_rslora", "bool"),
    Field("use_dora", "bool"),
    Field("loraplus_lr_ratio", "float", 1.0, 100),
    Field("base_4bit", "bool"),
    Field("gradient_checkpointing", "bool"),
    Field("packing", "bool"),
    Field("general_share", "float", 0.0, 0.9),
    Field("seed", "int", 0, 2**31 - 1),
    Field("evaluation_interval", "int", 0, 1_000_000),
    Field("early_stopping_patience", "int", 0, 1000),
    Field("keep_best", "bool"),
)
# What an adapter's weights are made for: a run that goes on from one has the same.
LORA_SHAPE: Final = (
    "lora_rank",
    "lora_alpha",
    "lora_targets",
    "lora_layer_share",
    "use_rslora",
    "use_dora",
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
        neftune_noise_alpha: noise on the embeddings while training, against learning by heart;
            0 adds none (NEFTune, Jain et al. 2023, https://arxiv.org/abs/2310.05914).
        lora_rank: columns of A and rows of B.
        lora_alpha: updates are scaled by alpha / rank.
        lora_dropout: share of LoRA's inputs that is left out at random.
        lora_targets: module names, or ``["all-linear"]``, or ``["mlp"]`` for the feed-forward part
            alone, where facts are kept.
        lora_layer_share: share of the layers, the upper ones, that get an adapter; the gradient
            need not go further down, so half of them cost a quarter less and learn facts as well.
        use_rslora: updates are scaled by alpha / sqrt(rank), which lets high ranks learn
            (Kalajdzievski 2023, https://arxiv.org/abs/2312.03732).
        use_dora: the size and direction of each weight are learnt apart (Liu et al. 2024,
            https://arxiv.org/abs/2402.09353); the adapter can be merged but not served beside
            others.
        loraplus_lr_ratio: how much faster B learns than A; 1 for equally fast (LoRA+, Hayou et
            al. 2024, https://arxiv.org/abs/2402.12354).
        base_4bit: the base model is held in 4 bits (QLoRA, Dettmers et al. 2023,
            https://arxiv.org/abs/2305.14314); needs an NVIDIA card and bitsandbytes.
        gradient_checkpointing: compute activations twice instead of keeping them: less memory,
            a third more time.
        packing: a batch is one row of examples that do not see each other and share their common
            beginning; else one padded row for each.
        general_share: part of all examples that is general knowledge, against forgetting.
        seed: of order, invented people, dropout, noise and A.
        evaluation_interval: optimiser steps between validations; 0 for every epoch's end.
        early_stopping_patience: the run ends after so many validations in a row without a new
            lowest loss; 0 never.
        keep_best: what is saved is the adapter at its lowest validation loss, not at the end.
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
    neftune_noise_alpha: float = 0.0
    lora_rank: int = 16
    lora_alpha: int = 32
    lora_dropout: float = 0.0
    lora_targets: Sequence[str] = (ALL_LINEAR,)
    lora_layer_share: float = 1.0
    use_rslora: bool = False
    use_dora: bool = False
    loraplus_lr_ratio: float = 1.0
    base_4bit: bool = False
    gradient_checkpointing: bool = False
    packing: bool = True
    general_share: float = 0.0
    seed: int = 42
    evaluation_interval: int = 0
    early_stopping_patience: int = 0
    keep_best: bool = False

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
        mixed = train_examples + self.general_examples(train_examples)
        return max(1, math.ceil(self.epochs * mixed / self.examples_per_step))

    def general_examples(self, train_examples: int) -> int:
        """General examples of one epoch beside ``train_examples`` of one's own."""
        return math.floor(self.general_share / (1 - self.general_share) * train_examples + 0.5)

    @property
    def examples_per_step(self) -> int:
        return self.batch_size * self.gradient_accumulation


# Sentences are for people and are translated by whoever shows them.
NOT_A_NUMBER: Final = told("Give a number.")
NOT_WHOLE: Final = told("Give a whole number.")
TOO_SMALL: Final = told("This is below the smallest possible value.")
TOO_LARGE: Final = told("This is above the largest possible value.")
NO_CHOICE: Final = told("Choose one of the possible values.")
NOT_YES_OR_NO: Final = told("Choose yes or no.")
NO_NAMES: Final = told("Give the names of modules, or all-linear, or mlp.")


def _problem(field: Field, value: Any) -> str:  # Any: JSON as it came
    if value is None and field.optional:
        return ""
    if field.type == "choice":
        return "" if value in (field.choices or ()) else NO_CHOICE
    if field.type == "list":
        named = isinstance(value, list | tuple) and bool(value)
        return "" if named and all(isinstance(x, str) and x.strip() for x in value) else NO_NAMES
    if field.type == "bool":
        return "" if isinstance(value, bool) else NOT_YES_OR_NO
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
