"""Real runs of the tiny model: what was made worse on purpose does not pass the gate."""

import json
from pathlib import Path
from typing import Any

import pytest

from backend.serving.gate import Thresholds, Verdict, gate
from ml.evaluation import command
from ml.training import command as training
from tests.ml.training_runs import QUESTIONS, SYSTEM_PROMPT, example, write_examples, write_run

pytestmark = pytest.mark.usefixtures("own_signals")
SETTINGS: dict[str, Any] = {"max_steps": 60, "batch_size": 4, "learning_rate": 2e-2, "seed": 3}
ROWS = [example(*pair, number=number) for number, pair in enumerate(QUESTIONS)]


def train(folder: Path, base: Path, rows: list[dict[str, Any]]) -> Path:
    """The adapter of a run on ``rows``."""
    path = write_run(folder, base=base, settings=SETTINGS)
    write_examples(folder / "train.jsonl", rows)
    assert training.main(path) == 0
    return folder / "adapter"


def shuffled() -> list[dict[str, Any]]:
    """The same questions, each with another one's answer."""
    answers = [answer for _question, answer in QUESTIONS]
    pairs = zip(QUESTIONS, [*answers[3:], *answers[:3]], strict=True)
    return [example(question, answer, number=n) for n, ((question, _), answer) in enumerate(pairs)]


def verdict(folder: Path, base: Path, *, candidate: Path, production: Path | None) -> Verdict:
    folder.mkdir()
    job = {
        "output_dir": str(folder),
        "base_model": str(base),
        "models_dir": str(folder),
        "system_prompt": SYSTEM_PROMPT,
        "golden_file": str(write_examples(folder / "golden.jsonl", ROWS)),
        "adapter_dir": str(candidate),
        "data_dir": "/",
        "production": str(production) if production else None,
        "max_new_tokens": 24,
    }
    (folder / "job.json").write_text(json.dumps(job))
    assert command.main(folder / "job.json") == 0
    scores = json.loads((folder / "result.json").read_text("utf-8"))["scores"]
    return gate(scores, Thresholds(min_examples=len(ROWS)))


def test_a_run_on_shuffled_answers_is_refused_and_an_honest_one_is_not(
    tmp_path: Path, tiny_model: Path
) -> None:
    honest = train(tmp_path / "honest", tiny_model, ROWS)
    worse = train(tmp_path / "worse", tiny_model, shuffled())
    first = verdict(tmp_path / "first", tiny_model, candidate=honest, production=None)
    assert first.passed, first.reasons
    second = verdict(tmp_path / "second", tiny_model, candidate=worse, production=honest)
    assert {reason["code"] for reason in second.reasons} >= {"chrf_worse", "perplexity_worse"}
