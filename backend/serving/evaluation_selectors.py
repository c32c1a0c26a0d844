"""Reads of evaluations, of their answers, and of what the gate says of an adapter."""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.db.models import Count, F, FloatField, OuterRef, Q, Subquery, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce
from django.utils.translation import gettext as _

from backend.accounts.roles import Action, require
from backend.common.errors import Conflict, NotFound
from backend.serving.gate import Thresholds, Verdict, gate, reason_text, reference_of
from backend.serving.models import Evaluation, EvaluationAnswer, GateThresholds
from backend.serving.selectors import production

if TYPE_CHECKING:
    import uuid

    from django.db.models import QuerySet

    from backend.accounts.models import User
    from backend.assistants.models import Assistant
    from backend.training.models import Adapter

# What answers can be sorted by, and whether more of it is better.
SORTABLE: Final = {
    "chrf": True,
    "rouge_l": True,
    "exact": True,
    "contains": True,
    "perplexity": False,
}
# Worse than every perplexity that is a number.
NO_NUMBER: Final = 1e12
NAMES: Final = tuple(Thresholds.__dataclass_fields__)


@dataclass(frozen=True)
class Standing:
    """What is known of an adapter's quality against what is in production now.

    ``evaluation`` is None where nothing was compared with that, or under another prompt.
    """

    evaluation: Evaluation | None
    verdict: Verdict | None
    thresholds: Thresholds

    @property
    def needs_reason(self) -> bool:
        """Whether it is promoted only for a reason that somebody gives."""
        if self.verdict is None:
            return settings.EVALUATION_REQUIRED
        return not self.verdict.passed


def prompt_hash(system_prompt: str) -> str:
    """What an evaluation and an adapter's card remember of the prompt they stand for."""
    return hashlib.sha256(system_prompt.encode()).hexdigest()


def evaluation_list(*, user: "User") -> "QuerySet[Evaluation]":
    """All evaluations, newest first, with what people preferred in blind votes."""
    require(user, Action.RUNS_READ)
    first, second, tie = Q(votes__choice="first"), Q(votes__choice="second"), Q(votes__choice="tie")
    candidate_first = Q(votes__candidate_first=True)
    return (
        Evaluation.objects.select_related(
            "job__started_by",
            "candidate__run",
            "production",
            "assistant__gate_thresholds",
        )
        .defer("job__result")
        .annotate(
            votes_candidate=Count(
                "votes", filter=(first & candidate_first) | (second & ~candidate_first)
            ),
            votes_reference=Count(
                "votes", filter=(second & candidate_first) | (first & ~candidate_first)
            ),
            votes_tie=Count("votes", filter=tie),
        )
    )


def evaluation_get(*, user: "User", evaluation_id: "uuid.UUID | str") -> Evaluation:
    """One evaluation.

    Raises:
        NotFound: there is none with that id.
    """
    found = evaluation_list(user=user).filter(pk=evaluation_id).first()
    if found is None:
        raise NotFound(_("There is no such evaluation."))
    return found


def thresholds_of(assistant: "Assistant") -> Thresholds:
    """What a candidate for the assistant must reach; the defaults where nobody has set it."""
    try:
        row = assistant.gate_thresholds
    except GateThresholds.DoesNotExist:
        return Thresholds()
    return Thresholds(**{name: getattr(row, name) for name in NAMES})


def verdict_of(evaluation: Evaluation) -> Verdict | None:
    """What the gate says by the assistant's present thresholds; None before there are scores."""
    if evaluation.scores is None:
        return None
    return gate(evaluation.scores, thresholds_of(evaluation.assistant))


def standing(*, adapter: "Adapter", assistant: "Assistant") -> Standing:
    """What the newest fitting evaluation says of an adapter that may answer for an assistant."""
    fitting = Evaluation.objects.filter(
        candidate=adapter,
        assistant=assistant,
        production=production(assistant=assistant).adapter,
        prompt_hash=prompt_hash(assistant.system_prompt),
        collected_at__isnull=False,
    )
    newest = fitting.select_related("assistant__gate_thresholds").first()
    verdict = None if newest is None else verdict_of(newest)
    return Standing(newest, verdict, thresholds_of(assistant))


def check_gate(*, adapter: "Adapter", assistant: "Assistant") -> Standing:
    """The standing of an adapter that may be promoted without a reason.

    Raises:
        Conflict: the gate has reasons against it, or nothing fitting was evaluated and
            ``EVALUATION_REQUIRED`` is on.
    """
    found = standing(adapter=adapter, assistant=assistant)
    if not found.needs_reason:
        return found
    if found.verdict is None:
        raise Conflict(
            _(
                "This adapter was not evaluated against what is in production now, under the "
                "assistant's present prompt. Evaluate it, or give a reason to promote it all "
                "the same."
            ),
            code="not_evaluated",
            reasons=[],
        )
    raise Conflict(
        _("The gate has reasons against this adapter. Give a reason to promote it all the same."),
        code="gate_failed",
        evaluation=str(found.evaluation.pk) if found.evaluation else None,
        reasons=[reason_text(reason) for reason in found.verdict.reasons],
    )


def evaluation_questions(
    *, evaluation: Evaluation, metric: str = "chrf", kind: str = ""
) -> "QuerySet[EvaluationAnswer]":
    """The candidate's answers with ``change``: how much better than the reference's by a metric.

    Args:
        evaluation: whose.
        metric: one of ``SORTABLE``.
        kind: of questions; all where it is empty.
    """
    reference = reference_of(evaluation.scores or {})
    compared = EvaluationAnswer.objects.filter(
        evaluation=evaluation,
        model=reference,
        kind=OuterRef("kind"),
        example=OuterRef("example"),
    ).annotate(value=_metric(metric))
    before, now = Coalesce(Subquery(compared.values("value")[:1]), 0.0), F("value")
    change = now - before if SORTABLE[metric] else before - now
    rows = EvaluationAnswer.objects.filter(
        Q(kind=kind) if kind else Q(), evaluation=evaluation, model="candidate"
    )
    return rows.annotate(value=_metric(metric)).annotate(change=change)


def _metric(name: str) -> Coalesce:
    value = Cast(KeyTextTransform(name, "metrics"), FloatField())
    worst = 0.0 if SORTABLE[name] else NO_NUMBER
    return Coalesce(value, Value(worst), output_field=FloatField())


def answers_beside(
    rows: "list[EvaluationAnswer]",
) -> "dict[tuple[str, str], list[EvaluationAnswer]]":
    """All models' answers to the questions of some rows of one evaluation, by kind and example."""
    if not rows:
        return {}
    found: dict[tuple[str, str], list[EvaluationAnswer]] = {}
    for answer in EvaluationAnswer.objects.filter(
        evaluation=rows[0].evaluation_id, example__in=[row.example for row in rows]
    ):
        found.setdefault((answer.kind, answer.example), []).append(answer)
    return found
