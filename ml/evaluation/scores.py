"""Means of the answers' numbers, per model and kind of question. Pure, like ``metrics``."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from ml.evaluation.metrics import measure

KINDS: Final = ("golden", "validation", "probe")
MODELS: Final = ("base", "production", "candidate")
MEANS: Final = (
    "rouge_l",
    "chrf",
    "exact",
    "contains",
    "refusal",
    "repetition",
    "length",
    "cut_off",
)

# The JSON of result.json: see ``ml.evaluation.evaluating``.
Json = Mapping[str, Any]
Scores = dict[str, dict[str, dict[str, float | None]]]


def scores_of(questions: Iterable[Json], answers: Iterable[Json]) -> Scores:
    """Model → kind → metric, computed anew from what was asked and answered.

    ``perplexity`` is that of all tokens of a kind together, the others are means of answers.
    """
    asked = {question["id"]: question for question in questions}
    grouped: dict[tuple[str, str], list[tuple[Json, Json]]] = {}
    for answer in answers:
        question = asked[answer["question"]]
        grouped.setdefault((answer["model"], question["kind"]), []).append((question, answer))
    return {
        model: {kind: _scores(grouped[model, kind]) for kind in KINDS if (model, kind) in grouped}
        for model in MODELS
        if any(model == each for each, _kind in grouped)
    }


def measured(question: Json, answer: Json) -> dict[str, Any]:
    """The numbers of one stored answer."""
    return dict(
        measure(
            text=answer["text"],
            expected=question["expected"],
            accepted=question["accepted"],
            finish_reason=answer["finish_reason"],
            loss=answer["loss"],
            label_tokens=answer["label_tokens"],
        )
    )


def _scores(pairs: Sequence[tuple[Json, Json]]) -> dict[str, float | None]:
    rows = [measured(question, answer) for question, answer in pairs]
    means: dict[str, float | None] = {
        name: math.fsum(row[name] for row in rows) / len(rows) for name in MEANS
    }
    # One answer that is infinitely unlikely makes all of them so.
    losses = [math.inf if answer["loss"] is None else answer["loss"] for _question, answer in pairs]
    tokens = sum(answer["label_tokens"] for _question, answer in pairs)
    loss = sum(losses) / tokens if tokens else math.inf
    means["perplexity"] = math.exp(loss) if loss < 700 else None
    means["count"] = len(rows)
    return means
