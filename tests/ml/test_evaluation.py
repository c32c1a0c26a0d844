"""An evaluation asks all models the same, keeps every answer, and its numbers follow from those."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from ml.encoding import IGNORED, Encoder, read_examples
from ml.engines.transformers import ServedModel
from ml.evaluation import command
from ml.evaluation.losses import answer_loss
from ml.evaluation.questions import read_probe, read_questions
from ml.evaluation.scores import measured, scores_of
from ml.tokens import Tokens
from tests.ml.training_runs import QUESTIONS, SYSTEM_PROMPT, example, write_examples

Json = dict[str, Any]


@pytest.fixture
def job(tmp_path: Path, tiny_model: Path, tiny_adapters: list[Path]) -> Json:
    """What a trainer host writes for an evaluation of the second adapter against the first."""
    rows = [example(*pair, number=number) for number, pair in enumerate(QUESTIONS)]
    return {
        "output_dir": str(tmp_path / "job"),
        "base_model": str(tiny_model),
        "models_dir": str(tmp_path / "models"),
        "system_prompt": SYSTEM_PROMPT,
        "data_dir": str(tiny_adapters[0].parent),
        "adapter_dir": str(tiny_adapters[1]),
        "golden_file": str(write_examples(tmp_path / "golden.jsonl", rows[:3])),
        "validation_file": str(write_examples(tmp_path / "validation.jsonl", rows[3:])),
        "production": tiny_adapters[0].name,
        "max_new_tokens": 6,
        "most_questions": 4,
    }


def run(job: Json) -> tuple[int, Json, Json]:
    """Exit status, ``status.json`` and ``result.json``, empty where there is none."""
    folder = Path(job["output_dir"])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    status = command.main(folder / "job.json")
    files = (folder / "status.json", folder / "result.json")
    return status, *(json.loads(f.read_text("utf-8")) if f.exists() else {} for f in files)


@pytest.mark.usefixtures("own_signals")
def test_all_models_are_asked_the_same_and_every_number_follows_from_the_answers(job: Json) -> None:
    status, told, result = run(job)
    assert (status, told["phase"]) == (0, "finished")
    assert result["models"] == ["base", "production", "candidate"]
    kinds = [question["kind"] for question in result["questions"]]
    assert (kinds.count("golden"), kinds.count("validation")) == (3, 4)
    assert kinds.count("probe") == 40
    assert result["thinned"] == {"validation": 1}
    assert told["step"] == told["total_steps"] == 2 * 3 * len(kinds)

    asked = {question["id"]: question for question in result["questions"]}
    pairs = [(answer["model"], answer["question"]) for answer in result["answers"]]
    assert sorted(pairs) == sorted((model, key) for model in result["models"] for key in asked)
    for answer in result["answers"]:
        assert answer["metrics"] == measured(asked[answer["question"]], answer)
    assert result["scores"] == scores_of(result["questions"], result["answers"])
    # Adapters with random weights answer unlike the base and unlike each other.
    by_model = {
        model: [a["text"] for a in result["answers"] if a["model"] == model]
        for model in result["models"]
    }
    assert len({tuple(texts) for texts in by_model.values()}) == 3


@pytest.mark.usefixtures("own_signals")
def test_without_anything_in_production_two_are_compared(job: Json) -> None:
    _status, _told, result = run({**job, "production": None})
    assert list(result["scores"]) == result["models"] == ["base", "candidate"]


def test_perplexity_is_of_the_tokens_that_training_learns(job: Json, tiny_model: Path) -> None:
    model = ServedModel(tiny_model, device=torch.device("cpu"), dtype=torch.float32)
    plain = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32).eval()
    encoder = Encoder(Tokens(tiny_model), system_prompt=SYSTEM_PROMPT)
    for one in read_examples(Path(job["validation_file"])):
        encoded = encoder.encode(one, None)
        ids, labels = torch.tensor([encoded.input_ids]), torch.tensor([encoded.labels])
        with torch.no_grad():
            mean = float(plain(input_ids=ids, labels=labels).loss)
        loss, tokens = answer_loss(model, encoded, adapter=None)
        assert tokens == sum(label != IGNORED for label in encoded.labels)
        assert loss / tokens == pytest.approx(mean, rel=1e-4)


def test_the_base_is_weighed_without_the_adapter_that_lies_beside_it(
    tiny_model: Path, tiny_adapters: list[Path], job: Json
) -> None:
    model = ServedModel(tiny_model, device=torch.device("cpu"), dtype=torch.float32)
    encoder = Encoder(Tokens(tiny_model), system_prompt=SYSTEM_PROMPT)
    encoded = encoder.encode(read_examples(Path(job["golden_file"]))[0], None)
    alone, _tokens = answer_loss(model, encoded, adapter=None)
    adapter = model.load_adapter(tiny_adapters[0])
    beside, _tokens = answer_loss(model, encoded, adapter=None)
    through, _tokens = answer_loss(model, encoded, adapter=adapter)
    assert beside == pytest.approx(alone, rel=1e-5)
    assert not math.isclose(through, alone, rel_tol=1e-2)


@pytest.mark.usefixtures("own_signals")
def test_an_evaluation_does_without_a_judge_that_is_away(job: Json) -> None:
    away = {"url": "http://127.0.0.1:9/v1", "model": "wise"}
    status, told, result = run({**job, "judge": away})
    assert (status, told["phase"], result["verdicts"]) == (0, "finished", [])
    assert result["judge"]["model"] == "wise"
    assert "does not answer" in result["judge"]["error"]


@pytest.mark.usefixtures("own_signals")
def test_a_stop_is_obeyed_and_leaves_no_result(job: Json) -> None:
    folder = Path(job["output_dir"])
    folder.mkdir(parents=True)
    (folder / "stop").touch()
    status, told, result = run(job)
    assert (status, told["phase"], result) == (0, "stopped", {})


@pytest.mark.usefixtures("own_signals")
@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"golden_file": None, "validation_file": None}, "no_examples"),
        ({"production": "not-there"}, "adapter_missing"),
        ({"base_model": "no/such folder"}, "model_load_failed"),
    ],
)
def test_what_cannot_be_compared_is_said(job: Json, change: Json, code: str) -> None:
    status, told, result = run({**job, **change})
    assert (status, told["phase"], told["error"]["code"], result) == (1, "failed", code, {})


@pytest.mark.parametrize("change", [{"max_new_tokens": 0}, {"batch": True}, {"base_model": None}])
def test_a_bad_configuration_ends_with_2(job: Json, change: Json) -> None:
    assert run({**job, **change})[0] == 2


def test_too_many_questions_are_thinned_evenly(tmp_path: Path) -> None:
    rows = [example("Who?", "Me.", number=number) for number in range(10)]
    path = write_examples(tmp_path / "golden.jsonl", rows)
    found, more = read_questions("golden", path, most=4)
    assert [question.example.id for question in found] == [f"record#{n}" for n in (0, 2, 5, 7)]
    assert more == 6


def test_every_general_question_can_be_answered_right() -> None:
    for question in read_probe():
        row = question.as_json()
        answer = {"text": row["expected"], "finish_reason": "stop", "loss": None, "label_tokens": 0}
        assert measured(row, answer)["contains"] == 1, row["question"]
