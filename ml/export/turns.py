"""The plain shape behind a chat template: what stands around each turn.

Most chat templates are nothing else. A shape counts as a template's own only where it writes
conversations to the letter as the template does, so what is derived from it is right or is not
there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ml.errors import ConfigError
from ml.messages import PromptFormat, render

Around = tuple[str, str]  # what stands before and after a turn's words


@dataclass(frozen=True, kw_only=True)
class Turns:
    """What stands around the turns.

    Attributes:
        kind: the name under which the shape is known.
        opening: before everything.
        answer: what opens the answer that is to be written.
        default_system: what the template says where no system message is given.
    """

    kind: str
    opening: str = ""
    system: Around
    user: Around
    assistant: Around
    answer: str
    default_system: str = ""

    def text(self, messages: Sequence[Mapping[str, str]]) -> str:
        """The prompt for ``messages``, with an answer opened."""
        said = list(messages)
        if self.default_system and said[0]["role"] != "system":
            said.insert(0, {"role": "system", "content": self.default_system})
        around = {"system": self.system, "user": self.user, "assistant": self.assistant}
        text = self.opening
        for message in said:
            before, after = around[message["role"]]
            text += before + message["content"] + after
        return text + self.answer


def _chatml(role: str) -> Around:
    return f"<|im_start|>{role}\n", "<|im_end|>\n"


def _llama(role: str) -> Around:
    return f"<|start_header_id|>{role}<|end_header_id|>\n\n", "<|eot_id|>"


_CHATML: Final = Turns(
    kind="ChatML",
    system=_chatml("system"),
    user=_chatml("user"),
    assistant=_chatml("assistant"),
    answer="<|im_start|>assistant\n",
)
_LLAMA_3: Final = Turns(
    kind="Llama 3",
    opening="<|begin_of_text|>",
    system=_llama("system"),
    user=_llama("user"),
    assistant=_llama("assistant"),
    answer="<|start_header_id|>assistant<|end_header_id|>\n\n",
)
_DEEPSEEK: Final = Turns(
    kind="DeepSeek",
    opening="<｜begin▁of▁sentence｜>",
    system=("", ""),
    user=("<｜User｜>", ""),
    assistant=("<｜Assistant｜>", "<｜end▁of▁sentence｜>"),
    answer="<｜Assistant｜>",
)
# Before its answer DeepSeek-R1 opens the thoughts, and Qwen3-Thinking does; Qwen3 that is not to
# think closes them at once.
_ANSWERS: Final = ("", "<think>\n", "<think>\n\n</think>\n\n")
_KNOWN: Final = (_CHATML, _LLAMA_3, _DEEPSEEK)

_ALONE: Final = ({"role": "user", "content": "question"},)
_WHOLE: Final = (
    {"role": "system", "content": "system"},
    {"role": "user", "content": "first question"},
    {"role": "assistant", "content": "answer"},
    {"role": "user", "content": "second question"},
)


def turns_of(prompt_format: PromptFormat) -> Turns | None:
    """The shape of a chat template; None where it is none of those known here."""
    try:
        alone = render(_ALONE, prompt_format, add_generation_prompt=True)
        whole = render(_WHOLE, prompt_format, add_generation_prompt=True)
    except ConfigError:
        return None  # a template that refuses a system message, for instance
    for known in _KNOWN:
        for more in _ANSWERS:
            shape = _with_default(known, known.answer + more, alone)
            if (shape.text(_ALONE), shape.text(_WHOLE)) == (alone, whole):
                return shape
    return None


def _with_default(known: Turns, answer: str, alone: str) -> Turns:
    """``known`` with the system message that the template writes by itself, if it does."""
    before, after = known.system
    start = known.opening + before
    default = ""
    if before and alone.startswith(start):
        default = alone.removeprefix(start).partition(after + known.user[0])[0]
    return replace(known, answer=answer, default_system=default)
