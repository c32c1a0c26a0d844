"""What can be said of a run before it starts: codes with their numbers; the words are elsewhere.

Knows settings, lengths and how many records there are; loads no model and needs no torch.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from ml.lengths import Size
from ml.presets import MOST_EPOCHS, STEPS_QUICK
from ml.settings import TrainingSettings

# Fewer optimiser steps seldom change how a model answers.
FEW_STEPS: Final = 50
# With fewer examples the validation loss jumps about, and scores are luck.
FEW_VALIDATION: Final = 10
FEW_GOLDEN: Final = 20
# A prompt that takes more of the model's context leaves little for a conversation.
LONG_PROMPT_SHARE: Final = 0.5
# Where LoRA is usually trained: the rate as it acts, learning rate times alpha / rank (with rsLoRA
# alpha / sqrt(rank)). The presets
# lie between 1e-3 and 6e-3.
RATE_LOW: Final = 1e-4
RATE_HIGH: Final = 2e-2
RATE_USUAL: Final = 2e-3
# A cutoff is suggested in whole multiples of this.
CUTOFF_STEP: Final = 64


@dataclass(frozen=True)
class Caution:
    """Something to know before the run, and settings that would mend it.

    Attributes:
        code: which sentence is told.
        params: its numbers.
        fix: settings by name; empty where no setting helps.
    """

    code: str
    params: Mapping[str, float]
    fix: Mapping[str, Any]  # Any: a setting's own type


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known before the run.

    Attributes:
        settings: the run's.
        train: examples that it trains on, those that are too long left out.
        validation: likewise.
        golden: records that every evaluation asks.
        findings: what the checks said at the freeze: kind -> how many.
        context: how many tokens the model reads; None where its tokenizer is not here.
        sizes: of training examples, the too long ones among them; empty without a tokenizer.
        too_long: how many training examples are longer than the limit.
    """

    settings: TrainingSettings
    train: int
    validation: int
    golden: int
    findings: Mapping[str, int]
    context: int | None = None
    sizes: Sequence[Size] = ()
    too_long: int = 0


def cautions(facts: Facts) -> list[Caution]:
    """What speaks against starting like this, the gravest first."""
    return [*_of_lengths(facts), *_of_steps(facts), *_of_rate(facts), *_of_records(facts)]


def _of_lengths(facts: Facts) -> Iterator[Caution]:
    settings, context = facts.settings, facts.context
    if context is None or not facts.sizes:
        return
    limit = min(settings.cutoff_tokens, context)
    longest = max(size.tokens for size in facts.sizes)
    if facts.too_long:
        roomy = CUTOFF_STEP * math.ceil(longest / CUTOFF_STEP)
        params: dict[str, float] = {"count": facts.too_long, "longest": longest, "limit": limit}
        fix = {"cutoff_tokens": min(roomy, context)} if longest <= context else {}
        yield Caution("nothing_fits" if facts.train == 0 else "too_long", params, fix)
    if settings.cutoff_tokens > context:
        params = {"cutoff": settings.cutoff_tokens, "context": context}
        yield Caution("cutoff_above_context", params, {"cutoff_tokens": context})
    long = sum(size.prompt > context * LONG_PROMPT_SHARE for size in facts.sizes)
    if long:
        share = round(100 * long / len(facts.sizes), 1)
        params = {"share": share, "tokens": int(context * LONG_PROMPT_SHARE), "context": context}
        yield Caution("prompts_long", params, {})


def _of_steps(facts: Facts) -> Iterator[Caution]:
    settings = facts.settings
    if facts.train == 0:
        return
    steps = settings.steps(facts.train)
    if steps < FEW_STEPS:
        fix = _more_steps(settings, facts.train)
        better = replace(settings, **fix).steps(facts.train)
        params = {"examples": facts.train, "steps": steps, "better": better}
        yield Caution("few_steps", params, fix)
    epochs = settings.epochs
    if settings.max_steps is not None:
        epochs = steps * settings.examples_per_step / _mixed(settings, facts.train)
    if steps >= FEW_STEPS and epochs > MOST_EPOCHS:
        shown = {"epochs": round(epochs, 1), "most": MOST_EPOCHS}
        fix = {"epochs": MOST_EPOCHS} if settings.max_steps is None else {}
        yield Caution("many_epochs", shown, fix)


def _more_steps(settings: TrainingSettings, examples: int) -> dict[str, Any]:
    """Settings that give about as many steps as the quick preset, with no more epochs than it."""
    if settings.max_steps is not None:
        return {"max_steps": STEPS_QUICK}
    wanted = STEPS_QUICK * settings.examples_per_step / _mixed(settings, examples)
    epochs = min(math.ceil(wanted), int(MOST_EPOCHS))
    if epochs > settings.epochs:
        return {"epochs": float(epochs)}
    return {"batch_size": 1, "gradient_accumulation": 1} if settings.examples_per_step > 1 else {}


def _mixed(settings: TrainingSettings, examples: int) -> int:
    """Examples of one epoch, general ones among them."""
    return examples + settings.general_examples(examples)


def _of_rate(facts: Facts) -> Iterator[Caution]:
    settings = facts.settings
    rank = math.sqrt(settings.lora_rank) if settings.use_rslora else settings.lora_rank
    scale = settings.lora_alpha / rank
    acting = settings.learning_rate * scale
    if RATE_LOW <= acting <= RATE_HIGH:
        return
    usual = float(f"{RATE_USUAL / scale:.1g}")
    params = {
        "rate": settings.learning_rate,
        "rank": settings.lora_rank,
        "alpha": settings.lora_alpha,
        "usual": usual,
    }
    yield Caution(
        "rate_high" if acting > RATE_HIGH else "rate_low", params, {"learning_rate": usual}
    )


def _of_records(facts: Facts) -> Iterator[Caution]:
    for code in ("conflict", "duplicate"):
        if count := facts.findings.get(code, 0):
            yield Caution(f"{code}s", {"count": count}, {})
    if facts.validation == 0:
        yield Caution("no_validation", {}, {})
    elif facts.validation < FEW_VALIDATION:
        yield Caution("few_validation", {"count": facts.validation}, {})
    if facts.golden < FEW_GOLDEN:
        yield Caution("few_golden", {"count": facts.golden, "wanted": FEW_GOLDEN}, {})
