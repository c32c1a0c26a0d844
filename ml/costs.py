"""How much a run computes and needs: counted from its lengths, its settings and the model's shape.

Knows no machine: what a token takes has been measured elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ml.lengths import Size
from ml.model_shape import ModelShape
from ml.settings import TrainingSettings

BYTES: Final = {"fp32": 4, "bf16": 2, "fp16": 2}
# Adapter weights are float32, and so are their gradients and AdamW's two moments.
BYTES_PER_ADAPTER_WEIGHT: Final = 16
# Of one layer, what has to be kept of a token until the gradient comes back, in widths: inputs of
# both norms, queries, keys, values, attention's output; and the feed-forward part's three and two.
HIDDEN_KEPT: Final = 10
INTERMEDIATE_KEPT: Final = 5
# Logits in the model's own type, in float32 for the loss, and their gradient.
LOGITS_KEPT: Final = 3
# A process that has loaded PyTorch and transformers, and trains nothing yet.
LIBRARIES: Final = 450 * 10**6


@dataclass(frozen=True)
class Work:
    """Tokens that pass through the model: with a gradient, and without one."""

    trained: float
    validated: float

    def passes(self, settings: TrainingSettings) -> float:
        """All of it in tokens that are computed once forward."""
        return self.trained * passes_per_token(settings) + self.validated


def passes_per_token(settings: TrainingSettings) -> float:
    """What training on a token costs, in forward passes of it.

    The base is frozen, so that only activations have a gradient: it costs what a forward pass
    costs, for the layers above the lowest adapter; with checkpointing those are computed once
    more. The adapter itself is counted as nothing.
    """
    times = 2 if settings.gradient_checkpointing else 1
    return 1 + times * settings.lora_layer_share


def work(
    *,
    train: Sequence[Size],
    train_total: int,
    validation: Sequence[Size],
    validation_total: int,
    shared: int,
    settings: TrainingSettings,
) -> Work:
    """The tokens of a run, from those of some of its examples.

    Args:
        train: of examples that are trained on, not empty.
        train_total: how many there are in all.
        validation: likewise of the validation.
        validation_total: likewise.
        shared: with so many tokens all examples of a batch begin; they are computed once.
        settings: the run's.
    """
    steps = settings.steps(train_total)
    seen = steps * settings.examples_per_step
    # General examples that are mixed in are taken to be as long as one's own.
    epoch = train_total + settings.general_examples(train_total)
    validated = 0.0
    if validation:
        every = settings.evaluation_interval
        times = steps // every if every else seen // epoch
        validated = max(1, times) * validation_total * _mean(validation)
    return Work(seen * _computed(train, shared, settings), validated)


def _computed(sizes: Sequence[Size], shared: int, settings: TrainingSettings) -> float:
    """Tokens that are computed for one example on average, in batches of so many."""
    batch = settings.batch_size
    if settings.packing:
        return max(1.0, _mean(sizes) - shared * (batch - 1) / batch)
    batches = [sizes[at : at + batch] for at in range(0, len(sizes), batch)]
    longest = [max(size.tokens for size in rows) for rows in batches]
    return sum(longest) / len(longest)


def memory_bytes(
    shape: ModelShape, settings: TrainingSettings, *, longest: int, answer: int, on_card: bool
) -> int:
    """Roughly what a run needs at its peak: on a graphics card there, else in its process.

    ``auto`` is counted as float32, which is the most that it can be. Four runs of SmolLM2-135M on
    a processor took from 2 % less to 9 % more (docs/watching.md).

    Args:
        shape: of the base model.
        settings: the run's.
        longest: tokens of the longest example that is trained on.
        answer: the most tokens of one that are learnt.
        on_card: a graphics card computes, which never holds all attention weights at once.
    """
    size = BYTES.get(settings.precision, 4)
    batch = settings.batch_size
    rows, row = (1, batch * longest) if settings.packing else (batch, longest)
    layer = batch * longest * (HIDDEN_KEPT * shape.hidden + INTERMEDIATE_KEPT * shape.intermediate)
    if not on_card:
        layer += rows * shape.heads * row**2
    layers = shape.layers * settings.lora_layer_share
    if settings.gradient_checkpointing:  # of each layer only its input, and one layer in full
        activations = layers * batch * longest * shape.hidden + layer
    else:
        activations = layers * layer
    logits = batch * answer * shape.vocabulary * LOGITS_KEPT * 4
    weights = shape.parameters * (0.5 if settings.base_4bit else size)
    adapter = shape.adapter_parameters(settings) * BYTES_PER_ADAPTER_WEIGHT
    libraries = 0 if on_card else LIBRARIES
    return round(weights + adapter + activations * size + logits + libraries)


def _mean(sizes: Sequence[Size]) -> float:
    return sum(size.tokens for size in sizes) / len(sizes)
