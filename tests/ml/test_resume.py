"""An interrupted run goes on as if nothing had happened, exactly in float32."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from ml.errors import ConfigError
from ml.run_files import RunConfig
from tests.ml.training_runs import Watched, config, example, with_settings, write_examples

EVERYTHING: dict[str, Any] = {
    "max_steps": 10,
    "lora_dropout": 0.2,
    "neftune_noise_alpha": 5.0,
    "loraplus_lr_ratio": 4.0,
    "general_share": 0.3,
    "evaluation_interval": 1,
    "keep_best": True,
    # It goes up and down at this rate, so that the best is not the last.
    "learning_rate": 5e-2,
}


@pytest.fixture
def run(tmp_path: Path, tiny_model: Path) -> RunConfig:
    """With validation records and general examples."""
    run = config(tmp_path / "run", base=tiny_model)
    validation = [example("谁?", "我。"), example("Who?", "The assistant.")]
    general = [example("2+2?", "4"), example("法国?", "巴黎"), example("Sky?", "Blue.")]
    return replace(
        run,
        validation_file=write_examples(run.output_dir / "validation.jsonl", validation),
        general_file=write_examples(run.output_dir / "general.jsonl", general),
    )


def interrupted(run: RunConfig, *, after: int) -> tuple[Watched, Watched]:
    """A run that was stopped after some events, and the one that went on."""
    first = Watched(run, should_stop=lambda: len(first.events) >= after)
    assert not first.trainer.run()
    torch.manual_seed(999)
    second = Watched(run)
    second.trainer.resume()
    assert second.trainer.run()
    return first, second


@pytest.mark.parametrize(
    "settings",
    [
        EVERYTHING,
        EVERYTHING | {"early_stopping_patience": 2},
        EVERYTHING | {"use_dora": True, "gradient_checkpointing": True},
        EVERYTHING | {"packing": False, "use_rslora": True, "scheduler": "cosine_with_restarts"},
    ],
)
@pytest.mark.parametrize("after", [2, 8])
def test_a_resumed_run_measures_and_keeps_the_same(
    run: RunConfig, settings: dict[str, Any], after: int
) -> None:
    run = with_settings(run, **settings)
    whole = Watched(run)
    assert whole.trainer.run()

    first, second = interrupted(run, after=after)

    def measured(*runs: Watched) -> list[tuple[int, float | None, float | None]]:
        return [
            (event["current_steps"], event.get("loss"), event.get("eval_loss"))
            for one in runs
            for event in one.events
        ]

    assert measured(first, second) == measured(whole)
    assert second.trainer.saved_step == whole.trainer.saved_step
    expected = whole.weights()
    assert all(torch.equal(weight, expected[name]) for name, weight in second.weights().items())


@pytest.mark.parametrize("what", ["validation_file", "general_file"])
def test_other_validation_or_general_records_are_other_data(run: RunConfig, what: str) -> None:
    run = with_settings(run, general_share=0.3)
    first = Watched(run, should_stop=lambda: len(first.events) == 1)
    first.trainer.run()
    write_examples(getattr(run, what), [example("New?", "New.")])

    with pytest.raises(ConfigError) as refused:
        Watched(run).trainer.resume()

    assert refused.value.code == "checkpoint_differs"


def test_a_checkpoint_that_was_cut_in_two_is_refused(run: RunConfig) -> None:
    first = Watched(run, should_stop=lambda: len(first.events) == 1)
    first.trainer.run()
    state = run.output_dir / "checkpoint" / "state.pt"
    state.write_bytes(state.read_bytes()[:1000])

    with pytest.raises(ConfigError) as refused:
        Watched(run).trainer.resume()

    assert refused.value.code == "checkpoint_unreadable"
