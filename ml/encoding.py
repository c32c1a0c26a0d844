"""Examples -> token ids and labels, wrapped as the assistant will be asked.

The prompt's ids are those that serving computes (``Tokens.prompt_ids``), and labels come from the
difference between two renderings, never from a search for marker strings.
"""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ml.errors import ConfigError
from ml.messages import Person, neutralise, system_message
from ml.tokens import Tokens

# The value that cross-entropy passes over.
IGNORED: Final = -100
THOUGHTS_OPENED: Final = "<think>"
THOUGHTS_CLOSED: Final = "\n</think>\n\n"

PEOPLE_ZH: Final = (
    "李伟",
    "王芳",
    "张敏",
    "刘洋",
    "陈静",
    "杨磊",
    "赵婷",
    "黄勇",
    "周杰",
    "吴霞",
)
PEOPLE_EN: Final = (
    "Anna Berg",
    "Tom Hale",
    "Maria Silva",
    "John Carter",
    "Lucy Grant",
    "Omar Nasser",
    "Ivy Chen",
    "Li Wei",
    "Paul Fox",
    "Nina Roth",
)
DEPARTMENTS_ZH: Final = ("市场部", "财务部", "人事部", "研发部", "销售部", "法务部", "行政部")
DEPARTMENTS_EN: Final = (
    "Marketing",
    "Finance",
    "Human Resources",
    "Engineering",
    "Sales",
    "Legal",
    "Administration",
)
# How often nobody is named: other systems ask without saying for whom.
NOBODY: Final = 0.15


@dataclass(frozen=True, slots=True)
class Example:
    """One line of ``train.jsonl``; the last message is the answer."""

    id: str
    messages: Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Encoded:
    """One example as the model reads it.

    Attributes:
        id: the example's.
        input_ids: T token ids, up to the last answer's end of turn.
        labels: T ids, ``labels[t]`` is ``input_ids[t]`` where it is to be learnt, else IGNORED.
    """

    id: str
    input_ids: Sequence[int]
    labels: Sequence[int]

    @property
    def first_label(self) -> int:
        """Where learning begins: everything before is prompt."""
        return next(place for place, label in enumerate(self.labels) if label != IGNORED)


