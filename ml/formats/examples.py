"""Canonical training examples of a record; knows nothing of prompts or tokens."""

from typing import Literal, TypedDict

from ml.formats.questions import Language
from ml.formats.rows import RecordFields


class Message(TypedDict):
    role: Literal["system", "user", "assistant"]
    content: str


class Example(TypedDict):
    """One line of train.jsonl; the last message is the answer."""

    id: str
    messages: list[Message]
    language: Language


def examples(fields: RecordFields, *, record_id: str) -> list[Example]:
    """The training examples of a record: one per wording of the question, the own one first.

    A system message stands first only where the record has its own; the assistant's prompt
    is not known here.
    """
    before: list[Message] = []
    if fields.system:
        before.append({"role": "system", "content": fields.system})
    for question, answer in fields.history:
        before.append({"role": "user", "content": question})
        before.append({"role": "assistant", "content": answer})
    return [
        {
            "id": f"{record_id}#{k}",
            "messages": [
                *before,
                {"role": "user", "content": user_turn(question, fields.input)},
                {"role": "assistant", "content": fields.output},
            ],
            "language": fields.language,
        }
        for k, question in enumerate((fields.instruction, *fields.phrasings))
    ]


def user_turn(instruction: str, input: str) -> str:
    """What the user says, as LLaMA-Factory joins it."""
    return f"{instruction}\n{input}" if input else instruction
