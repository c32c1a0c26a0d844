"""How a run that cannot go on ends: with a true status and a sentence of advice."""

import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ml.advice import ADVICE, KEPT_BEST, STOPPED_EARLY
from ml.memory import is_out_of_memory
from ml.training import command, divergence
from ml.training.divergence import Diverged
from ml.training.trainer import Trainer
from tests.ml.training_runs import QUESTIONS, example, write_examples, write_run

pytestmark = pytest.mark.usefixtures("own_signals")


@pytest.fixture
def own_signals() -> Iterator[None]:
    """``main()`` takes the process's signals; pytest wants them back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def status(folder: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((folder / "status.json").read_text())
    return read


def told_by_a_failure(path: Path) -> dict[str, Any]:
    assert command.main(path) == 1
    told = status(path.parent)
    assert told["phase"] == "failed"
    return told


def test_a_loss_that_blows_up_ends_the_run(tmp_path: Path, tiny_model: Path) -> None:
    """It goes on from an adapter that has learnt, and un-learns it at a far too high rate."""
    shape = {"lora_rank": 16, "lora_alpha": 128}
    tame = {"learning_rate": 1e-2, "max_steps": 60, "batch_size": 4, **shape}
    assert command.main(write_run(tmp_path / "parent", base=tiny_model, settings=tame)) == 0
    wild = {"learning_rate": 0.1, "max_steps": 200, "max_grad_norm": 0, "warmup_ratio": 0.2}
    path = write_run(
        tmp_path / "run",
        base=tiny_model,
        settings={**wild, **shape},
        parent_adapter=str(tmp_path / "parent" / "adapter"),
    )

    told = told_by_a_failure(path)

    assert told["error"]["code"] == "diverged"
    assert told["advice"] == ADVICE["diverged"]
    assert 0 < told["step"] < 100
    assert not told["resumable"]


@pytest.mark.parametrize(
    ("losses", "is_over"),
    [
        ([3.0] * 20 + [float("nan")], True),
        ([float("inf")], True),
        ([3.0] * 10 + [5.5] * 10, True),
        ([3.0] * 10 + [4.5] * 10, False),
        ([0.1] * 10 + [1.0] * 10, False),  # goes on from an adapter that knew its data
        ([0.1] * 10 + [2.5] * 10, True),
        ([3.0] * 10 + [30.0] * 3, False),  # single odd batches
        ([3.0] * 10 + [1.0, 10.0] * 5, True),
    ],
)
def test_only_a_lasting_rise_is_divergence(losses: list[float], is_over: bool) -> None:
    if not is_over:
        divergence.check(losses)
        return
    with pytest.raises(Diverged):
        divergence.check(losses)


def test_a_base_that_goes_away_is_said_with_advice(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two looks of ours: it was there when the run was started."""
    base = tmp_path / "base"
    shutil.copytree(tiny_model, base)
    path = write_run(tmp_path / "run", base=base)
    (base / "model.safetensors").write_bytes(b"cut in two")

    told = told_by_a_failure(path)

    assert told["error"]["code"] == "model_load_failed"
    assert told["advice"] == ADVICE["model_load_failed"]


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried ..."),
        RuntimeError("CUDA error: out of memory"),
    ],
)
def test_too_little_memory_is_said_with_advice(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(Trainer, "loss_sum", fail)

    told = told_by_a_failure(write_run(tmp_path, base=tiny_model))

    assert told["error"]["code"] == "out_of_memory"
    assert told["advice"] == ADVICE["out_of_memory"]
    assert not is_out_of_memory(RuntimeError("shapes differ"))


def test_a_setting_that_cannot_work_here_is_said_with_its_reason(
    tmp_path: Path, tiny_model: Path
) -> None:
    told = told_by_a_failure(write_run(tmp_path, base=tiny_model, settings={"keep_best": True}))

    assert told["error"]["code"] == "settings_impossible"
    assert "validation" in told["error"]["message"]


@pytest.mark.parametrize(
    ("settings", "advice"),
    [({"early_stopping_patience": 2}, STOPPED_EARLY), ({"keep_best": True}, KEPT_BEST)],
)
def test_what_became_of_a_run_is_told_when_it_is_not_its_last_step(
    tmp_path: Path, tiny_model: Path, settings: dict[str, Any], advice: str
) -> None:
    tmp_path.mkdir(exist_ok=True)
    wrong = [example(question, "No. " * 4) for question, _ in QUESTIONS[:3]]
    path = write_run(
        tmp_path,
        base=tiny_model,
        settings={
            "learning_rate": 0.1,
            "scheduler": "constant",
            "evaluation_interval": 1,
            "max_steps": 30,
            **settings,
        },
        validation_file=str(write_examples(tmp_path / "validation.jsonl", wrong)),
    )

    assert command.main(path) == 0

    told = status(tmp_path)
    assert (told["phase"], told["advice"]) == ("finished", advice)
    assert told["step"] == told["total_steps"]
    measured = json.loads((tmp_path / "adapter" / "card.json").read_text())["metrics"]
    assert measured["steps"] == told["step"]
    assert measured["best_step"] < measured["steps"]
    is_best = "keep_best" in settings
    assert measured["saved_step"] == measured["best_step" if is_best else "steps"]
