"""Puts an adapter into its base model and proves that nothing was lost on the way.

Also ``python ml/merge.py --adapter_model DIR --output DIR``, from any folder.
"""

import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if __name__ == "__main__":
    # Started as a file: its own folder stands on the path, where our modules would hide others.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from ml.base_models import FINGERPRINT_FILE, ModelHub, folder_of
from ml.errors import ConfigError, ModelLoadError
from ml.messages import Person, system_message
from ml.tokens import Tokens

if TYPE_CHECKING:
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
# Of the base's folder; weights and their index are written anew.
NOT_COPIED: Final = {".safetensors", ".bin", ".gguf"}


def merge(
    *,
    adapter: Path,
    output: Path,
    base_model: str | None = None,
    models_dir: Path,
    model_hub: ModelHub = "huggingface",
    dtype: str = "float32",
    questions: Sequence[str] = QUESTIONS,
) -> int:
    """Writes the merged model into ``output`` and prints how both answer; the exit status.

    Greedy answers of the adapter and of the merged model, as it was written, are compared in
    float32. Where one differs nothing is left in ``output`` and the status is 1.

    Args:
        adapter: its folder.
        output: a folder that is not there yet, or empty.
        base_model: the one on the adapter's card unless given.
        models_dir: where packaged models are kept.
        model_hub: where hub ids are looked up.
        dtype: to save in; less than float32 rounds, and the comparison may show it.
        questions: to compare the answers to.

    Raises:
        MlError: the folder is not empty, or the adapter does not fit the base.
    """
    import torch

    from ml.engines.transformers import check_base

    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise ConfigError(f"{output} is not an empty folder; choose another.", code="not_empty")
    card = _card_of(adapter)
    base = folder_of(
        base_model or _base_of(adapter, card),
        models_dir=models_dir,
        model_hub=model_hub,
        report=_say,
    )
    check_base(adapter, base=base)
    tokens = Tokens(base)
    prompts = [_prompt(tokens, card, question) for question in questions]
    output.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{output.name}.partial-", dir=output.parent))
    partial.chmod(0o755)
    try:
        _say("Merging.")
        before = _merge_into(partial, adapter=adapter, base=base, dtype=dtype, prompts=prompts)
        _say("Asking the merged model the same questions.")
        after = _answers(_load(partial, dtype=torch.float32), prompts)
        differences = _compare(tokens, questions, before, after)
        if not differences:
            partial.rename(output)  # takes the place of an empty folder
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    if differences:
        _say(f"{differences} of {len(prompts)} answers differ: nothing was written.")
        return 1
    _say(f"All {len(prompts)} answers are equal; the merged model is in {output}.")
    return 0


def _merge_into(
    folder: Path, *, adapter: Path, base: Path, dtype: str, prompts: Sequence[Sequence[int]]
) -> list[list[int]]:
    """Writes the merged model; what the adapter answered before."""
    import torch
    from peft import PeftModel

    model = _load(base, dtype=torch.float32)
    try:
        tuned = PeftModel.from_pretrained(model, str(adapter))
    except Exception as error:  # peft raises whatever the files make it raise
        raise ModelLoadError(f"The adapter in {adapter} cannot be loaded: {error}") from error
    answers = _answers(tuned.eval(), prompts)
    merged = tuned.merge_and_unload(safe_merge=True).to(getattr(torch, dtype))
    for file in base.iterdir():
        is_copied = file.name != FINGERPRINT_FILE and not NOT_COPIED.intersection(file.suffixes)
        if file.is_file() and is_copied:
            shutil.copyfile(file, folder / file.name)
    merged.save_pretrained(folder)
    return answers


def _answers(model: Any, prompts: Sequence[Sequence[int]]) -> list[list[int]]:
    # Any: neither transformers nor peft say what they take and give.
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
    return answers


def _load(folder: Path, *, dtype: "torch.dtype") -> Any:  # transformers has no types here
    from transformers import AutoModelForCausalLM

    from ml.devices import best_device

    try:
        model: Any = AutoModelForCausalLM.from_pretrained(
            folder, dtype=dtype, local_files_only=True
        )
    except Exception as error:  # transformers raises whatever the files make it raise
        raise ModelLoadError(f"The model in {folder} cannot be loaded: {error}") from error
    return model.to(best_device()).eval()


def _compare(
    tokens: Tokens,
    questions: Sequence[str],
    before: Sequence[list[int]],
    after: Sequence[list[int]],
) -> int:
    """Prints each pair of answers; how many differ."""
    differences = 0
    for question, adapter, merged in zip(questions, before, after, strict=True):
        is_equal = adapter == merged
        differences += not is_equal
        _say(f"{'equal    ' if is_equal else 'DIFFERENT'}  {question}")
        _say(f"  adapter: {_line(tokens, adapter)}")
        _say(f"  merged:  {_line(tokens, merged)}")
    return differences


def _line(tokens: Tokens, ids: Sequence[int]) -> str:
    return " ".join(tokens.decode(ids, skip_special_tokens=True).split())


def _prompt(tokens: Tokens, card: dict[str, Any], question: str) -> list[int]:
    messages = [{"role": "user", "content": question}]
    system = system_message(str(card.get("system_prompt") or ""), Person())
    if system:
        messages.insert(0, {"role": "system", "content": system})
    return tokens.prompt_ids(messages)


def _card_of(adapter: Path) -> dict[str, Any]:  # JSON of a trainer, perhaps not ours
    if not (adapter / "adapter_config.json").is_file():
        raise ModelLoadError(f"{adapter} holds no adapter: adapter_config.json is missing.")
    card = adapter / "card.json"
    return _object(card) if card.is_file() else {}


def _base_of(adapter: Path, card: dict[str, Any]) -> str:
    named = card.get("base_model") or _object(adapter / "adapter_config.json").get(
        "base_model_name_or_path"
    )
    if not named:
        raise ConfigError("The adapter does not say what its base model is: give --base-model.")
    return str(named)


def _object(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelLoadError(f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise ModelLoadError(f"{path} cannot be read: it holds no object.")
    return content


def _say(line: str) -> None:
    print(line, flush=True)


def main() -> int:
    """``python ml/merge.py``: the same as ``python -m ml merge``."""
    from ml.__main__ import main as command

    return command(["merge", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
