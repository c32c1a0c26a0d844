"""Settings that are each in range and yet cannot work together, or not where they would run.

Called before a run is queued, as far as the web can know, and again by the trainer.
"""

from typing import Final

from ml.settings import TrainingSettings
from ml.words import told

FP16_NEEDS_CUDA: Final = told("Precision fp16 needs a graphics card; choose auto.")
FOUR_BITS_NEED_CUDA: Final = told("A base model in 4 bits needs an NVIDIA graphics card.")
FOUR_BITS_NEED_PACKAGE: Final = told(
    "A base model in 4 bits needs the package bitsandbytes on the trainer's machine."
)
DORA_CANNOT_BE_SERVED: Final = told(
    "The model server answers through many adapters at once and cannot do so with DoRA. "
    "Choose rsLoRA or a higher rank, or train with DoRA on the command line and merge."
)
PATIENCE_NEEDS_VALIDATION: Final = told(
    "Stopping early needs validation records; freeze a version that holds some back."
)
BEST_NEEDS_VALIDATION: Final = told(
    "Keeping the best adapter needs validation records; freeze a version that holds some back."
)
NO_GENERAL_EXAMPLES: Final = told("There are no general examples to mix in.")


def combination_problems(
    settings: TrainingSettings,
    *,
    has_cuda: bool | None = None,
    has_bitsandbytes: bool | None = None,
    has_validation: bool | None = None,
    has_general: bool | None = None,
    is_served: bool | None = None,
) -> list[tuple[str, str]]:
    """Field and sentence of everything that cannot work.

    Args:
        settings: valid each by itself.
        has_cuda: a graphics card computes; None where that is not known, as with all others.
        has_bitsandbytes: the package that holds a model in 4 bits is there.
        has_validation: records are held back.
        has_general: there are general examples.
        is_served: the adapter is to be used by the model server.
    """
    told_of = (
        ("precision", FP16_NEEDS_CUDA, settings.precision == "fp16" and has_cuda is False),
        ("base_4bit", FOUR_BITS_NEED_CUDA, settings.base_4bit and has_cuda is False),
        (
            "base_4bit",
            FOUR_BITS_NEED_PACKAGE,
            settings.base_4bit and has_cuda is not False and has_bitsandbytes is False,
        ),
        ("use_dora", DORA_CANNOT_BE_SERVED, settings.use_dora and is_served is True),
        (
            "early_stopping_patience",
            PATIENCE_NEEDS_VALIDATION,
            settings.early_stopping_patience > 0 and has_validation is False,
        ),
        ("keep_best", BEST_NEEDS_VALIDATION, settings.keep_best and has_validation is False),
        (
            "general_share",
            NO_GENERAL_EXAMPLES,
            settings.general_share > 0 and has_general is False,
        ),
    )
    return [(field, sentence) for field, sentence, is_so in told_of if is_so]
