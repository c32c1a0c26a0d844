"""Blind votes: two answers to one question, and nobody says whose they are before the choice."""

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.translation import gettext as _

from backend.accounts.roles import Action, require
from backend.common.errors import Conflict, NotFound
from backend.serving.gate import reference_of
from backend.serving.models import BlindVote, Evaluation, EvaluationAnswer

if TYPE_CHECKING:
    import uuid

    from backend.accounts.models import User


@dataclass(frozen=True)
class Pair:
    """A vote with the two texts in the order that the lot has given them."""

    vote: BlindVote
    question: str
    first: str
    second: str


def blind_vote_next(*, user: "User", evaluation: Evaluation) -> Pair | None:
    """A question on which the person has not voted yet; the open one again where there is one.

    Returns:
        None when there is nothing left on which the two models differ.

    Raises:
        NotAllowed: the person may not read evaluations.
    """
    require(user, Action.RUNS_READ)
    mine = BlindVote.objects.filter(evaluation=evaluation, by=user)
    vote = mine.filter(choice="").first() or _drawn(user, evaluation)
    return None if vote is None else _pair(vote)


def _drawn(user: "User", evaluation: Evaluation) -> BlindVote | None:
    same_question = {"kind": OuterRef("kind"), "example": OuterRef("example")}
    differing = EvaluationAnswer.objects.filter(
        **same_question, evaluation=evaluation, model=reference_of(evaluation.scores or {})
    ).exclude(text=OuterRef("text"))
    voted = BlindVote.objects.filter(**same_question, evaluation=evaluation, by=user)
    chosen = (
        EvaluationAnswer.objects.filter(Exists(differing), ~Exists(voted), evaluation=evaluation)
        .filter(model="candidate")
        .exclude(question="")
        .order_by("?")
        .first()
    )
    if chosen is None:
        return None
    asked = {
        "evaluation": evaluation,
        "kind": chosen.kind,
        "example": chosen.example,
        "by": user,
    }
    try:
        with transaction.atomic():
            by_lot = random.random() < 0.5  # noqa: S311  # no secret
            return BlindVote.objects.create(**asked, candidate_first=by_lot)
    except IntegrityError:  # a second tab of the same person was faster
        return BlindVote.objects.get(**asked)


def blind_vote_cast(*, user: "User", vote_id: "uuid.UUID", choice: str) -> Pair:
    """Choose; what was chosen stays.

    Raises:
        NotAllowed: the person may not read evaluations.
        NotFound: it is nobody's or somebody else's vote.
        Conflict: it was cast before.
    """
    require(user, Action.RUNS_READ)
    mine = BlindVote.objects.filter(pk=vote_id, by=user)
    if not mine.filter(choice="").update(choice=choice, updated_at=timezone.now()):
        if mine.exists():
            raise Conflict(_("You have voted on this already."), code="already_voted")
        raise NotFound(_("There is no such vote."))
    return _pair(mine.select_related("evaluation").get())


def _pair(vote: BlindVote) -> Pair:
    reference = reference_of(vote.evaluation.scores or {})
    rows = EvaluationAnswer.objects.filter(
        evaluation=vote.evaluation, kind=vote.kind, example=vote.example
    )
    by_model = {row.model: row for row in rows}
    candidate, other = by_model["candidate"], by_model[reference]
    texts = (candidate.text, other.text)
    first, second = texts if vote.candidate_first else texts[::-1]
    return Pair(vote, candidate.question, first, second)
