"""The real packaged model, converted once and asked; slower than the rest."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer

from ml.base_models import folder_of
from ml.devices import serving_dtype
from ml.engines.rolling import Engine
from ml.engines.transformers import ServedModel
from ml.tokens import Tokens
from tests.ml.asking import Asked

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
TALK = [
    {"role": "system", "content": "You are the assistant of ABC."},
    {"role": "user", "content": "出差超过三天由谁审批? Who approves 12 days?"},
]


@pytest.fixture(scope="module")
def packaged_model() -> Path:
    """Kept between runs, where ``make run`` keeps it too."""
    given = os.environ.get("LOREDESK_TEST_MODELS_DIR")
    models_dir = Path(given) if given else ROOT / "data" / "local" / "models"
    return folder_of("packaged:smollm2-135m-instruct", models_dir=models_dir, report=print)


@pytest.fixture(scope="module")
def real_engine(packaged_model: Path) -> Iterator[Engine]:
    device = torch.device("cpu")
    model = ServedModel(packaged_model, device=device, dtype=serving_dtype(device))
    engine = Engine(model, name="tiny")
    yield engine
    engine.close()


def test_it_answers_what_it_has_learned(real_engine: Engine) -> None:
    asked = Asked(real_engine, "What is the capital of France?", max_tokens=20)
    assert "Paris" in asked.text
    assert asked.last.finish_reason == "stop"


def test_its_prompt_is_what_transformers_makes_of_it(packaged_model: Path) -> None:
    tokens = Tokens(packaged_model)
    theirs = AutoTokenizer.from_pretrained(packaged_model)
    for talk in (TALK, TALK[1:]):
        encoded: Any = theirs.apply_chat_template(talk, add_generation_prompt=True, tokenize=True)
        assert tokens.prompt_ids(talk) == encoded["input_ids"]
    assert tokens.eos_ids == {2}
    assert tokens.context_length == 8192
