import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from ml.errors import ConfigError, ModelLoadError
from ml.merge import merge
from tests.ml.tiny import build_adapter, build_model

ROOT = Path(__file__).parents[2]


def merged_from(adapter: Path, output: Path, base: Path | None = None) -> int:
    return merge(
        adapter=adapter,
        output=output,
        base_model=str(base) if base else None,
        models_dir=output.parent,
    )


def test_the_merged_model_answers_like_the_adapter_and_is_a_whole_model(
    tiny_model: Path,
    tiny_adapters: list[Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = tmp_path / "merged"
    output.mkdir()
    before = {path.name: path.read_bytes() for path in tiny_model.iterdir()}
    assert merged_from(tiny_adapters[0], output) == 0
    printed = capsys.readouterr().out
    assert "equal      你是谁?" in printed
    assert "All 6 answers are equal" in printed
    assert {path.name: path.read_bytes() for path in tiny_model.iterdir()} == before
    for name in ("tokenizer.json", "chat_template.jinja", "tokenizer_config.json"):
        assert (output / name).read_bytes() == before[name]
    base = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)
    merged = AutoModelForCausalLM.from_pretrained(output, dtype=torch.float32)
    changed = [
        name
        for name, weights in merged.state_dict().items()
        if not torch.equal(weights, base.state_dict()[name])
    ]
    assert len(changed) == 2 * 7, "every linear layer of both blocks, and nothing else"
    assert [path.name for path in tmp_path.iterdir()] == ["merged"]


def test_a_merged_model_that_answers_differently_is_not_left_there(
    tiny_adapters: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(
        "peft.PeftModel.merge_and_unload", lambda model, **_: model.unload(), raising=False
    )
    assert merged_from(tiny_adapters[0], tmp_path / "merged") == 1
    assert "DIFFERENT" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_is_refused_and_left_alone(
    tiny_adapters: list[Path], tmp_path: Path
) -> None:
    output = tmp_path / "full"
    output.mkdir()
    (output / "diary.txt").write_text("mine")
    with pytest.raises(ConfigError, match="not an empty folder"):
        merged_from(tiny_adapters[0], output)
    assert [path.name for path in output.iterdir()] == ["diary.txt"]


def test_another_base_model_is_refused(tiny_adapters: list[Path], tmp_path: Path) -> None:
    other = build_model(tmp_path / "other", seed=7)
    with pytest.raises(ModelLoadError, match="another base model"):
        merged_from(tiny_adapters[0], tmp_path / "merged", other)
    assert not (tmp_path / "merged").exists()


def test_a_folder_without_an_adapter_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="holds no adapter"):
        merged_from(tiny_model, tmp_path / "merged")


def test_a_broken_adapter_leaves_nothing(tiny_adapters: list[Path], tmp_path: Path) -> None:
    broken = shutil.copytree(tiny_adapters[0], tmp_path / "broken")
    (broken / "adapter_model.safetensors").write_bytes(b"nothing")
    with pytest.raises(ModelLoadError, match="cannot be loaded"):
        merged_from(broken, tmp_path / "merged")
    assert [path.name for path in tmp_path.iterdir()] == ["broken"]


def test_it_is_a_script_that_runs_from_anywhere(tiny_model: Path, tmp_path: Path) -> None:
    adapter = build_adapter(tmp_path / "adapter", base=tiny_model, seed=3)
    arguments = ["--adapter_model", str(adapter), "--output", "merged"]
    finished = subprocess.run(
        [sys.executable, str(ROOT / "ml" / "merge.py"), *arguments],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert "answers are equal" in finished.stdout
    config = json.loads((tmp_path / "merged" / "config.json").read_text())
    assert config["architectures"] == ["LlamaForCausalLM"]
