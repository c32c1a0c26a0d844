"""Puts an adapter into its base model and proves that nothing was lost on the way.

Also ``python ml/merge.py --adapter_model DIR --output DIR``, from any folder.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":
    # Started as a file: its own folder stands on the path, where our modules would hide others.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from ml.adapter_files import check_base, read_adapter
from ml.base_models import ModelHub, folder_of
from ml.merging import attach, merge_in_place, write_model
from ml.parity import QUESTIONS, Pair, compare, greedy_answers, load, prompts_for
from ml.tokens import Tokens
from ml.whole_folder import check_empty, whole_folder


class _Different(Exception):
    """The merged model answers differently."""


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

    check_empty(output)
    files = read_adapter(adapter)
    base = folder_of(
        base_model or files.base_model, models_dir=models_dir, model_hub=model_hub, report=_say
    )
    check_base(files, base=base)
    tokens = Tokens(base)
    prompts = prompts_for(tokens, files.system_prompt, questions, thinking=files.thinking)
    try:
        with whole_folder(output) as folder:
            _say("Merging.")
            tuned = attach(load(base, dtype=torch.float32), files)
            before = greedy_answers(tuned, prompts)
            merged = merge_in_place(tuned)
            write_model(merged, folder, base=base, dtype=getattr(torch, dtype))
            del tuned, merged
            _say("Asking the merged model the same questions.")
            after = greedy_answers(load(folder, dtype=torch.float32), prompts)
            pairs = compare(tokens, questions, before, after)
            _print(pairs)
            if not all(pair.equal for pair in pairs):
                raise _Different
    except _Different:
        differences = sum(not pair.equal for pair in pairs)
        _say(f"{differences} of {len(prompts)} answers differ: nothing was written.")
        return 1
    _say(f"All {len(prompts)} answers are equal; the merged model is in {output}.")
    return 0


def _print(pairs: Sequence[Pair]) -> None:
    for pair in pairs:
        _say(f"{'equal    ' if pair.equal else 'DIFFERENT'}  {pair.question}")
        _say(f"  adapter: {pair.adapter}")
        _say(f"  merged:  {pair.merged}")


def _say(line: str) -> None:
    print(line, flush=True)


def main() -> int:
    """``python ml/merge.py``: the same as ``python -m ml merge``."""
    from ml.__main__ import main as command

    return command(["merge", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
