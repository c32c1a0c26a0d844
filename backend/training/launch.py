"""What a training process is given: its folder with the data and ``run.json``."""

from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.utils.translation import gettext_noop

from backend.common.errors import Invalid
from backend.curation.frozen import dataset_version_write
from backend.training import files

if TYPE_CHECKING:
    from backend.training.models import TrainingRun

NO_CHECKPOINT: Final = gettext_noop(
    "The run's checkpoint is not on this machine, so it cannot go on. Start a new run."
)


def prepare(run: "TrainingRun") -> bool:
    """Write what the process needs.

    Returns:
        Whether it goes on from a checkpoint, else it begins anew.

    Raises:
        Invalid: the checkpoint of a run that was to be resumed is gone.
        OSError: the folder cannot be written.
    """
    folder, resume = run.folder, run.resumable
    if resume and not files.has_checkpoint(folder):
        raise Invalid(NO_CHECKPOINT, code="checkpoint_missing")
    files.clear(folder, resume=resume)
    counts = dataset_version_write(version=run.dataset_version, folder=folder)
    files.config_write(folder, _config(run, validate=counts["validation"] > 0, resume=resume))
    return resume


def _config(run: "TrainingRun", *, validate: bool, resume: bool) -> dict[str, Any]:
    folder = run.folder
    return {
        "output_dir": str(folder),
        "base_model": run.base_model,
        "models_dir": str(settings.MODELS_DIR),
        "model_hub": settings.MODEL_HUB,
        "train_file": str(folder / "train.jsonl"),
        "validation_file": str(folder / "validation.jsonl") if validate else None,
        "system_prompt": run.system_prompt,
        "settings": run.settings,
        "resume": resume,
        "card": {
            "run": str(run.pk),
            "run_number": run.number,
            "assistant": run.assistant.slug,
            "dataset_version": run.dataset_version.number,
            "dataset_sha256": run.dataset_version.sha256,
            "trained_by": run.started_by.username if run.started_by else None,
        },
    }
