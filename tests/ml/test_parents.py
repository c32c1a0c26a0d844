"""A run that goes on from an adapter: it starts with its weights, and only with fitting ones."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from ml.adapters import save_adapter
from ml.errors import ConfigError
from ml.run_files import RunConfig
from tests.ml.training_runs import (
    Watched,
    config,
    example,
    with_settings,
    write_examples,
    write_run,
)


@pytest.fixture
def parent(tmp_path: Path, tiny_model: Path) -> Watched:
    run = config(tmp_path / "parent", base=tiny_model)
    watched = Watched(replace(run, card={"run": "1", "dataset_version": 4, "notes": "x"}))
    assert watched.trainer.run()
    save_adapter(watched.trainer)
    return watched


@pytest.fixture
def run(tmp_path: Path, tiny_model: Path, parent: Watched) -> RunConfig:
    run = config(tmp_path / "child", base=tiny_model)
    write_examples(run.train_file, [example("New?", "Quite new."), example("新?", "新的。")])
    return replace(run, parent_adapter=tmp_path / "parent" / "adapter")


def test_it_starts_with_the_parents_weights_and_learns_on(run: RunConfig, parent: Watched) -> None:
    child = Watched(run)
    learnt = parent.weights()

    assert all(torch.equal(weight, learnt[name]) for name, weight in child.weights().items())
    assert child.trainer.run()
    assert any(not torch.equal(weight, learnt[name]) for name, weight in child.weights().items())


def test_its_card_lists_its_ancestors(run: RunConfig, parent: Watched, tmp_path: Path) -> None:
    child = Watched(replace(run, card={"run": "2", "dataset_version": 5}))
    assert child.trainer.run()
    save_adapter(child.trainer)
    grandchild = Watched(
        replace(run, output_dir=tmp_path / "third", parent_adapter=run.output_dir / "adapter")
    )
    assert grandchild.trainer.run()
    save_adapter(grandchild.trainer)

    card = json.loads((tmp_path / "third" / "adapter" / "card.json").read_text())
    assert [(each["run"], each["dataset_version"]) for each in card["parents"]] == [
        ("1", 4),
        ("2", 5),
    ]
    assert len({each["weights_sha256"] for each in card["parents"]}) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"lora_rank": 8},
        {"lora_alpha": 16},
        {"lora_targets": ["q_proj"]},
        {"lora_layer_share": 0.5},
        {"use_rslora": True},
        {"use_dora": True},
    ],
)
def test_another_shape_is_refused_by_name(run: RunConfig, changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(changes))) as refused:
        Watched(with_settings(run, **changes))

    assert refused.value.code == "parent_differs"


def test_another_base_is_refused(run: RunConfig) -> None:
    assert run.parent_adapter
    card = run.parent_adapter / "card.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | {"base_fingerprint": "0" * 64}))

    with pytest.raises(ConfigError, match="another base") as refused:
        Watched(run)

    assert refused.value.code == "parent_differs"


def test_a_parent_that_is_gone_or_broken_is_refused(run: RunConfig) -> None:
    assert run.parent_adapter
    weights = run.parent_adapter / "adapter_model.safetensors"
    kept = load_file(weights)
    kept.popitem()
    save_file(kept, weights)
    for code in ("parent_differs", "parent_missing", "parent_missing"):
        with pytest.raises(ConfigError) as refused:
            Watched(run)
        assert refused.value.code == code
        if weights.exists() and weights.stat().st_size > 10:
            weights.write_bytes(b"broken")
        else:
            weights.unlink(missing_ok=True)


def test_going_on_with_another_parent_is_another_run(run: RunConfig, parent: Watched) -> None:
    first = Watched(run, should_stop=lambda: len(first.events) == 1)
    first.trainer.run()
    parent.trainer.weights.masters[0].data += 1
    save_adapter(parent.trainer)

    with pytest.raises(ConfigError) as refused:
        Watched(run).trainer.resume()

    assert refused.value.code == "checkpoint_differs"


def test_the_parent_stands_in_the_run_file(tmp_path: Path, tiny_model: Path) -> None:
    from ml.run_files import read_config

    path = write_run(tmp_path, base=tiny_model, parent_adapter="/adapters/1")
    assert read_config(path).parent_adapter == Path("/adapters/1")
    with pytest.raises(ConfigError):
        read_config(write_run(tmp_path, base=tiny_model, parent_adapter=["x"]))
