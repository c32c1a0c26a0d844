"""An adapter exported: what lies in the folder, what is refused, what is told on the way."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from ml.__main__ import main as command
from ml.errors import ConfigError, MlError, ModelLoadError
from ml.export.exporting import export
from ml.export.merged import rounded_dtype
from ml.export.process import main as as_job
from ml.export.request import Request
from ml.parity import compare
from ml.tokens import Tokens
from tests.ml.tiny import CHATML, build_adapter, build_model

Json = dict[str, Any]


def write_job(folder: Path, *, adapter: Path, base: Path, **request: Any) -> Path:
    folder.mkdir(exist_ok=True)
    content = {
        "output_dir": str(folder),
        "base_model": str(base),
        "models_dir": str(folder / "models"),
        "model_hub": "huggingface",
        "system_prompt": 'You are "abc".\n{{ name }} asks.',
        "data_dir": str(folder),
        "adapter_dir": str(adapter),
        "validation_file": None,
        "golden_file": None,
        **request,
    }
    path = folder / "job.json"
    path.write_text(json.dumps(content))
    return path


def read(path: Path) -> Json:
    content: Json = json.loads(path.read_text())
    return content


def export_from(adapter: Path, output: Path, *what: Any, base: Path | None = None) -> Json:
    request = Request(
        adapter=adapter,
        output=output,
        what=what,
        models_dir=output.parent,
        base_model=str(base) if base else None,
    )
    return export(
        request, on_phase=lambda *_: None, should_stop=lambda: False, report=lambda _: None
    )


@pytest.mark.parametrize("kind", ["llama", "qwen2"])
def test_a_job_leaves_all_that_was_asked_for_and_says_what_it_is(kind: str, tmp_path: Path) -> None:
    base = build_model(tmp_path / "base", kind=kind)
    adapter = build_adapter(tmp_path / "adapter", base=base, seed=1, run_number=7)
    what = ["merged", "gguf", "ollama"]
    job = write_job(
        tmp_path / "job", adapter=adapter, base=base, what=what, name="abc-7", temperature=0.3
    )
    assert as_job(job) == 0
    status, result = read(job.parent / "status.json"), read(job.parent / "result.json")
    assert (status["phase"], status["step"], status["error"]) == ("finished", 22, None)
    assert status["total_steps"] == 22
    folder = job.parent / "export"
    assert result["folder"] == str(folder)
    for file in result["files"]:
        content = (folder / file["path"]).read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        assert (file["bytes"], file["sha256"]) == (len(content), digest)
    written = {each.relative_to(folder).as_posix() for each in folder.rglob("*") if each.is_file()}
    assert written == {file["path"] for file in result["files"]}
    assert written >= {
        "README.md",
        "README.zh.md",
        "card.json",
        "parity.json",
        "adapter.gguf",
        "Modelfile",
        "Modelfile.adapter",
        "merged/model.safetensors",
    }
    assert result["parity"] == read(folder / "parity.json")
    assert result["parity"]["equal_float32"] == result["parity"]["questions"] == 6
    assert result["parity"]["weights"] == "bfloat16"
    for name in ("README.md", "README.zh.md"):
        text = (folder / name).read_text()
        assert "vllm serve ./merged --served-model-name abc-7" in text
        assert "你是谁?" in text
        assert "bfloat16" in text
    assert sorted(each.name for each in job.parent.glob(".*")) == []


def test_the_merged_folder_loads_alone_and_older_readers_understand_it(
    tiny_model: Path, tiny_adapters: list[Path], tmp_path: Path
) -> None:
    base = shutil.copytree(tiny_model, tmp_path / "base")
    tokenizer = read(base / "tokenizer_config.json") | {"tokenizer_class": "TokenizersBackend"}
    (base / "tokenizer_config.json").write_text(json.dumps(tokenizer | {"is_local": True}))
    generation = {"do_sample": False, "temperature": 0.6, "eos_token_id": 2}
    (base / "generation_config.json").write_text(json.dumps(generation))
    export_from(tiny_adapters[0], tmp_path / "out", "merged", base=base)
    folder = (tmp_path / "out" / "merged").rename(tmp_path / "elsewhere")
    shutil.rmtree(tmp_path / "out")
    assert (folder / "chat_template.jinja").read_bytes() == CHATML.encode()
    assert read(folder / "generation_config.json") == generation
    config = read(folder / "config.json")
    assert config["architectures"] == ["LlamaForCausalLM"]
    assert config["tie_word_embeddings"] is True
    assert config["dtype"] == config["torch_dtype"] == "bfloat16"
    assert config["rope_theta"] == config["rope_parameters"]["rope_theta"]
    assert "quantization_config" not in config
    assert read(folder / "tokenizer_config.json") == {
        **tokenizer,
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
    model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto", local_files_only=True)
    plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    assert model.dtype == torch.bfloat16
    assert model.config.rope_parameters == plain.config.rope_parameters
    loaded: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    messages = [{"role": "user", "content": "你是谁?"}]
    ids = loaded.apply_chat_template(messages, add_generation_prompt=True)["input_ids"]
    assert ids == Tokens(base).prompt_ids(messages)


@pytest.mark.parametrize("lora", [{"use_dora": True}, {"use_rslora": True}])
def test_other_kinds_of_lora_are_merged_as_exactly(
    lora: Json, tiny_model: Path, tmp_path: Path
) -> None:
    adapter = build_adapter(tmp_path / "adapter", base=tiny_model, seed=4, lora=lora)
    parity = export_from(adapter, tmp_path / "out", "merged")["parity"]
    assert parity["equal_float32"] == 6


def test_a_float16_base_stays_float16(tiny_model: Path, tmp_path: Path) -> None:
    assert rounded_dtype(tiny_model) == torch.bfloat16
    config = read(tiny_model / "config.json") | {"dtype": "float16"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert rounded_dtype(tmp_path) == torch.float16


def test_a_rounded_answer_that_differs_is_told_with_its_first_token(tiny_model: Path) -> None:
    tokens = Tokens(tiny_model)
    same, changed, shorter = (tokens.ids(text) for text in ("abc", "axc", "ab"))
    pairs = compare(tokens, ["1", "2", "3"], [same] * 3, [same, changed, shorter])
    assert [pair.first_difference for pair in pairs] == [None, 1, 2]
    assert (pairs[1].adapter_token, pairs[1].merged_token) == ("b", "x")
    assert (pairs[2].adapter_token, pairs[2].merged_token) == ("c", "")


def test_a_model_that_answers_differently_in_float32_is_not_written(
    tiny_model: Path,
    tiny_adapters: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "peft.PeftModel.merge_and_unload", lambda model, **_: model.unload(), raising=False
    )
    job = write_job(tmp_path / "job", adapter=tiny_adapters[0], base=tiny_model, what=["merged"])
    assert as_job(job) == 1
    status = read(job.parent / "status.json")
    assert (status["phase"], status["error"]["code"]) == ("failed", "parity_failed")
    assert "你是谁?" in status["error"]["message"]
    assert {path.name for path in job.parent.iterdir()} == {"job.json", "status.json"}


def test_what_was_written_is_compared_with_what_was_merged(
    tiny_adapters: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def written_wrongly(merged: Any, folder: Path, **_: Any) -> None:
        from safetensors.torch import save_file

        folder.mkdir()
        weights = {name: weight.clone() for name, weight in merged.state_dict().items()}
        weights["model.norm.weight"][0] += 1
        save_file(weights, folder / "model.safetensors")

    monkeypatch.setattr("ml.export.merged.write_model", written_wrongly)
    with pytest.raises(ModelLoadError, match=r"model\.norm\.weight"):
        export_from(tiny_adapters[0], tmp_path / "out", "merged")
    assert list(tmp_path.iterdir()) == []


def test_a_stop_leaves_nothing_and_says_so(
    tiny_model: Path, tiny_adapters: list[Path], tmp_path: Path
) -> None:
    job = write_job(tmp_path / "job", adapter=tiny_adapters[0], base=tiny_model, what=["merged"])
    (job.parent / "stop").touch()
    assert as_job(job) == 0
    assert read(job.parent / "status.json")["phase"] == "stopped"
    assert {path.name for path in job.parent.iterdir()} == {"job.json", "status.json", "stop"}


def test_what_a_killed_process_left_is_cleared_by_the_next(
    tiny_model: Path, tiny_adapters: list[Path], tmp_path: Path
) -> None:
    job = write_job(tmp_path / "job", adapter=tiny_adapters[0], base=tiny_model, what=["gguf"])
    (job.parent / ".export.partial-x").mkdir()
    (job.parent / "export").mkdir()
    (job.parent / "export" / "half").touch()
    assert as_job(job) == 0
    names = {path.name for path in job.parent.iterdir()}
    assert names == {"job.json", "status.json", "result.json", "export"}
    assert not (job.parent / "export" / "half").exists()


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ({"use_dora": True}, "gguf_impossible", "DoRA"),
        ({"modules_to_save": ["lm_head"]}, "gguf_impossible", "modules_to_save"),
    ],
)
def test_a_gguf_that_llama_cpp_could_not_read_is_refused_before_anything_is_done(
    change: Json, code: str, said: str, tiny_adapters: list[Path], tmp_path: Path
) -> None:
    adapter = shutil.copytree(tiny_adapters[0], tmp_path / "adapter")
    config = read(adapter / "adapter_config.json") | change
    (adapter / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(ModelLoadError, match=said) as refused:
        export_from(adapter, tmp_path / "out", "merged", "gguf")
    assert refused.value.code == code
    assert not (tmp_path / "out").exists()


def test_an_architecture_whose_layout_is_unknown_is_refused_as_gguf(
    tiny_model: Path, tiny_adapters: list[Path], tmp_path: Path
) -> None:
    base = shutil.copytree(tiny_model, tmp_path / "base")
    config = read(base / "config.json") | {"architectures": ["GemmaForCausalLM"]}
    (base / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelLoadError, match="not for GemmaForCausalLM"):
        export_from(tiny_adapters[0], tmp_path / "out", "gguf", base=base)


def test_another_base_and_a_quantised_one_are_refused(
    tiny_model: Path, tiny_adapters: list[Path], tmp_path: Path
) -> None:
    other = build_model(tmp_path / "other", seed=7)
    with pytest.raises(ModelLoadError, match="another base model"):
        export_from(tiny_adapters[0], tmp_path / "out", "gguf", base=other)
    quantised = shutil.copytree(tiny_model, tmp_path / "quantised")
    config = read(quantised / "config.json") | {"quantization_config": {"quant_method": "gptq"}}
    (quantised / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelLoadError, match=r"quantised \(gptq\)"):
        export_from(tiny_adapters[0], tmp_path / "out", "merged", base=quantised)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"what": []}, "at least one"),
        ({"what": ["gguf", "exe"]}, "nothing else"),
        ({"what": ["ollama"]}, "needs weights"),
        ({"what": "merged"}, "must be a list"),
        ({"what": ["merged"], "temperature": "hot"}, "from 0 to 2"),
        ({"what": ["merged"], "colour": "red"}, "colour"),
        ({"what": ["merged"], "base_model": None}, "lacks base_model"),
    ],
)
def test_a_job_that_cannot_be_meant_ends_with_2(
    change: Json,
    said: str,
    tiny_model: Path,
    tiny_adapters: list[Path],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    job = write_job(tmp_path / "job", adapter=tiny_adapters[0], base=tiny_model, **change)
    assert as_job(job) == 2
    assert said in caplog.text


def test_the_command_line_exports_into_a_folder_of_its_own(
    tiny_adapters: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    given = ["--adapter_model", str(tiny_adapters[0]), "--output", str(output)]
    assert command(["export", *given, "--what", "gguf,ollama"]) == 0
    assert "adapter.gguf" in capsys.readouterr().out
    assert "ADAPTER ./adapter.gguf" in (output / "Modelfile.adapter").read_text()
    assert not (output / "Modelfile").exists()
    assert command(["export", *given, "--what", "gguf"]) == 1
    assert "not an empty folder" in capsys.readouterr().err
    assert command(["export", "--what", "gguf"]) == 2


def test_a_prompt_that_a_modelfile_cannot_hold_is_refused_early(
    tiny_model: Path, tmp_path: Path
) -> None:
    adapter = build_adapter(
        tmp_path / "adapter", base=tiny_model, seed=1, system_prompt='Say """hello""".'
    )
    with pytest.raises(ConfigError, match="quotation marks") as refused:
        export_from(adapter, tmp_path / "out", "gguf", "ollama")
    assert isinstance(refused.value, MlError)
    assert not (tmp_path / "out").exists()