def read_examples(path: Path) -> list[Example]:
    """The examples of a JSON-lines file.

    Raises:
        ConfigError: the file is missing or a line is no example.
    """
    try:
        # Not splitlines(), for which U+2028 in a record would end its line too.
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The examples cannot be read: {error}", code="data_missing") from error
    return [_example(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]


def _example(path: Path, number: int, line: str) -> Example:
    try:
        row: dict[str, Any] = json.loads(line)  # Any: JSON
        example = Example(str(row["id"]), tuple(row["messages"]))
        answered = example.messages[-1]["role"] == "assistant"
        complete = all(isinstance(turn["content"], str) for turn in example.messages)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise ConfigError(
            f"Line {number} of {path.name} is no example.", code="data_unreadable"
        ) from error
    if not answered or not complete:
        raise ConfigError(
            f"Line {number} of {path.name} does not end with an answer.", code="data_unreadable"
        )
    return example


def invented_person(chance: random.Random) -> Person | None:
    """Somebody who might ask: training meets many, so that none is learnt; sometimes nobody."""
    if chance.random() < NOBODY:
        return None
    if chance.random() < 0.5:
        return Person(
            name=chance.choice(PEOPLE_ZH),
            department=chance.choice(DEPARTMENTS_ZH),
            role="员工",
            language="中文",
            date=_date(chance),
        )
    return Person(
        name=chance.choice(PEOPLE_EN),
        department=chance.choice(DEPARTMENTS_EN),
        role="employee",
        language="English",
        date=_date(chance),
    )


def _date(chance: random.Random) -> str:
    return f"{chance.randint(2024, 2028)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"


class Encoder:
    """Turns examples into ids for one model under one assistant's system prompt.

    ``thinking`` is what the chat template is told, as the adapter will be served with.
    """

    def __init__(self, tokens: Tokens, *, system_prompt: str, thinking: bool | None = None) -> None:
        self.tokens = tokens
        self.thinking = thinking
        self.system_prompt = system_prompt

    def messages(self, example: Example, person: Person | None) -> list[dict[str, str]]:
        """The turns as the chat would send them; a record's own system prompt replaces ours."""
        turns = [dict(turn) for turn in example.messages]
        if turns[0]["role"] == "system":
            return turns
        system = system_message(self.system_prompt, person)
        return [{"role": "system", "content": system}, *turns] if system else turns

    def encode(self, example: Example, person: Person | None) -> Encoded:
        """Ids and labels of ``example`` when ``person`` asks.

        Raises:
            ConfigError: the chat template cannot be trained: an answer does not follow its prompt.
        """
        messages = self.messages(example, person)
        last = len(messages) - 1
        prompt = self.tokens.prompt_ids(messages[:last], thinking=self.thinking)
        ids = [*prompt, *self._answer(messages)]
        labels = [IGNORED] * len(prompt) + ids[len(prompt) :]
        for start, end in self._earlier_answers(messages, ids):
            labels[start:end] = ids[start:end]
        return Encoded(example.id, ids, labels)

    def _answer(self, messages: list[dict[str, str]]) -> list[int]:
        """Ids of the last message and its end of turn, as the model is to write them."""
        asked = self.tokens.prompt_text(messages[:-1], thinking=self.thinking)
        answered = self.tokens.prompt_text(
            messages, add_generation_prompt=False, thinking=self.thinking
        )
        if answered.startswith(asked):
            text = answered[len(asked) :]
        else:
            # Reasoning models open their thoughts in the prompt: an answer without any closes them.
            before = asked.rstrip().removesuffix(THOUGHTS_OPENED)
            if before == asked.rstrip() or not answered.startswith(before):
                raise ConfigError(
                    "The base model's chat template cannot be trained: what it writes for an "
                    "answer does not begin with what it writes for the question.",
                    code="template_untrainable",
                )
            thoughts = self._thoughts_in(messages[-1]["content"])
            text = thoughts + THOUGHTS_CLOSED + answered[len(before) :].lstrip("\n")
        return self._up_to_end_of_turn(self.tokens.ids(text))

    def _thoughts_in(self, answer: str) -> str:
        """What a record's answer thinks first; such a template itself writes none of it."""
        before, closed, _after = answer.partition(THOUGHTS_CLOSED.strip())
        thoughts = before.rpartition(THOUGHTS_OPENED)[2].strip("\n") if closed else ""
        return neutralise(thoughts, self.tokens.prompt_format.markers)

    def _up_to_end_of_turn(self, ids: list[int]) -> list[int]:
        """Without what a template writes between turns: serving ends at the end of turn."""
        ends = [place for place, token in enumerate(ids) if token in self.tokens.eos_ids]
        return ids[: ends[-1] + 1] if ends else ids

    def _earlier_answers(
        self, messages: list[dict[str, str]], ids: list[int]
    ) -> Iterator[tuple[int, int]]:
        """Where in ``ids`` the answers of earlier turns stand, each with its end of turn.

        A template that rewrites earlier answers (drops their thoughts) leaves nothing to learn
        from them, and such a turn is passed over.
        """
        for place, message in enumerate(messages[:-1]):
            if message["role"] != "assistant":
                continue
            before = self.tokens.prompt_ids(messages[:place], thinking=self.thinking)
            after = self.tokens.prompt_ids(
                messages[: place + 1], add_generation_prompt=False, thinking=self.thinking
            )
            if ids[: len(after)] == after and after[: len(before)] == before:
                answer = self._up_to_end_of_turn(after[len(before) :])
                yield len(before), len(before) + len(answer)
