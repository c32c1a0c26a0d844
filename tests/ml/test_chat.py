import io
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from ml.chat import Conversation, HereAnswering, Message, ServerAnswering, talk
from ml.errors import MlError
from ml.tokens import Tokens

ROOT = Path(__file__).parents[2]


class Noting:
    """Passes questions on and keeps what they were asked with."""

    def __init__(self, inner: HereAnswering | ServerAnswering) -> None:
        self.inner = inner
        self.asked: list[list[Message]] = []

    def answer(self, messages: Sequence[Message]) -> Iterator[str]:
        self.asked.append(list(messages))
        return self.inner.answer(messages)

    def close(self) -> None:
        self.inner.close()


@pytest.fixture(params=["here", "server"])
def answering(
    request: pytest.FixtureRequest, tiny_model: Path, tiny_adapters: list[Path]
) -> Iterator[Noting]:
    inner: HereAnswering | ServerAnswering
    if request.param == "here":
        inner = HereAnswering(tiny_model, adapter=tiny_adapters[0], max_tokens=20)
    else:
        url = request.getfixturevalue("server")
        inner = ServerAnswering(url, model="first", max_tokens=20)
    noting = Noting(inner)
    yield noting
    noting.close()


def test_the_second_turn_carries_the_first_token_for_token(
    answering: Noting, tiny_model: Path
) -> None:
    tokens = Tokens(tiny_model)
    conversation = Conversation(answering, system="You are the assistant.")
    shown: list[str] = []
    answer = conversation.ask("你是谁?", shown.append)
    assert "".join(shown) == answer != ""
    conversation.ask("Who?", shown.append)
    first, second = (tokens.prompt_ids(messages) for messages in answering.asked)
    closed = tokens.ids(answer + "<|im_end|>\n")
    assert second[: len(first)] == first
    assert second[len(first) : len(first) + len(closed)] == closed


def test_one_talks_by_lines_until_one_leaves(answering: Noting) -> None:
    sink = io.StringIO()
    source = io.StringIO("Who are you?\n\n你是谁?\nexit\nnever asked\n")
    conversation = Conversation(answering)
    talk(conversation, source=source, sink=sink)
    assert [turn["role"] for turn in conversation.messages] == ["user", "assistant"] * 2
    for turn in conversation.messages[1::2]:
        assert turn["content"] in sink.getvalue()
    assert len(answering.asked) == 2


class Interrupted:
    """Ctrl-C after the first words."""

    def answer(self, messages: Sequence[Message]) -> Iterator[str]:
        yield "The first"
        if len(messages) == 1:
            raise KeyboardInterrupt

    def close(self) -> None:
        pass


def test_an_interrupted_answer_is_kept_as_far_as_it_came() -> None:
    conversation = Conversation(Interrupted())
    talk(conversation, source=io.StringIO("a\nb\n"), sink=io.StringIO())
    said = [turn["content"] for turn in conversation.messages]
    assert said == ["a", "The first", "b", "The first"]


def test_a_question_that_fails_is_told_and_forgotten(answering: Noting) -> None:
    sink = io.StringIO()
    conversation = Conversation(answering)
    talk(conversation, source=io.StringIO("word " * 300 + "\nx\n"), sink=sink)
    assert "maximum context length" in sink.getvalue()
    assert conversation.messages[0]["content"] == "x"


def test_servers_that_are_none_are_told_in_words() -> None:
    with pytest.raises(MlError, match="no address"):
        ServerAnswering("localhost", model=None, max_tokens=5)
    with pytest.raises(MlError, match="does not answer"):
        ServerAnswering("http://127.0.0.1:9", model=None, max_tokens=5)


def command(*arguments: str, given: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "ml", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        input=given,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_command_answers_what_it_reads(tiny_model: Path, tiny_adapters: list[Path]) -> None:
    options = ["--base-model", str(tiny_model), "--adapter", str(tiny_adapters[0])]
    finished = command("chat", *options, "--max-tokens", "5", given="Hi\nexit\n")
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.startswith("> ")
    assert len(finished.stdout) > len("> \n> \n")


def test_a_model_that_does_not_exist_is_one_sentence_and_a_status() -> None:
    finished = command("chat", "--base-model", "packaged:none")
    assert finished.returncode == 1
    assert finished.stderr.startswith("No model “none” is packaged")
    assert "Traceback" not in finished.stderr


def test_a_wrong_option_is_told_without_loading_a_model() -> None:
    finished = command("serve", "--max-batch", "0")
    assert finished.returncode == 2
    assert "must be at least 1" in finished.stderr
