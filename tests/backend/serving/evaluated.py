"""Results as ``python -m ml evaluate`` leaves them, made of texts."""

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from backend.serving.collecting import evaluation_collect
from backend.serving.evaluation_selectors import prompt_hash
from backend.serving.models import Evaluation
from backend.serving.selectors import production
from backend.training.models import Adapter, AdapterJob
from ml.evaluation.scores import measured, scores_of

RECORDS = tuple(f"00000000-0000-4000-8000-{number:012}" for number in range(12))
EXPECTED = "由部门经理审批第{number}项。"


def questions() -> list[dict[str, Any]]:
    """Twelve golden questions, and two general ones."""
    golden = [
        {
            "id": f"golden:{record}#0",
            "kind": "golden",
            "example": f"{record}#0",
            "question": f"第{number}项由谁审批?",
            "expected": EXPECTED.format(number=number),
            "accepted": [],
        }
        for number, record in enumerate(RECORDS)
    ]
    probe = [
        {
            "id": f"probe:{number}",
            "kind": "probe",
            "example": str(number),
            "question": question,
            "expected": expected,
            "accepted": [],
        }
        for number, (question, expected) in enumerate([("首都?", "北京"), ("2 + 2?", "4")], 1)
    ]
    return [*golden, *probe]


def result(**right: int) -> dict[str, Any]:
    """What was found out where each model answers its first so many questions right.

    ``result(base=2, candidate=12)``; general questions come last.
    """
    asked = questions()
    answers = []
    for model, count in right.items():
        for place, question in enumerate(asked):
            answer: dict[str, Any] = {
                "question": question["id"],
                "model": model,
                "text": question["expected"] if place < count else "不清楚。",
                "finish_reason": "stop",
                "loss": 4.0 if place < count else 40.0,
                "label_tokens": 10,
            }
            answers.append({**answer, "metrics": measured(question, answer)})
    return {
        "models": list(right),
        "questions": asked,
        "answers": answers,
        "scores": scores_of(asked, answers),
        "seconds": 1.5,
        "left_out": [],
        "thinned": {},
    }


def succeed(evaluation: Evaluation, found: Mapping[str, Any]) -> None:
    """What a trainer does at the end of a job."""
    AdapterJob.objects.filter(pk=evaluation.job_id).update(
        state=AdapterJob.State.SUCCEEDED, result=found, finished_at=timezone.now()
    )


def evaluated(adapter: Adapter, **right: int) -> Evaluation:
    """A finished evaluation of an adapter against what is in production now."""
    evaluation = Evaluation.objects.create(
        job=AdapterJob.objects.create(
            number=AdapterJob.objects.count() + 1, adapter=adapter, kind=AdapterJob.Kind.EVALUATE
        ),
        candidate=adapter,
        production=production(assistant=adapter.assistant).adapter,
        assistant=adapter.assistant,
        prompt_hash=prompt_hash(adapter.assistant.system_prompt),
    )
    succeed(evaluation, result(**right))
    assert evaluation_collect(evaluation_id=evaluation.pk)
    return evaluation
