"""What each setting of a run changes, and what cannot work together."""

from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
import torch
from peft import LoraConfig

from ml import combinations
from ml.adapters import save_adapter
from ml.combinations import combination_problems
from ml.errors import ConfigError
from ml.presets import presets
from ml.run_files import RunConfig
from ml.settings import SCHEDULERS, TrainingSettings
from ml.training.schedules import rate_factor
from tests.ml.training_runs import (
    QUESTIONS,
    Watched,
    config,
    example,
    with_settings,
    write_examples,
)


@pytest.fixture
def run(tmp_path: Path, tiny_model: Path) -> RunConfig:
    return config(tmp_path / "run", base=tiny_model)


@pytest.fixture
def validated(run: RunConfig) -> RunConfig:
    """Its validation contradicts what it learns, so that it soon gets worse."""
    wrong = [example(question, "No. " * 4) for question, _ in QUESTIONS[:3]]
    return replace(
        with_settings(run, learning_rate=5e-2, evaluation_interval=1),
        validation_file=write_examples(run.output_dir / "validation.jsonl", wrong),
    )


def finished(run: RunConfig, **settings: Any) -> Watched:
    watched = Watched(with_settings(run, **settings))
    assert watched.trainer.run()
    return watched


@pytest.mark.parametrize(
    "changes",
    [
        {"neftune_noise_alpha": 5.0},
        {"use_rslora": True},
        {"use_dora": True},
        {"loraplus_lr_ratio": 8.0},
    ],
)
def test_each_way_of_learning_learns_and_differs(run: RunConfig, changes: dict[str, Any]) -> None:
    run = with_settings(run, max_steps=40, learning_rate=2e-2)
    plain, other = finished(run), finished(run, **changes)

    assert other.losses != plain.losses
    assert fmean(other.losses[-8:]) < 0.8 * fmean(other.losses[:8])


def test_noise_is_added_while_training_only(run: RunConfig) -> None:
    noisy = Watched(with_settings(run, neftune_noise_alpha=50.0)).trainer
    batch = noisy.batches.of_step(0)[0]
    with torch.no_grad():
        quiet = float(Watched(run).trainer.loss_sum(batch))

        noisy.model.train()
        assert float(noisy.loss_sum(batch)) != quiet
        noisy.model.eval()
        assert float(noisy.loss_sum(batch)) == quiet


def test_checkpointed_gradients_are_the_same(run: RunConfig) -> None:
    plain, saving = finished(run), finished(run, gradient_checkpointing=True)

    assert saving.losses == plain.losses


def test_padded_rows_train_as_packed_ones(run: RunConfig) -> None:
    packed, padded = finished(run, batch_size=4), finished(run, batch_size=4, packing=False)

    assert padded.trainer.progress.tokens > packed.trainer.progress.tokens
    assert padded.losses == pytest.approx(packed.losses, abs=1e-5)
    expected = packed.weights()
    assert all(
        torch.allclose(weight, expected[name], atol=1e-5)
        for name, weight in padded.weights().items()
    )


def test_b_learns_faster_than_a_under_lora_plus(run: RunConfig) -> None:
    groups = Watched(with_settings(run, loraplus_lr_ratio=8.0)).trainer.optimiser.param_groups

    rates = {
        tuple(weight.shape)[1] == 4: group["lr"] for group in groups for weight in group["params"]
    }
    assert rates[True] == pytest.approx(8 * rates[False])  # B has as many columns as the rank


def test_the_adapter_remembers_how_it_was_shaped(run: RunConfig) -> None:
    save_adapter(finished(run, use_rslora=True, use_dora=True).trainer)

    saved = LoraConfig.from_pretrained(str(run.output_dir / "adapter"))
    assert (saved.use_rslora, saved.use_dora) == (True, True)


def test_general_examples_take_their_share_and_every_one_its_turn(
    run: RunConfig, tmp_path: Path
) -> None:
    general = [example("2+2?", "4", number=100 + number) for number in range(5)]
    run = replace(run, general_file=write_examples(tmp_path / "general.jsonl", general))
    trainer = Watched(with_settings(run, general_share=0.2, max_steps=None, epochs=5)).trainer

    seen = [
        each.id for step in range(trainer.total_steps) for each in trainer.batches.examples_of(step)
    ]

    assert trainer.batches.epoch_length == 10  # 8 of one's own and 2
    assert len(seen) == trainer.total_steps * 2 == 50
    own = {f"record#{number}" for number in range(8)}
    for epoch in range(5):
        assert own < {*seen[10 * epoch : 10 * epoch + 10]}
    mixed_in = [name for name in seen if name not in own]
    assert sorted(mixed_in) == sorted([f"record#{100 + number}" for number in range(5)] * 2)


