"""Time and memory that a run is expected to take: measured before, or said not to be known."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from django.conf import settings as django_settings

from backend.training.past_runs import Measured, measured_before
from ml.costs import memory_bytes, passes_per_token, work
from ml.model_shape import model_shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backend.training.preflight.lengths import VersionLengths
    from ml.lengths import Size
    from ml.settings import TrainingSettings

NVIDIA_CARD: Final = Path("/dev/nvidia0")


@dataclass(frozen=True)
class Expected:
    """One expected number.

    Attributes:
        value: seconds or bytes; None where nothing is known to tell it from.
        run: the number of the run that measured it; None for an estimate from the model's shape.
    """

    value: float | None = None
    run: int | None = None


def expected_costs(
    *,
    lengths: "VersionLengths",
    kept: "Sequence[Size]",
    kept_total: int,
    limit: int,
    base_model: str,
    folder: "Path",
    settings: "TrainingSettings",
) -> tuple[Expected, Expected]:
    """Time and memory of a run on examples like ``kept``, of which there are ``kept_total``.

    None is longer than ``limit``, and longer ones of the validation are left out as well.
    """
    before = measured_before(base_model=base_model, settings=settings)
    if not kept:
        return Expected(), Expected()
    validation = lengths.validation
    fit = [size for size in validation.sizes if size.tokens <= limit]
    todo = work(
        train=kept,
        train_total=kept_total,
        validation=fit,
        validation_total=round(validation.total * len(fit) / max(1, len(validation.sizes))),
        shared=lengths.shared,
        settings=settings,
    )
    time = Expected()
    if before is not None:
        speed = before.tokens_per_second * passes_per_token(before.settings)
        time = Expected(todo.passes(settings) / speed, before.number)
    return time, _memory(before, kept, folder, settings)


def _memory(
    before: Measured | None,
    kept: "Sequence[Size]",
    folder: "Path",
    settings: "TrainingSettings",
) -> Expected:
    if before is not None and before.memory_bytes and _takes_the_same(before.settings, settings):
        return Expected(before.memory_bytes, before.number)
    shape = model_shape(folder)
    if shape is None:
        return Expected()
    longest = max(size.tokens for size in kept)
    answer = max(size.tokens - size.prompt for size in kept)
    needed = memory_bytes(
        shape, settings, longest=longest, answer=answer, on_card=_computes_on_card()
    )
    return Expected(needed)


def _computes_on_card() -> bool:
    """Whether the trainer has a graphics card, as far as it shows here without PyTorch."""
    return any(django_settings.TRAINING_DEVICES) or NVIDIA_CARD.exists()


def _takes_the_same(one: "TrainingSettings", other: "TrainingSettings") -> bool:
    """Whether two runs need about as much memory, as far as settings decide it."""
    names = (
        "batch_size",
        "cutoff_tokens",
        "precision",
        "lora_rank",
        "lora_targets",
        "lora_layer_share",
        "base_4bit",
        "gradient_checkpointing",
        "packing",
    )
    return all(_plain(getattr(one, name)) == _plain(getattr(other, name)) for name in names)


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
