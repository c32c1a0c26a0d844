"""What a process is given: its folder with the data and the file that says what to do."""

from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.utils.translation import gettext_noop

from backend.common.errors import Invalid
from backend.curation.frozen import dataset_version_write
from backend.training import files
from backend.training.general_examples import general_examples_write
from backend.training.models import TrainingRun

if TYPE_CHECKING:
    from pathlib import Path

    from backend.training.models import AdapterJob, AnyJob

NO_CHECKPOINT: Final = gettext_noop(
    "The run's checkpoint is not on this machine, so it cannot go on. Start a new run."
)

NO_PARENT: Final = gettext_noop(
    "The adapter that the run was to go on from is not on this machine."
)


def prepare(job: "AnyJob") -> bool:
    """Write what the process needs.

    Returns:
        Whether it goes on from a checkpoint, else it begins anew.

    Raises:
        Invalid: the checkpoint of a run that was to be resumed is gone, or the adapter that one
            was to go on from.
        OSError: the folder cannot be written.
    """
    folder, resume = job.folder, job.resumable
    if resume and not files.has_checkpoint(folder):
        raise Invalid(NO_CHECKPOINT, code="checkpoint_missing")
    files.clear(folder, resume=resume)
    config = _run_config(job, resume) if isinstance(job, TrainingRun) else _job_config(job)
    files.config_write(folder / job.config_name, config)
    return resume


def _for_every_process(folder: "Path", base_model: str) -> dict[str, Any]:
    return {
        "output_dir": str(folder),
        "base_model": base_model,
        "models_dir": str(settings.MODELS_DIR),
        "model_hub": settings.MODEL_HUB,
    }


def _job_config(job: "AdapterJob") -> dict[str, Any]:
    folder, adapter = job.folder, job.adapter
    counts = dataset_version_write(version=adapter.run.dataset_version, folder=folder)
    files_with_examples = {
        f"{split}_file": str(folder / f"{split}.jsonl") if counts[split] else None
        for split in ("validation", "golden")
    }
    return {
        **_for_every_process(folder, adapter.base_model),
        "system_prompt": adapter.run.system_prompt,
        "data_dir": str(settings.DATA_DIR),
        "adapter_dir": str(adapter.folder),
        **files_with_examples,
        **job.request,
    }


def _run_config(run: TrainingRun, resume: bool) -> dict[str, Any]:
    folder = run.folder
    counts = dataset_version_write(version=run.dataset_version, folder=folder)
    validate = counts["validation"] > 0
    mix = general_examples_write(folder) if run.settings.get("general_share") else None
    if run.parent and not files.holds_adapter(run.parent.folder):
        raise Invalid(NO_PARENT, code="parent_missing")
    return {
        **_for_every_process(folder, run.base_model),
        "train_file": str(folder / "train.jsonl"),
        "validation_file": str(folder / "validation.jsonl") if validate else None,
        "general_file": str(mix) if mix else None,
        "parent_adapter": str(run.parent.folder) if run.parent else None,
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
