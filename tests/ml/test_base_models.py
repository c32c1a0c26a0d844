import multiprocessing
import shutil
from pathlib import Path

import pytest

from ml import packaged
from ml.base_models import FINGERPRINT_FILE, fingerprint, folder_of, served_name
from ml.errors import ConfigError, ModelLoadError
from ml.tokens import Tokens

NAME = "smollm2-135m-instruct"


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("packaged:smollm2-135m-instruct", NAME),
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B", "DeepSeek-R1-Distill-Qwen-1.5B"),
        ("models/mine/", "mine"),
    ],
)
def test_a_model_is_served_under_the_last_part_of_its_name(model: str, name: str) -> None:
    assert served_name(model) == name


def test_a_folder_is_taken_as_it_is(tiny_model: Path, tmp_path: Path) -> None:
    assert folder_of(str(tiny_model), models_dir=tmp_path) == tiny_model.resolve()


@pytest.mark.parametrize("model", ["packaged:none", "./no/such", "/no/such/folder", "nonsense", ""])
def test_a_model_that_does_not_exist_is_refused_in_words(model: str, tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"^(There is no base|No model|.* holds no model)"):
        folder_of(model, models_dir=tmp_path)


def test_a_hub_that_cannot_be_reached_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelLoadError, match="cannot be fetched from huggingface"):
        folder_of("nobody/no-such-model", models_dir=tmp_path)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"config\.json is missing"):
        folder_of(str(tmp_path), models_dir=tmp_path)


def test_the_fingerprint_follows_the_weights(tiny_model: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(tiny_model, tmp_path / "copy")
    assert fingerprint(copy) == fingerprint(tiny_model)
    assert (copy / FINGERPRINT_FILE).is_file()
    weights = copy / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert fingerprint(copy) != fingerprint(tiny_model)


def test_a_model_without_a_chat_template_says_so(tiny_model: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(tiny_model, tmp_path / "copy")
    (copy / "chat_template.jinja").unlink()
    with pytest.raises(ConfigError, match="no chat template"):
        Tokens(copy).prompt_ids([{"role": "user", "content": "x"}])


def convert_slowly(gguf: Path, folder: Path, report: object) -> None:
    """Stands in for the half minute of a conversion; notes each time that it was called."""
    with (folder.parent / "calls").open("a") as file:
        file.write("called\n")
    (folder / "config.json").write_text("{}")
    multiprocessing.Event().wait(0.3)


def convert(models_dir: Path) -> None:
    packaged._convert = convert_slowly
    packaged.converted(NAME, models_dir=models_dir, report=lambda line: None)


def test_two_at_once_convert_once_and_heal_what_was_killed(tmp_path: Path) -> None:
    killed = tmp_path / f".{NAME}.partial-x"
    killed.mkdir()
    # A fork keeps what this test has put in the conversion's place.
    context = multiprocessing.get_context("fork")
    both = [context.Process(target=convert, args=(tmp_path,)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(timeout=30)
    assert [process.exitcode for process in both] == [0, 0]
    assert (tmp_path / "calls").read_text() == "called\n"
    assert (tmp_path / NAME / "config.json").is_file()
    assert not killed.exists()
    assert [path.name for path in tmp_path.iterdir() if "partial" in path.name] == []


def test_a_package_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(packaged.DISTRIBUTIONS, NAME, "no-such-distribution")
        with pytest.raises(ModelLoadError, match="no-such-distribution, which is not installed"):
            packaged.converted(NAME, models_dir=tmp_path, report=lambda line: None)
    assert not [path for path in tmp_path.iterdir() if "partial" in path.name]
