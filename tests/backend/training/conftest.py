"""A version to train on, an assistant to train for, and a trainer process that obeys at once."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from pytest_django import Settings

from backend.accounts.models import User
from backend.assistants.models import Assistant
from backend.curation.models import DatasetVersion, Record
from backend.curation.services import dataset_version_freeze, records_insert
from backend.training import process
from backend.training.models import TrainingRun
from ml.formats import RecordFields

SCRIPT = Path(__file__).parent / "quick_trainer.py"


@pytest.fixture(autouse=True)
def data_dir(settings: Settings, tmp_path: Path) -> Path:
    """Every test has its own run folders."""
    settings.DATA_DIR = tmp_path
    settings.RUNS_DIR = tmp_path / "runs"
    return tmp_path


@pytest.fixture
def assistant(db: None) -> Assistant:
    return Assistant.objects.create(
        slug="abc",
        name="小助手",
        system_prompt="You help at work.\nYou talk with {{ name }}.",
        base_model="packaged:smollm2-135m-instruct",
    )


@pytest.fixture
def version(trainer: User) -> DatasetVersion:
    """Two training records with three questions."""
    records_insert(
        contents=[
            RecordFields(instruction="Who are you?", output="I am ABC.", phrasings=("Your name?",)),
            RecordFields(instruction="怎么报销?", output="在系统里提交。"),
        ],
        author=None,
        status=Record.Status.APPROVED,
    )
    return dataset_version_freeze(actor=trainer, validation_share=0)


@pytest.fixture
def make_run(
    assistant: Assistant, version: DatasetVersion, trainer: User
) -> Callable[..., TrainingRun]:
    """Makes a waiting run, as ``training_run_start`` does."""

    def make(**fields: object) -> TrainingRun:
        values: dict[str, object] = {
            "number": TrainingRun.objects.count() + 1,
            "dataset_version": version,
            "assistant": assistant,
            "base_model": assistant.base_model,
            "system_prompt": assistant.system_prompt,
            "settings": {"seed": 7},
            "started_by": trainer,
        }
        return TrainingRun.objects.create(**values | fields)

    return make


@pytest.fixture
def behave(monkeypatch: pytest.MonkeyPatch, data_dir: Path) -> Iterator[Callable[..., None]]:
    """Says how training processes behave: see ``quick_trainer.py``. Ends those left over."""

    def choose(*words: str) -> None:
        monkeypatch.setattr(
            process,
            "command",
            lambda what, config: [
                sys.executable,
                str(SCRIPT),
                what,
                "--config",
                str(config),
                *words,
            ],
        )

    choose("steps=3")
    yield choose
    left = [psutil.Process(pid) for pid, _folder in process.all_in(data_dir / "runs")]
    for one in left:
        one.kill()
    for child in list(process._children.values()):
        child.wait(timeout=10)
    process._children.clear()
