"""Training and evaluation on data that others wrote, with the packaged model."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ml.evaluation.scores import measured, scores_of
from ml.formats import examples, parse
from tests.stack import ROOT

RECORDS = ROOT.parent / "shared" / "data" / "llamafactory" / "alpaca_zh_demo.json"
MODELS = ROOT / "data" / "local" / "models"
SYSTEM_PROMPT = "You are a helpful assistant.\nYou are talking to {{ name }}."
TAKEN = 200
VALIDATED = 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With training and validation examples of 200 records."""
    if not RECORDS.is_file():
        pytest.skip("no ../shared/data/llamafactory beside the repository")
    folder = tmp_path_factory.mktemp("real-data")
    rows = parse(RECORDS.read_bytes(), filename=RECORDS.name)[:TAKEN]
    lines = [
        json.dumps(example, ensure_ascii=False)
        for number, row in enumerate(rows)
        if row.fields is not None
        for example in examples(row.fields, record_id=str(number))
    ]
    assert len(lines) == TAKEN
    (folder / "validation.jsonl").write_text("\n".join(lines[:VALIDATED]), "utf-8")
    (folder / "train.jsonl").write_text("\n".join(lines[VALIDATED:]), "utf-8")
    return folder


def run(command: str, config: dict[str, Any], folder: Path) -> Path:
    """Runs ``python -m ml`` to its end; the folder that it wrote into."""
    output = folder / command
    path = folder / f"{command}.json"
    common = {
        "output_dir": str(output),
        "base_model": "packaged:smollm2-135m-instruct",
        "models_dir": str(MODELS),
        "validation_file": str(folder / "validation.jsonl"),
        "system_prompt": SYSTEM_PROMPT,
    }
    path.write_text(json.dumps(common | config), "utf-8")
    ended = subprocess.run(
        [sys.executable, "-m", "ml", command, "--config", str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    status = json.loads((output / "status.json").read_text("utf-8"))
    assert status["phase"] == "finished", status
    return output


def test_the_validation_loss_falls_and_every_metric_follows_from_the_stored_answers(
    folder: Path,
) -> None:
    settings = {
        "max_steps": 12,
        "evaluation_interval": 4,
        "learning_rate": 1e-3,
        "cutoff_tokens": 256,
        "lora_layer_share": 0.5,
    }
    trained = run(
        "train", {"train_file": str(folder / "train.jsonl"), "settings": settings}, folder
    )
    lines = (trained / "trainer_log.jsonl").read_text("utf-8").splitlines()
    validation = [
        entry["eval_loss"] for line in lines if "eval_loss" in (entry := json.loads(line))
    ]
    assert len(validation) == 3
    assert validation[-1] < validation[0]

    asked = {"adapter_dir": str(trained / "adapter"), "max_new_tokens": 4, "most_questions": 4}
    evaluated = run("evaluate", asked, folder)
    result = json.loads((evaluated / "result.json").read_text("utf-8"))
    questions = {question["id"]: question for question in result["questions"]}
    assert result["models"] == ["base", "candidate"]
    assert len(result["answers"]) == 2 * len(questions)
    for answer in result["answers"]:
        assert measured(questions[answer["question"]], answer) == answer["metrics"]
    assert scores_of(result["questions"], result["answers"]) == result["scores"]
    means = {name: kinds["validation"] for name, kinds in result["scores"].items()}
    assert means["candidate"]["perplexity"] < means["base"]["perplexity"]
