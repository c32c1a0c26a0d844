import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from ml.adapters import save_adapter
from ml.base_models import fingerprint
from ml.errors import ConfigError
from ml.messages import template_hash
from ml.run_files import RunConfig, read_config
from ml.tokens import Tokens
from ml.training import command
from tests.ml.training_runs import (
    QUESTIONS,
    SYSTEM_PROMPT,
    Watched,
    config,
    example,
    with_settings,
    write_examples,
    write_run,
)


@pytest.fixture
def run(tmp_path: Path, tiny_model: Path) -> RunConfig:
    return config(tmp_path / "run", base=tiny_model)


@pytest.fixture
def own_signals() -> Iterator[None]:
    """``main()`` takes the process's signals; pytest wants them back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def finished(run: RunConfig, **settings: Any) -> Watched:
    watched = Watched(with_settings(run, **settings))
    assert watched.trainer.run()
    return watched


def status(folder: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((folder / "status.json").read_text())
    return read


def metrics(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "trainer_log.jsonl").read_text().splitlines()]


# What the loop does.


def test_the_loss_falls_and_the_adapter_moves(run: RunConfig) -> None:
    watched = finished(
        run, max_steps=60, batch_size=4, learning_rate=2e-2, lora_rank=16, lora_alpha=32
    )

    first, last = watched.losses[:4], watched.losses[-4:]
    assert sum(last) < 0.5 * sum(first)
    assert all(weight.any() for weight in watched.weights().values())


def test_the_bases_weights_are_bit_identical_after_training(
    run: RunConfig, tiny_model: Path
) -> None:
    before = {
        name: weight.clone()
        for name, weight in AutoModelForCausalLM.from_pretrained(tiny_model).named_parameters()
    }
    after = finished(run).base_weights()

    plain = {
        name.removeprefix("base_model.model.").replace(".base_layer", ""): weight
        for name, weight in after.items()
    }
    assert plain.keys() == before.keys()
    assert all(torch.equal(plain[name], before[name]) for name in before)


@pytest.mark.parametrize(
    "changes",
    [{"batch_size": 2, "gradient_accumulation": 2}, {"batch_size": 1, "gradient_accumulation": 4}],
)
def test_accumulating_small_batches_equals_one_large(
    run: RunConfig, changes: dict[str, int]
) -> None:
    large, small = finished(run, batch_size=4), finished(run, **changes)

    assert small.losses == pytest.approx(large.losses, abs=1e-5)
    expected = large.weights()
    for name, weight in small.weights().items():
        assert torch.allclose(weight, expected[name], atol=1e-5), name


def test_the_same_seed_trains_the_same_and_another_does_not(run: RunConfig) -> None:
    one, same, other = finished(run), finished(run), finished(run, seed=7)

    assert one.losses == same.losses
    assert all(torch.equal(one.weights()[name], weight) for name, weight in same.weights().items())
    assert one.losses != other.losses


def test_a_stop_is_obeyed_before_the_next_step_and_changes_nothing(run: RunConfig) -> None:
    watched = Watched(run, should_stop=lambda: len(watched.events) == 2)
    uninterrupted = finished(run, max_steps=6)

    assert not watched.trainer.run()

    assert watched.losses == uninterrupted.losses[:2]
    assert watched.trainer.progress.step == 2


def test_an_interrupted_run_goes_on_exactly_where_it_was(run: RunConfig) -> None:
    run = with_settings(run, lora_dropout=0.2)  # so that the state of chance counts too
    uninterrupted = finished(run)
    first = Watched(run, should_stop=lambda: len(first.events) == 3)
    assert not first.trainer.run()
    torch.manual_seed(999)
    second = Watched(run)

    second.trainer.resume()
    assert second.trainer.run()

    assert first.losses + second.losses == uninterrupted.losses
    expected = uninterrupted.weights()
    assert all(torch.equal(weight, expected[name]) for name, weight in second.weights().items())
    assert second.trainer.progress.tokens == uninterrupted.trainer.progress.tokens


def test_a_stop_in_the_middle_of_accumulation_leaves_no_gradient_behind(run: RunConfig) -> None:
    # Noise too: what was computed of the step before the stop is computed again.
    run = with_settings(run, batch_size=1, gradient_accumulation=4, lora_dropout=0.2)
    uninterrupted = finished(run)
    asked = iter(range(100))
    first = Watched(run, should_stop=lambda: next(asked) == 6)  # the third batch of step 2
    assert not first.trainer.run()
    assert first.trainer.progress.step == 1

    second = Watched(run)
    second.trainer.resume()
    assert second.trainer.run()

    assert first.losses + second.losses == uninterrupted.losses


@pytest.mark.parametrize("what", ["data", "settings", "prompt"])
def test_going_on_with_something_else_is_refused(run: RunConfig, what: str) -> None:
    first = Watched(run, should_stop=lambda: len(first.events) == 1)
    first.trainer.run()
    if what == "data":
        write_examples(run.train_file, [example(*pair) for pair in QUESTIONS[::-1]])
    elif what == "settings":
        run = with_settings(run, learning_rate=1e-3)
    else:
        run = replace(run, system_prompt="You are another.")

    with pytest.raises(ConfigError) as refused:
        Watched(run).trainer.resume()

    assert refused.value.code == "checkpoint_differs"


def test_going_on_without_a_checkpoint_is_refused(run: RunConfig) -> None:
    with pytest.raises(ConfigError) as refused:
        Watched(run).trainer.resume()

    assert refused.value.code == "checkpoint_missing"


def test_what_is_too_long_is_dropped_and_listed_and_nothing_is_cut(run: RunConfig) -> None:
    long = example("Why?", "because " * 200, number=99)
    rows = [example(*pair, number=number) for number, pair in enumerate(QUESTIONS)]
    write_examples(run.train_file, [*rows, long])

    trainer = Watched(run).trainer

    assert [dropped["id"] for dropped in trainer.dropped] == ["record#99"]
    assert "256" in trainer.dropped[0]["reason"]
    assert [each.id for each in trainer.train] == [row["id"] for row in rows]


def test_every_example_is_seen_once_an_epoch(run: RunConfig) -> None:
    trainer = Watched(with_settings(run, batch_size=2)).trainer
    epochs = [
        [each.id for step in range(start, start + 4) for each in trainer.batches.examples_of(step)]
        for start in (0, 4)
    ]

    everyone = [f"record#{number}" for number in range(len(QUESTIONS))]
    assert sorted(epochs[0]) == sorted(epochs[1]) == everyone
    assert epochs[0] != epochs[1]


def test_validation_is_reported_after_each_epoch_and_at_the_end(run: RunConfig) -> None:
    validation = write_examples(run.output_dir / "validation.jsonl", [example("谁?", "我。")])
    watched = Watched(replace(with_settings(run, max_steps=6), validation_file=validation))
    watched.trainer.run()

    told = [(e["current_steps"], e["eval_loss"]) for e in watched.events if "eval_loss" in e]
    assert [step for step, _ in told] == [4, 6]
    assert all(loss > 0 for _, loss in told)
    assert len(watched.losses) == 6


def test_validating_changes_nothing_of_the_training(run: RunConfig) -> None:
    validation = write_examples(run.output_dir / "validation.jsonl", [example("谁?", "我。")])
    run = with_settings(run, lora_dropout=0.2, evaluation_interval=1)
    without, watched = finished(run), Watched(replace(run, validation_file=validation))
    watched.trainer.run()

    assert watched.losses == without.losses


@pytest.mark.parametrize(("share", "layers"), [(1.0, {"0", "1"}), (0.5, {"1"}), (0.01, {"1"})])
def test_adapters_stand_on_the_upper_share_of_the_layers(
    run: RunConfig, share: float, layers: set[str]
) -> None:
    watched = Watched(with_settings(run, lora_layer_share=share))

    assert {name.split(".layers.")[1].split(".")[0] for name in watched.weights()} == layers


def test_adapter_weights_are_float32_whatever_the_base_computes_in(run: RunConfig) -> None:
    watched = finished(run, precision="bf16", max_steps=2)

    assert {weight.dtype for weight in watched.weights().values()} == {torch.float32}
    assert {weight.dtype for weight in watched.base_weights().values()} == {torch.bfloat16}
    save_adapter(watched.trainer)
    saved = load_file(run.output_dir / "adapter" / "adapter_model.safetensors")
    assert {weight.dtype for weight in saved.values()} == {torch.float32}
    assert any((weight != weight.bfloat16()).any() for weight in saved.values())


def test_a_module_that_the_base_lacks_is_named(run: RunConfig) -> None:
    with pytest.raises(ConfigError, match="w_pack") as refused:
        Watched(with_settings(run, lora_targets=["q_proj", "w_pack"]))

    assert refused.value.code == "targets_unknown"


def test_the_learning_rate_rises_then_falls_as_scheduled(run: RunConfig) -> None:
    run = with_settings(run, max_steps=10, warmup_ratio=0.2, learning_rate=0.01)
    rates = {
        kind: [event["lr"] for event in finished(with_settings(run, scheduler=kind)).events]
        for kind in ("cosine", "linear", "constant")
    }

    for kind, seen in rates.items():
        assert seen[:3] == pytest.approx([0.005, 0.01, 0.01]), kind
    assert rates["constant"][3:] == pytest.approx([0.01] * 7)
    assert rates["linear"][3:] == pytest.approx([0.01 * (8 - gone) / 8 for gone in range(1, 8)])
    assert rates["cosine"] == sorted(rates["cosine"][:2]) + sorted(
        rates["cosine"][2:], reverse=True
    )
    assert 0.001 < rates["cosine"][-1] < 0.002


# What the command leaves behind.


@pytest.mark.usefixtures("own_signals")
def test_a_run_leaves_status_metrics_adapter_and_card(tmp_path: Path, tiny_model: Path) -> None:
    card = {"run": "17", "dataset_sha256": "ab" * 32, "trained_by": "trainer"}
    path = write_run(tmp_path, base=tiny_model, card=card)

    assert command.main(path) == 0

    assert status(tmp_path) | {"phase": "finished", "step": 6, "total_steps": 6} == status(tmp_path)
    lines = metrics(tmp_path)
    assert [line["current_steps"] for line in lines] == [1, 2, 3, 4, 5, 6]
    for line in lines:
        assert line.keys() == {
            *("current_steps", "total_steps", "loss", "lr", "epoch", "percentage"),
            *("elapsed_time", "remaining_time", "throughput", "total_tokens"),
            *("grad_norm", "memory_bytes"),
        }
    written = json.loads((tmp_path / "adapter" / "card.json").read_text())
    tokens = Tokens(tiny_model)
    assert written.items() >= card.items()
    assert written["base_fingerprint"] == fingerprint(tiny_model)
    assert written["template_hash"] == template_hash(tokens.prompt_format.chat_template)
    assert written["system_prompt"] == SYSTEM_PROMPT
    assert written["settings"]["lora_rank"] == 4
    assert written["metrics"]["final_loss"] == lines[-1]["loss"]
    assert written["libraries"].keys() == {"torch", "transformers", "peft"}
    assert not (tmp_path / "checkpoint").exists()


@pytest.mark.usefixtures("own_signals")
def test_a_saved_adapter_computes_what_was_trained(run: RunConfig, tiny_model: Path) -> None:
    watched = finished(run)
    save_adapter(watched.trainer)
    ids = torch.tensor([Tokens(tiny_model).ids("Who are you?")])

    loaded = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(tiny_model), str(run.output_dir / "adapter")
    ).eval()
    watched.trainer.model.eval()

    with torch.no_grad():
        expected, base = watched.trainer.model(ids).logits, loaded.get_base_model()
        assert torch.equal(loaded(ids).logits, expected)
        with loaded.disable_adapter():
            assert not torch.allclose(base(ids).logits, expected)


@pytest.mark.usefixtures("own_signals")
def test_a_loss_that_is_no_number_fails_truthfully_with_advice(
    tmp_path: Path, tiny_model: Path
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(tiny_model, broken)
    (broken / ".fingerprint.json").unlink(missing_ok=True)
    weights = load_file(broken / "model.safetensors")
    weights["model.norm.weight"][0] = float("nan")
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})

    assert command.main(write_run(tmp_path / "run", base=broken)) == 1

    told = status(tmp_path / "run")
    assert (told["phase"], told["error"]["code"]) == ("failed", "diverged")
    assert "learning rate" in told["advice"]
    assert not told["resumable"]
    assert not (tmp_path / "run" / "adapter").exists()


@pytest.mark.usefixtures("own_signals")
def test_a_base_model_that_does_not_exist_is_said_in_the_status(tmp_path: Path) -> None:
    assert command.main(write_run(tmp_path, base=Path("/no/such/model"))) == 1

    told = status(tmp_path)
    assert (told["phase"], told["error"]["code"]) == ("failed", "model_load_failed")
    assert "/no/such/model" in told["error"]["message"]


@pytest.mark.usefixtures("own_signals")
def test_a_set_of_which_nothing_is_left_is_said_with_advice(
    tmp_path: Path, tiny_model: Path
) -> None:
    path = write_run(tmp_path, base=tiny_model, settings={"cutoff_tokens": 16})

    assert command.main(path) == 1

    told = status(tmp_path)
    assert told["error"]["code"] == "no_examples"
    assert "longest example" in told["advice"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"settings": {"learning_rate": -1}},
        {"settings": {"no_such_setting": 1}},
        {"model_hub": "elsewhere"},
        {"train_file": None},
        {"unknown": 1},
    ],
)
def test_a_bad_configuration_ends_with_2_and_trains_nothing(
    tmp_path: Path, tiny_model: Path, wrong: dict[str, Any]
) -> None:
    path = write_run(tmp_path, base=tiny_model)
    path.write_text(json.dumps(json.loads(path.read_text()) | wrong))

    assert command.main(path) == 2

    assert not (tmp_path / "trainer_log.jsonl").exists()


@pytest.mark.usefixtures("own_signals")
def test_the_stop_file_ends_a_run_that_can_go_on(tmp_path: Path, tiny_model: Path) -> None:
    path = write_run(tmp_path, base=tiny_model)
    (tmp_path / "stop").touch()

    assert command.main(path) == 0

    told = status(tmp_path)
    assert (told["phase"], told["resumable"], told["total_steps"]) == ("stopped", True, 6)
    (tmp_path / "stop").unlink()
    path.write_text(json.dumps(json.loads(path.read_text()) | {"resume": True}))
    assert command.main(path) == 0
    assert status(tmp_path)["phase"] == "finished"
    assert [line["current_steps"] for line in metrics(tmp_path)] == [1, 2, 3, 4, 5, 6]


@pytest.mark.usefixtures("own_signals")
def test_a_resumed_run_measures_no_step_twice(tmp_path: Path, tiny_model: Path) -> None:
    """Killed, not stopped: it had measured steps beyond its last checkpoint."""
    path = write_run(tmp_path, base=tiny_model)
    run = read_config(path)
    first = Watched(run, should_stop=lambda: len(first.events) == 2)
    first.trainer.run()
    beyond = [*first.events, {**first.events[-1], "current_steps": 3}, {"current_steps": 4}]
    lines = "".join(json.dumps(event) + "\n" for event in beyond)
    (tmp_path / "trainer_log.jsonl").write_text(lines + '{"current_st')
    path.write_text(json.dumps(json.loads(path.read_text()) | {"resume": True}))

    assert command.main(path) == 0

    assert [line["current_steps"] for line in metrics(tmp_path)] == [1, 2, 3, 4, 5, 6]


def test_sigterm_ends_the_process_with_a_checkpoint(tmp_path: Path, tiny_model: Path) -> None:
    path = write_run(tmp_path, base=tiny_model, settings={"max_steps": 1_000_000})
    log = tmp_path / "trainer_log.jsonl"
    with subprocess.Popen([sys.executable, "-m", "ml", "train", "--config", str(path)]) as process:
        try:
            deadline = time.monotonic() + 60
            while not (log.exists() and log.stat().st_size):
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            process.terminate()
            assert process.wait(30) == 0
        finally:
            process.kill()

    told = status(tmp_path)
    assert (told["phase"], told["resumable"]) == ("stopped", True)
    assert told["step"] == metrics(tmp_path)[-1]["current_steps"] > 0
    assert (tmp_path / "checkpoint" / "state.pt").is_file()
