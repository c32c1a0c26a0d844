"""Examples and answers that are too long, in the base model's own tokens."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ml.errors import ConfigError
from ml.formats import RecordFields
from ml.formats.examples import user_turn
from ml.quality.findings import Finding, Severity
from ml.tokens import Tokens


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Tokens of a record: ``total`` is the whole example with its template and system prompt."""

    question: int
    answer: int
    total: int


@dataclass(frozen=True, kw_only=True)
class LengthLimits:
    """What is counted with, and against.

    Attributes:
        tokens: the base model's.
        system_prompt: of the assistant, for records without their own.
        max_answer: how many tokens the assistant may answer with; None where nothing limits it.
    """

    tokens: Tokens
    system_prompt: str = ""
    max_answer: int | None = None

    @property
    def limit(self) -> int:
        """How many tokens an example may have."""
        return self.tokens.context_length

    def fingerprint(self) -> str:
        """Another where a count or a limit may be another."""
        tokenizer = (self.tokens.folder / "tokenizer.json").read_bytes()
        digest = hashlib.sha256(hashlib.sha256(tokenizer).digest())
        for part in (
            self.tokens.prompt_format.chat_template,
            self.system_prompt,
            str((self.limit, self.max_answer)),
        ):
            digest.update(part.encode() + b"\0")
        return digest.hexdigest()[:16]

    def counts(self, content: RecordFields) -> Counts:
        """Tokens of the record at its longest wording.

        Raises:
            ConfigError: the model's chat template refuses it.
        """
        question = max((content.instruction, *content.phrasings), key=len)
        text = self.tokens.prompt_text(self._messages(content), add_generation_prompt=False)
        return Counts(
            question=self.tokens.count(user_turn(question, content.input)),
            answer=self.tokens.count(content.output),
            total=self.tokens.count(text),
        )

    def _messages(self, content: RecordFields) -> Sequence[Mapping[str, str]]:
        question = max((content.instruction, *content.phrasings), key=len)
        system = content.system or self.system_prompt
        turns = [{"role": "system", "content": system}] if system else []
        for asked, answered in content.history:
            turns.append({"role": "user", "content": asked})
            turns.append({"role": "assistant", "content": answered})
        turns.append({"role": "user", "content": user_turn(question, content.input)})
        return [*turns, {"role": "assistant", "content": content.output}]


def check(content: RecordFields, limits: LengthLimits) -> Iterator[Finding]:
    """An example longer than the model reads, an answer longer than the assistant gives.

    A token is at least one byte of a text, so short texts need no counting.
    """
    try:
        text = limits.tokens.prompt_text(limits._messages(content), add_generation_prompt=False)
    except ConfigError:
        return  # the freeze and the training say so of the model, not of each record
    if len(text.encode()) > limits.limit:
        total = limits.tokens.count(text)
        if total > limits.limit:
            params = {"tokens": total, "limit": limits.limit}
            yield Finding(code="too_long", severity=Severity.ERROR, field="output", params=params)
    most = limits.max_answer
    if most is not None and len(content.output.encode()) > most:
        answer = limits.tokens.count(content.output)
        if answer > most:
            params = {"tokens": answer, "limit": most}
            yield Finding(
                code="answer_too_long", severity=Severity.WARNING, field="output", params=params
            )
