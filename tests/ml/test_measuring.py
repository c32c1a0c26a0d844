"""What the benchmarks compare is the same work, and a missing card is never called proven."""

import json
from pathlib import Path

import pytest
import torch

from ml.tokens import Tokens
from scripts import gpu_check
from scripts.bench_llamafactory import report
from scripts.gpu.models import examples_of_length
from scripts.llamafactory.runs import BF16, DEFAULT, OURS
from scripts.llamafactory.sample import write_sample


def test_both_trainers_are_given_the_same_questions_and_answers(tmp_path: Path) -> None:
    write_sample(tmp_path, count=20)
    lines = (tmp_path / "train.jsonl").read_text().splitlines()
    ours = [json.loads(line)["messages"] for line in lines]
    theirs = json.loads((tmp_path / "sample_train.json").read_text())
    assert len(ours) == 20
    assert [(asked["content"], answer["content"]) for asked, answer in ours] == [
        (row["instruction"] + ("\n" + row["input"] if row.get("input") else ""), row["output"])
        for row in theirs
    ]
    assert len({messages[0]["content"] for messages in ours}) == 20


def test_losses_too_far_apart_fail_the_comparison(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scripts.bench_llamafactory.computes_bf16", lambda: True)
    speeds = {OURS: 4.0, BF16: 2.0, DEFAULT: 1.6}
    close = {OURS: 1.0, BF16: 1.04, DEFAULT: 0.96}
    assert report(speeds, close, rounds=1, steps=1) == 0
    printed = capsys.readouterr().out
    assert "2.00 ×, wanted 1.8 ×: reached" in printed
    assert "2.50 ×, wanted 3.0 ×: missed" in printed
    assert report(speeds, close | {DEFAULT: 0.94}, rounds=1, steps=1) == 1


def test_examples_have_the_length_that_is_measured(tiny_model: Path) -> None:
    tokens = Tokens(tiny_model)
    for row in examples_of_length(tiny_model, 120, 3):
        asked, answer = row["messages"]
        prompt = tokens.prompt_ids([asked])
        assert len(prompt) + tokens.count(answer["content"]) + 1 == 120


def test_without_a_card_nothing_is_said_to_be_checked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr("sys.argv", ["gpu_check.py"])
    assert gpu_check.main() == 0
    assert capsys.readouterr().out == "There is no CUDA device here: nothing was checked.\n"
