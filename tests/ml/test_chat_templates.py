"""Training, serving and transformers read the same tokens, whatever kind of model it is."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from fastapi.testclient import TestClient
from transformers import PreTrainedTokenizerFast

from ml.encoding import IGNORED, Encoder, Example, invented_person
from ml.engines.rolling import Engine
from ml.engines.transformers import ServedModel
from ml.server.app import create_app
from ml.tokens import Tokens
from tests.ml.chat_templates import KINDS, build_tokenizer
from tests.ml.tiny import build_adapter, build_model
from tests.ml.training_runs import QUESTIONS, SYSTEM_PROMPT

THOUGHT = "<think>\nShort, then.\n</think>\n\n"
TALK = [
    {"role": "user", "content": "Who are you?"},
    {"role": "assistant", "content": "The assistant."},
    {"role": "user", "content": "出差由谁审批?"},
]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    top = tmp_path_factory.mktemp("kinds")
    return {name: build_tokenizer(top / name, kind) for name, kind in KINDS.items()}


def theirs(folder: Path, messages: Any, **more: Any) -> list[int]:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(str(folder))
    ids: list[int] = tokenizer.apply_chat_template(
        messages, tokenize=True, return_dict=False, **more
    )
    return ids


def learnt(encoder: Encoder, example: Example) -> list[str]:
    encoded = encoder.encode(example, None)
    stretches: list[list[int]] = [[]]
    for label in encoded.labels:
        if label == IGNORED:
            stretches.append([])
        else:
            stretches[-1].append(label)
    return [encoder.tokens.decode(stretch) for stretch in stretches if stretch]


def asked(question: str, answer: str, *before: dict[str, str]) -> Example:
    turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return Example("1", (*before, *turns))


@pytest.mark.parametrize("thinking", [None, True, False])
@pytest.mark.parametrize("with_system", [True, False])
@pytest.mark.parametrize("name", KINDS)
def test_a_prompt_has_the_tokens_that_transformers_gives_it(
    folders: dict[str, Path], name: str, with_system: bool, thinking: bool | None
) -> None:
    talk = [{"role": "system", "content": "Be brief. 简短。"}, *TALK] if with_system else TALK
    more = {} if thinking is None else {"enable_thinking": thinking}

    ours = Tokens(folders[name]).prompt_ids(talk, thinking=thinking)

    assert ours == theirs(folders[name], talk, add_generation_prompt=True, **more)


@pytest.mark.parametrize("thinking", [None, True, False])
@pytest.mark.parametrize("name", KINDS)
def test_what_is_learnt_follows_the_served_prompt(
    folders: dict[str, Path], name: str, thinking: bool | None
) -> None:
    tokens = Tokens(folders[name])
    encoder = Encoder(tokens, system_prompt=SYSTEM_PROMPT, thinking=thinking)
    chance = random.Random(3)
    for question, answer in QUESTIONS:
        person = invented_person(chance)
        example = asked(question, answer)
        encoded = encoder.encode(example, person)
        served = tokens.prompt_ids(encoder.messages(example, person)[:-1], thinking=thinking)

        assert list(encoded.input_ids[: encoded.first_label]) == served
        assert encoded.labels[-1] == tokens.ids(KINDS[name].end)[0]


@pytest.mark.parametrize("name", KINDS)
def test_the_answer_is_learnt_with_what_the_model_itself_has_to_write(
    folders: dict[str, Path], name: str
) -> None:
    """A prompt that opens the thoughts leaves it to the answer to close them."""
    encoder = Encoder(Tokens(folders[name]), system_prompt="")
    empty = {"qwen3": "<think>\n\n</think>\n\n", "deepseek-r1": "\n</think>\n\n"}.get(name, "")

    assert learnt(encoder, asked("Who?", "Me.")) == [f"{empty}Me.{KINDS[name].end}"]


@pytest.mark.parametrize("name", KINDS)
def test_an_answer_may_begin_like_a_tag(folders: dict[str, Path], name: str) -> None:
    encoder = Encoder(Tokens(folders[name]), system_prompt="")

    (stretch,) = learnt(encoder, asked("Who?", "<b>Me.</b>"))

    assert stretch.endswith(f"<b>Me.</b>{KINDS[name].end}")


def test_without_thinking_the_prompt_closes_the_thoughts_itself(folders: dict[str, Path]) -> None:
    encoder = Encoder(Tokens(folders["qwen3"]), system_prompt="", thinking=False)

    assert learnt(encoder, asked("Who?", "Me.")) == ["Me.<|im_end|>"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("qwen3", THOUGHT), ("deepseek-r1", THOUGHT.removeprefix("<think>\n"))],
)
def test_thoughts_in_a_record_are_learnt(
    folders: dict[str, Path], name: str, expected: str
) -> None:
    encoder = Encoder(Tokens(folders[name]), system_prompt="", thinking=True)

    stretches = learnt(encoder, asked("Who?", THOUGHT + "Me."))

    assert stretches == [f"{expected}Me.{KINDS[name].end}"]


@pytest.mark.parametrize("name", KINDS)
def test_earlier_answers_are_learnt_where_the_template_leaves_them_as_they_were(
    folders: dict[str, Path], name: str
) -> None:
    encoder = Encoder(Tokens(folders[name]), system_prompt="")
    end = KINDS[name].end

    stretches = learnt(encoder, asked("Why?", "Because.", *TALK[:2]))

    rewritten = name in {"qwen3", "deepseek-r1"}  # thoughts of earlier turns are dropped
    assert len(stretches) == (1 if rewritten else 2)
    assert stretches[-1].endswith(f"Because.{end}")
    assert rewritten or stretches[0] == f"The assistant.{end}"


@pytest.fixture
def thinking_server(tmp_path: Path) -> Iterator[TestClient]:
    """A base with Qwen3's template; ``quiet`` was trained without thinking, ``plain`` untold."""
    base = build_model(tmp_path / "base")
    (base / "chat_template.jinja").write_text(KINDS["qwen3"].template, encoding="utf-8")
    model = ServedModel(base, device=torch.device("cpu"), dtype=torch.float32)
    engine = Engine(model, name="base")
    quiet = build_adapter(tmp_path / "quiet", base=base, seed=1, thinking=False)
    engine.load_adapter("quiet", quiet)
    engine.load_adapter("plain", build_adapter(tmp_path / "plain", base=base, seed=1))
    yield TestClient(create_app(engine))
    engine.close()


def test_an_adapter_is_served_with_the_thinking_that_it_was_trained_with(
    thinking_server: TestClient,
) -> None:
    def prompt(model: str, **more: Any) -> list[int]:
        body = {"model": model, "messages": TALK[:1], **more}
        tokens: list[int] = thinking_server.post("/tokenize", json=body).json()["tokens"]
        return tokens

    told = {"chat_template_kwargs": {"enable_thinking": False}}
    assert prompt("base") == prompt("plain") != prompt("quiet")
    assert prompt("quiet") == prompt("base", **told)
    assert prompt("quiet", chat_template_kwargs={"enable_thinking": True}) == prompt("base")
    wrong = {"model": "base", "messages": TALK[:1], "chat_template_kwargs": {"tools": 1}}
    assert thinking_server.post("/tokenize", json=wrong).status_code == 400
