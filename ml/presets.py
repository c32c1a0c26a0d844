"""Settings by name that fit a set of examples: what a form for a new run offers."""

from dataclasses import replace
from typing import Final

from ml.settings import MLP, TrainingSettings

# Below this many optimiser steps small sets change nothing that one would notice.
STEPS_QUICK: Final = 138
STEPS_BALANCED: Final = 400
STEPS_THOROUGH: Final = 900
FEWEST_EPOCHS: Final = 1.0
MOST_EPOCHS: Final = 30.0
# Validations of a thorough run without a gain until it ends.
PATIENCE: Final = 5


def presets(train_examples: int, *, has_validation: bool = False) -> dict[str, TrainingSettings]:
    """Settings by name, scaled so that a small set gets enough optimiser steps.

    ``quick`` is the demo's: it takes the sample records in less than three minutes on two cores.
    The others mix in general knowledge, and keep the best adapter where records are held back to
    tell which it is.
    """
    balanced = TrainingSettings(learning_rate=1e-3, general_share=0.1, keep_best=has_validation)
    thorough = replace(
        balanced,
        learning_rate=5e-4,
        lora_rank=32,
        lora_alpha=64,
        early_stopping_patience=PATIENCE if has_validation else 0,
    )
    quick = TrainingSettings(learning_rate=3e-3, lora_targets=(MLP,), lora_layer_share=0.5)
    return {
        "quick": _scaled(train_examples, STEPS_QUICK, quick),
        "balanced": _scaled(train_examples, STEPS_BALANCED, balanced),
        "thorough": _scaled(train_examples, STEPS_THOROUGH, thorough),
    }


def scaled_defaults(train_examples: int, *, has_validation: bool = False) -> TrainingSettings:
    """What a form for a new run starts with."""
    return presets(train_examples, has_validation=has_validation)["quick"]


def _scaled(train_examples: int, steps: int, settings: TrainingSettings) -> TrainingSettings:
    mixed = train_examples + settings.general_examples(train_examples)
    wanted = steps * settings.examples_per_step / max(1, mixed)
    epochs = min(MOST_EPOCHS, max(FEWEST_EPOCHS, wanted))
    return replace(settings, epochs=round(epochs, 2))