def test_the_best_adapter_is_kept(validated: RunConfig) -> None:
    at_step: dict[int, dict[str, torch.Tensor]] = {}
    watched = Watched(with_settings(validated, max_steps=20, keep_best=True))

    def note(event: dict[str, Any]) -> None:
        watched.events.append(event)
        at_step[event["current_steps"]] = watched.weights()

    watched.trainer.on_event = note
    watched.trainer.run()

    losses = {e["current_steps"]: e["eval_loss"] for e in watched.events if "eval_loss" in e}
    best = min(losses, key=lambda step: losses[step])
    assert best < 20, losses
    assert watched.trainer.saved_step == best
    assert all(
        torch.equal(weight, at_step[best][name]) for name, weight in watched.weights().items()
    )


def test_a_run_ends_when_validation_no_longer_gains(validated: RunConfig) -> None:
    watched = finished(validated, max_steps=30, early_stopping_patience=3)

    losses = [event["eval_loss"] for event in watched.events if "eval_loss" in event]
    assert watched.trainer.progress.step == len(losses) < 30
    assert losses.index(min(losses)) == len(losses) - 4


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_every_schedule_rises_to_its_height_and_stays_positive(scheduler: str) -> None:
    factor = rate_factor(TrainingSettings(scheduler=scheduler, warmup_ratio=0.1), 100)
    rates = [factor(step) for step in range(100)]

    assert rates[:10] == pytest.approx([0.1 * step for step in range(1, 11)])
    assert rates[10] == pytest.approx(1)
    assert all(0 < rate <= 1 for rate in rates)
    if scheduler == "cosine_with_restarts":
        risen = [step for step in range(11, 100) if rates[step] > rates[step - 1]]
        assert risen == [40, 70]
    else:
        assert rates[10:] == sorted(rates[10:], reverse=True)
    assert (rates[-1] < 0.5) == (scheduler != "constant")


IMPOSSIBLE: list[tuple[dict[str, Any], dict[str, bool], str, str]] = [
    ({"precision": "fp16"}, {"has_cuda": False}, "precision", combinations.FP16_NEEDS_CUDA),
    ({"base_4bit": True}, {"has_cuda": False}, "base_4bit", combinations.FOUR_BITS_NEED_CUDA),
    (
        {"base_4bit": True},
        {"has_cuda": True, "has_bitsandbytes": False},
        "base_4bit",
        combinations.FOUR_BITS_NEED_PACKAGE,
    ),
    ({"use_dora": True}, {"is_served": True}, "use_dora", combinations.DORA_CANNOT_BE_SERVED),
    (
        {"early_stopping_patience": 1},
        {"has_validation": False},
        "early_stopping_patience",
        combinations.PATIENCE_NEEDS_VALIDATION,
    ),
    (
        {"keep_best": True},
        {"has_validation": False},
        "keep_best",
        combinations.BEST_NEEDS_VALIDATION,
    ),
    (
        {"general_share": 0.1},
        {"has_general": False},
        "general_share",
        combinations.NO_GENERAL_EXAMPLES,
    ),
]


@pytest.mark.parametrize(("chosen", "surroundings", "field", "sentence"), IMPOSSIBLE)
def test_what_cannot_work_is_told_where_that_is_known(
    chosen: dict[str, Any], surroundings: dict[str, bool], field: str, sentence: str
) -> None:
    settings = TrainingSettings(**chosen)

    assert combination_problems(settings, **surroundings) == [(field, sentence)]
    assert combination_problems(settings) == []
    assert combination_problems(settings, **dict.fromkeys(surroundings, True)) == [] or (
        field == "use_dora"
    )


@pytest.mark.parametrize(
    "chosen",
    [
        {"base_4bit": True},
        {"keep_best": True},
        {"early_stopping_patience": 1},
        {"general_share": 0.1},
    ],
)
@pytest.mark.skipif(torch.cuda.is_available(), reason="4 bits work with a graphics card")
def test_the_trainer_refuses_what_cannot_work(run: RunConfig, chosen: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as refused:
        Watched(with_settings(run, **chosen))

    assert refused.value.code == "settings_impossible"


@pytest.mark.parametrize("has_validation", [True, False])
def test_presets_can_run_on_what_is_there(has_validation: bool) -> None:
    for settings in presets(160, has_validation=has_validation).values():
        assert combination_problems(settings, has_validation=has_validation, is_served=True) == []
