"""The merged model in 16 bit, with the proof that it answers as the adapter did.

One copy of the weights is in memory at any time: the base in float32 is asked through the adapter,
becomes the merged model in its place, is asked again, and only then is rounded and saved.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import torch

from ml import parity
from ml.adapter_files import AdapterFiles, read_object
from ml.devices import best_device, computes_bf16_natively
from ml.errors import ModelLoadError
from ml.export.progress import Progress
from ml.merging import attach, differing_weights, merge_in_place, write_model
from ml.parity import QUESTIONS, Pair
from ml.tokens import Tokens

# Three rounds of questions, merging and writing.
STEPS: Final = 3 * len(QUESTIONS) + 2


@dataclass(frozen=True, kw_only=True)
class Proof:
    """How the merged model answers beside the adapter.

    Attributes:
        exact: both computed in float32; all equal, or there is no export.
        rounded: the weights as they were written, beside the adapter in float32.
        weights: the precision that was written.
        computed_in: what the rounded weights were multiplied in here.
    """

    exact: list[Pair]
    rounded: list[Pair]
    weights: str
    computed_in: str

    def json(self) -> dict[str, Any]:
        """As ``parity.json`` and ``result.json`` hold it."""
        return {
            "weights": self.weights,
            "computed_in": self.computed_in,
            "questions": len(self.exact),
            "equal_float32": sum(pair.equal for pair in self.exact),
            "equal_rounded": sum(pair.equal for pair in self.rounded),
            "float32": [asdict(pair) | {"equal": pair.equal} for pair in self.exact],
            "rounded": [asdict(pair) | {"equal": pair.equal} for pair in self.rounded],
        }


def write_merged(
    adapter: AdapterFiles, folder: Path, *, base: Path, tokens: Tokens, progress: Progress
) -> Proof:
    """Write the merged model into ``folder``; how it answers.

    Raises:
        ModelLoadError: it answers differently in float32, or the disk kept something else.
        Stopped: ``progress`` was told so.
    """
    prompts = parity.prompts_for(tokens, adapter.system_prompt, thinking=adapter.thinking)
    tuned = attach(parity.load(base, dtype=torch.float32), adapter)
    progress.enter("comparing")
    before = parity.greedy_answers(tuned, prompts, progress.advance)
    progress.enter("merging")
    merged = merge_in_place(tuned)
    del tuned
    progress.advance()
    progress.enter("comparing")
    after = parity.greedy_answers(merged, prompts, progress.advance)
    exact = parity.compare(tokens, QUESTIONS, before, after)
    if differing := [pair.question for pair in exact if not pair.equal]:
        raise ModelLoadError(
            "The merged model answers differently from the adapter in float32 "
            f"({'; '.join(differing)}): nothing was written.",
            code="parity_failed",
        )
    progress.enter("saving")
    dtype = rounded_dtype(base)
    write_model(merged, folder, base=base, dtype=dtype)
    if names := differing_weights(merged, folder):
        raise ModelLoadError(
            f"What was written is not what was merged ({', '.join(names[:3])}): is the disk whole?",
            code="parity_failed",
        )
    del merged
    progress.advance()
    progress.enter("comparing")
    computing = _computing_dtype(dtype)
    written = parity.load(folder, dtype=computing)
    return Proof(
        exact=exact,
        rounded=parity.compare(
            tokens, QUESTIONS, before, parity.greedy_answers(written, prompts, progress.advance)
        ),
        weights=_name(dtype),
        computed_in=_name(computing),
    )


def rounded_dtype(base: Path) -> torch.dtype:
    """The 16-bit precision of the written weights: the base's own, bfloat16 for a float32 base.

    bfloat16 reaches as far as float32 does; float16 overflows where such a base may not.
    """
    config = read_object(base / "config.json")
    own = str(config.get("dtype") or config.get("torch_dtype") or "")
    return torch.float16 if own == "float16" else torch.bfloat16


def _computing_dtype(dtype: torch.dtype) -> torch.dtype:
    """What answers are computed in: the written precision where this device multiplies it."""
    if best_device().type == "cuda":
        return dtype
    native = dtype == torch.bfloat16 and computes_bf16_natively()
    return dtype if native else torch.float32


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
