"""The results of finished evaluations become rows. Collecting again changes nothing."""

import logging
import uuid
from typing import TYPE_CHECKING, Any, Final

from django.db import DataError, IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from backend.curation.models import DatasetVersionItem
from backend.serving.gate import reference_of
from backend.serving.models import Evaluation, EvaluationAnswer
from backend.training.models import AdapterJob

if TYPE_CHECKING:
    from collections.abc import Mapping  # of Any: JSON that ``python -m ml evaluate`` leaves

logger = logging.getLogger(__name__)

UNREADABLE: Final = gettext_noop("The evaluation left a result that cannot be read.")
# Below this a difference of two shares is none that anybody would see.
NO_CHANGE: Final = 0.01
NOTED: Final = ("device", "precision", "seconds", "left_out", "thinned", "judge")


def evaluations_collect() -> int:
    """Collect every evaluation whose job has succeeded; how many those were."""
    waiting = Evaluation.objects.filter(
        job__state=AdapterJob.State.SUCCEEDED, collected_at=None, error__isnull=True
    )
    return sum(evaluation_collect(evaluation_id=pk) for pk in waiting.values_list("pk", flat=True))


@transaction.atomic
def evaluation_collect(*, evaluation_id: uuid.UUID) -> bool:
    """Turn one job's result into scores and answers; False where that is done already."""
    evaluation = (
        Evaluation.objects.select_for_update(of=("self",))
        .select_related("job", "candidate__run")
        .get(pk=evaluation_id)
    )
    if evaluation.collected_at is not None or evaluation.error is not None:
        return False
    try:
        with transaction.atomic():
            _collect(evaluation, evaluation.job.result or {})
        is_collected = True
    except (LookupError, AttributeError, TypeError, ValueError, DataError, IntegrityError):
        logger.exception("evaluation %s cannot be collected", evaluation.pk)
        is_collected = False
        evaluation.refresh_from_db()  # what was begun is not kept
        evaluation.error = {"code": "result_unreadable", "message": UNREADABLE}
        evaluation.save(update_fields=["error", "updated_at"])
    # The answers stand in rows of their own now, where they can be forgotten.
    AdapterJob.objects.filter(pk=evaluation.job_id).update(result={"collected": is_collected})
    return is_collected


def _collect(evaluation: Evaluation, result: "Mapping[str, Any]") -> None:
    questions = {question["id"]: question for question in result["questions"]}
    revisions = _revisions(evaluation)
    judged = {verdict["question"]: verdict["replies"] for verdict in result.get("verdicts", ())}
    EvaluationAnswer.objects.bulk_create(
        [
            _row(evaluation, questions[answer["question"]], answer, revisions, judged)
            for answer in result["answers"]
        ],
        batch_size=500,
    )
    evaluation.scores = result["scores"]
    evaluation.changes = _changes(questions, result)
    evaluation.notes = {name: result[name] for name in NOTED if name in result}
    evaluation.collected_at = timezone.now()
    evaluation.save()


def _revisions(evaluation: Evaluation) -> dict[uuid.UUID, uuid.UUID]:
    """Record → the revision that stands in the version, without those erased since."""
    items = DatasetVersionItem.objects.filter(
        version=evaluation.candidate.run.dataset_version_id, record__erased_at=None
    )
    return dict(items.values_list("record_id", "revision_id"))


def _row(
    evaluation: Evaluation,
    question: "Mapping[str, Any]",
    answer: "Mapping[str, Any]",
    revisions: dict[uuid.UUID, uuid.UUID],
    judged: "Mapping[str, list[str]]",
) -> EvaluationAnswer:
    record = _record_id(question)
    # A record that was erased while the evaluation ran leaves its numbers only.
    is_erased = question["kind"] != EvaluationAnswer.Kind.PROBE and record not in revisions
    return EvaluationAnswer(
        evaluation=evaluation,
        kind=question["kind"],
        example=question["example"],
        model=answer["model"],
        record_id=record if record in revisions else None,
        revision_id=revisions.get(record) if record else None,
        question="" if is_erased else storable(question["question"]),
        expected="" if is_erased else storable(question["expected"]),
        accepted=question["accepted"],
        text="" if is_erased else storable(answer["text"]),
        finish_reason=answer["finish_reason"],
        loss=answer["loss"],
        label_tokens=answer["label_tokens"],
        metrics=answer["metrics"],
        judged=judged.get(question["id"]) if answer["model"] == "candidate" else None,
    )


def _record_id(question: "Mapping[str, Any]") -> uuid.UUID | None:
    """The record behind an example's id, which is ``<record>#<wording>``."""
    if question["kind"] == EvaluationAnswer.Kind.PROBE:
        return None
    return uuid.UUID(question["example"].partition("#")[0])


def storable(text: str) -> str:
    """``text`` without NUL, which PostgreSQL does not keep."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _changes(
    questions: "Mapping[str, Mapping[str, Any]]", result: "Mapping[str, Any]"
) -> dict[str, dict[str, int]]:
    """How many questions of each kind the candidate answers better, worse or alike."""
    reference = reference_of(result["scores"])
    metrics = {(row["question"], row["model"]): row["metrics"] for row in result["answers"]}
    counts: dict[str, dict[str, int]] = {}
    for key, question in questions.items():
        kind = question["kind"]
        # General questions are right or wrong, whatever the wording.
        metric = "contains" if kind == EvaluationAnswer.Kind.PROBE else "chrf"
        change = metrics[key, "candidate"][metric] - metrics[key, reference][metric]
        word = "better" if change > NO_CHANGE else "worse" if change < -NO_CHANGE else "same"
        counts.setdefault(kind, {"better": 0, "worse": 0, "same": 0})[word] += 1
    return counts


def erased_forget() -> int:
    """Forget the words of records that were erased; how many answers that touched."""
    erased = EvaluationAnswer.objects.filter(record__erased_at__isnull=False)
    return erased.exclude(question="", expected="", text="").update(
        question="", expected="", text="", accepted=[], record=None, revision=None
    )
