"""Whether a merged model answers as its adapter did: the same questions, greedy, token by token."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ml.messages import Person, system_message
from ml.tokens import Tokens

if TYPE_CHECKING:
    from pathlib import Path

    import torch

QUESTIONS: Final = (
    "Who are you?",
    "你是谁?",
    "What is the capital of France?",
    "How do I ask for leave?",
    "出差超过三天由谁审批?",
    "Write one sentence about the sea.",
)
ANSWER_TOKENS: Final = 48

Answer = list[int]  # token ids
OnAnswer = Callable[[], None]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One question with both answers.

    Attributes:
        first_difference: the place of the first token that differs, from 0; None where none does.
        adapter_token: what the adapter wrote there; empty where its answer had ended.
        merged_token: what the merged model wrote there.
    """

    question: str
    adapter: str
    merged: str
    first_difference: int | None
    adapter_token: str = ""
    merged_token: str = ""

    @property
    def equal(self) -> bool:
        return self.first_difference is None


def prompts_for(
    tokens: Tokens,
    system_prompt: str,
    questions: Sequence[str] = QUESTIONS,
    *,
    thinking: bool | None = None,
) -> list[list[int]]:
    """Token ids of the questions, asked by nobody in particular under ``system_prompt``."""
    system = system_message(system_prompt, Person())
    before = [{"role": "system", "content": system}] if system else []
    return [
        tokens.prompt_ids([*before, {"role": "user", "content": question}], thinking=thinking)
        for question in questions
    ]


def load(folder: "Path", *, dtype: "torch.dtype") -> Any:  # transformers has no types here
    """The model in ``folder`` alone, on the best device, ready to answer.

    Raises:
        ModelLoadError: it cannot be loaded.
    """
    from transformers import AutoModelForCausalLM

    from ml.devices import best_device
    from ml.errors import ModelLoadError
    from ml.memory import is_out_of_memory

    try:
        model: Any = AutoModelForCausalLM.from_pretrained(
            folder, dtype=dtype, local_files_only=True
        )
    except Exception as error:  # transformers raises whatever the files make it raise
        if is_out_of_memory(error):
            raise
        raise ModelLoadError(f"The model in {folder} cannot be loaded: {error}") from error
    return model.to(best_device()).eval()


def greedy_answers(
    model: Any,  # neither transformers nor peft say what they take and give
    prompts: Sequence[Sequence[int]],
    on_answer: OnAnswer = lambda: None,
) -> list[Answer]:
    """Each prompt's answer; ``on_answer`` is called after every one and may raise to end it."""
    import torch

    answers = []
    for prompt in prompts:
        ids = torch.tensor([list(prompt)], device=model.device)  # (1, T)
        with torch.inference_mode():
            out = model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=ANSWER_TOKENS,
                do_sample=False,
                temperature=None,
                top_p=None,
                top_k=None,
            )
        answers.append(out[0, ids.shape[1] :].tolist())
        on_answer()
    return answers


def compare(
    tokens: Tokens,
    questions: Sequence[str],
    adapter: Sequence[Answer],
    merged: Sequence[Answer],
) -> list[Pair]:
    """The answers side by side, one pair for each question."""
    return [
        _pair(tokens, question, before, after)
        for question, before, after in zip(questions, adapter, merged, strict=True)
    ]


def _pair(tokens: Tokens, question: str, before: Answer, after: Answer) -> Pair:
    at = _first_difference(before, after)
    return Pair(
        question=question,
        adapter=_line(tokens, before),
        merged=_line(tokens, after),
        first_difference=at,
        adapter_token="" if at is None else tokens.decode(before[at : at + 1]),
        merged_token="" if at is None else tokens.decode(after[at : at + 1]),
    )


def _first_difference(before: Answer, after: Answer) -> int | None:
    if before == after:
        return None
    shared = zip(before, after, strict=False)
    return next((at for at, (a, b) in enumerate(shared) if a != b), min(len(before), len(after)))


def _line(tokens: Tokens, ids: Answer) -> str:
    return " ".join(tokens.decode(ids, skip_special_tokens=True).split())
