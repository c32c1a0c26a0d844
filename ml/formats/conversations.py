"""ShareGPT and OpenAI conversations <-> alpaca rows; knows nothing of files."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ml.formats.errors import FormatError
from ml.formats.examples import user_turn
from ml.formats.rows import RecordFields

KEYS: Final = ("conversations", "messages")
# What ShareGPT files (from, value) and OpenAI files (role, content) call those who speak.
ROLES: Final[Mapping[str, str]] = {
    "system": "system",
    "developer": "system",
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
}


@dataclass(frozen=True)
class Dialect:
    """What dataset_info.json calls the parts of its conversations."""

    messages: str
    system: str
    role: str
    content: str
    roles: Mapping[str, str]

    @classmethod
    def of(
        cls, columns: Mapping[str, str] | None, tags: Mapping[str, str] | None, *, style: str
    ) -> "Dialect":
        """As LLaMA-Factory has it: where there are columns or tags, those not listed are absent."""
        openai = style == "openai"
        if tags is None:
            tags = {
                "role_tag": "role" if openai else "from",
                "content_tag": "content" if openai else "value",
                "user_tag": "user" if openai else "human",
                "assistant_tag": "assistant" if openai else "gpt",
                "system_tag": "system",
            }
        spoken = (("user_tag", "user"), ("assistant_tag", "assistant"), ("system_tag", "system"))
        return cls(
            messages=(columns or {}).get("messages", "messages" if openai else "conversations"),
            system=(columns or {"system": "system"}).get("system", ""),
            role=tags.get("role_tag", "from"),
            content=tags.get("content_tag", "value"),
            roles={tags[tag]: role for tag, role in spoken if tag in tags},
        )


def plain_conversation(row: Mapping[str, object], dialect: Dialect) -> dict[str, object]:
    """The same conversation with the names that ``alpaca_row`` knows."""
    turns = row.get(dialect.messages)
    plain: object = turns
    if isinstance(turns, list):
        plain = [
            {
                "role": dialect.roles.get(str(turn.get(dialect.role)), "tool"),
                "content": turn.get(dialect.content),
                "tool_calls": turn.get("tool_calls"),
            }
            if isinstance(turn, dict)
            else turn
            for turn in turns
        ]
    kept = {key: value for key, value in row.items() if key not in (*KEYS, dialect.messages)}
    return kept | {"messages": plain, "system": row.get(dialect.system)}


def is_conversation(row: Mapping[str, object]) -> bool:
    """Whether a row is a conversation rather than one question with its answer."""
    return "instruction" not in row and any(key in row for key in KEYS)


def alpaca_row(row: Mapping[str, object]) -> dict[str, object]:
    """The conversation as an alpaca row: its last exchange, the earlier ones as history.

    Keys beside the conversation (tags, language …) stay. ``input`` is cut off the end of the last
    question where it stands there, so that what ``conversation_row`` wrote is read back equal.

    Raises:
        FormatError: the turns are no exchanges of question and answer.
    """
    turns = next((row[key] for key in KEYS if key in row), None)
    if not isinstance(turns, list):
        raise FormatError("bad_turns")
    if row.get("tools") or row.get("functions"):
        raise FormatError("tool_turns")
    said = [_turn(turn) for turn in turns]
    system = row.get("system")
    if said and said[0][0] == "system":
        system = said.pop(0)[1]
    # A conversation that waits for its answer teaches nothing.
    if not said or said[-1][0] == "user":
        raise FormatError("answer_missing" if said else "question_missing")
    if [role for role, _text in said] != ["user", "assistant"] * (len(said) // 2):
        raise FormatError("bad_turns")
    texts = [text for _role, text in said]
    question, context = _without_input(texts[-2], row.get("input"))
    kept = {key: value for key, value in row.items() if key not in (*KEYS, "id")}
    return kept | {
        "instruction": question,
        "input": context,
        "output": texts[-1],
        "system": system,
        "history": [[texts[i], texts[i + 1]] for i in range(0, len(texts) - 2, 2)],
    }


def _turn(turn: object) -> tuple[str, str]:
    if not isinstance(turn, dict):
        raise FormatError("bad_turns")
    role, text = turn.get("from", turn.get("role")), turn.get("value", turn.get("content"))
    if turn.get("tool_calls") or turn.get("function_call"):
        raise FormatError("tool_turns")
    if not isinstance(role, str) or role.lower() not in ROLES:
        raise FormatError("tool_turns" if isinstance(role, str) else "bad_turns")
    if isinstance(text, list):  # OpenAI's content parts
        parts = [_part(part) if isinstance(part, dict) else None for part in text]
        if not all(isinstance(part, str) for part in parts):
            raise FormatError("not_text", field="content")
        text = "".join(str(part) for part in parts)
    if not isinstance(text, str):
        raise FormatError("not_text", field="content")
    return ROLES[role.lower()], text


def _part(part: Mapping[str, object]) -> object:
    """The text of one part; LLaMA-Factory calls it value."""
    return part.get("text", part.get("value") if part.get("type") == "text" else None)


def _without_input(question: str, context: object) -> tuple[str, str]:
    if isinstance(context, str) and context and question.endswith("\n" + context):
        return question[: -len(context) - 1], context
    return question, ""


def conversation_row(fields: RecordFields, *, style: str) -> dict[str, object]:
    """The record as one conversation: ``sharegpt`` (from, value) or ``openai`` (role, content)."""
    said = [
        ("user", text) if i == 0 else ("assistant", text)
        for t in fields.history
        for i, text in enumerate(t)
    ]
    said += [("user", user_turn(fields.instruction, fields.input)), ("assistant", fields.output)]
    if style == "openai":
        system = [("system", fields.system)] if fields.system else []
        turns = [{"role": role, "content": text} for role, text in system + said]
        row: dict[str, object] = {"messages": turns}
    else:
        names = {"user": "human", "assistant": "gpt"}
        turns = [{"from": names[role], "value": text} for role, text in said]
        row = {"conversations": turns, "system": fields.system}
    return row | {"input": fields.input}
