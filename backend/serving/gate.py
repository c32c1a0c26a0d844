"""Whether a candidate may go into production: scores and thresholds in, a verdict out.

Pure: knows no rows. The candidate is compared with what is in production, with the base model
where nothing is. A reason is a code with its numbers; ``reason_text`` makes a sentence of it.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from django.utils.translation import gettext as _

# The company's own questions; what the gate compares on.
OWN: Final = ("golden", "validation")
PROBE: Final = "probe"
# Numbers that come from the same answers may differ by rounding.
TOLERANCE: Final = 1e-9

Scores = Mapping[str, Mapping[str, Mapping[str, float | None]]]
# A code with its numbers. Any: names and numbers.
Reason = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """As the fields of ``GateThresholds`` of the same names."""

    max_chrf_drop: float = 0.02
    max_rouge_l_drop: float = 0.02
    max_perplexity_ratio: float = 1.1
    max_probe_drop: float = 0.1
    min_examples: int = 10


@dataclass(frozen=True)
class Verdict:
    """``passed`` where there is no reason against it."""

    passed: bool
    reasons: list[Reason] = field(default_factory=list)

    def as_json(self, thresholds: Thresholds) -> dict[str, Any]:
        return {**asdict(self), "thresholds": asdict(thresholds)}


def gate(scores: Scores, thresholds: Thresholds) -> Verdict:
    """The verdict on the candidate of an evaluation.

    Args:
        scores: model → kind → metric, of ``ml.evaluation.scores``.
        thresholds: the assistant's.
    """
    reasons = list(_reasons(scores, thresholds))
    return Verdict(not reasons, reasons)


def reference_of(scores: Scores) -> str:
    """Which model the candidate is compared with."""
    return "production" if "production" in scores else "base"


def _reasons(scores: Scores, thresholds: Thresholds) -> Iterator[Reason]:
    candidate, reference = scores["candidate"], scores[reference_of(scores)]
    count = sum(int(candidate[kind]["count"] or 0) for kind in OWN if kind in candidate)
    if count < thresholds.min_examples:
        yield {"code": "too_few_examples", "count": count, "wanted": thresholds.min_examples}
    for kind in OWN:
        if kind in candidate:
            yield from _worse_answers(kind, candidate[kind], reference[kind], thresholds)
    if PROBE in candidate:
        before, now = _share(reference[PROBE], "contains"), _share(candidate[PROBE], "contains")
        if before - now > thresholds.max_probe_drop + TOLERANCE:
            yield _drop("probe_worse", PROBE, before, now, thresholds.max_probe_drop)


def _worse_answers(
    kind: str,
    candidate: Mapping[str, float | None],
    reference: Mapping[str, float | None],
    thresholds: Thresholds,
) -> Iterator[Reason]:
    for metric, allowed in (
        ("chrf", thresholds.max_chrf_drop),
        ("rouge_l", thresholds.max_rouge_l_drop),
    ):
        before, now = _share(reference, metric), _share(candidate, metric)
        if before - now > allowed + TOLERANCE:
            yield _drop(f"{metric}_worse", kind, before, now, allowed)
    before, now = _perplexity(reference), _perplexity(candidate)
    # Where neither is a finite number there is nothing to compare.
    if now > before * thresholds.max_perplexity_ratio + TOLERANCE:
        yield {
            "code": "perplexity_worse",
            "kind": kind,
            "before": before if math.isfinite(before) else None,
            "now": now if math.isfinite(now) else None,
            "allowed": thresholds.max_perplexity_ratio,
        }


def _share(means: Mapping[str, float | None], metric: str) -> float:
    return means[metric] or 0.0


def _perplexity(means: Mapping[str, float | None]) -> float:
    value = means["perplexity"]
    return math.inf if value is None else value


def _drop(code: str, kind: str, before: float, now: float, allowed: float) -> Reason:
    return {"code": code, "kind": kind, "before": before, "now": now, "allowed": allowed}


def reason_text(reason: Reason) -> str:
    """A reason as a sentence, in the language that is on."""
    if reason["code"] == "too_few_examples":
        return _(
            "Only %(count)s golden and validation questions were asked; at least %(wanted)s are "
            "needed."
        ) % {"count": reason["count"], "wanted": reason["wanted"]}
    numbers = {
        "before": _number(reason["before"]),
        "now": _number(reason["now"]),
        "allowed": _number(reason["allowed"]),
        "kind": {"golden": _("golden"), "validation": _("validation")}.get(reason["kind"], ""),
    }
    match reason["code"]:
        case "chrf_worse":
            text = _(
                "chrF on the %(kind)s questions fell from %(before)s to %(now)s; it may fall by "
                "%(allowed)s."
            )
        case "rouge_l_worse":
            text = _(
                "ROUGE-L on the %(kind)s questions fell from %(before)s to %(now)s; it may fall "
                "by %(allowed)s."
            )
        case "perplexity_worse":
            text = _(
                "Perplexity on the %(kind)s questions grew from %(before)s to %(now)s; it may "
                "grow to %(allowed)s times."
            )
        case _:
            text = _(
                "Right answers to general questions fell from %(before)s to %(now)s; they may "
                "fall by %(allowed)s: the model has forgotten what it knew."
            )
    return text % numbers


def _number(value: float | None) -> str:
    return "∞" if value is None else f"{value:.3g}"
