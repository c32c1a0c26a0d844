"""Writes of evaluations and of what a candidate must reach."""

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction

from backend.accounts.roles import Action, require
from backend.assistants.selectors import assistant_get
from backend.common.audit import audit_write
from backend.serving.evaluation_selectors import prompt_hash
from backend.serving.models import Evaluation, GateThresholds
from backend.serving.selectors import base_check, production
from backend.training.jobs import adapter_job_start, adapter_job_stop
from backend.training.models import AdapterJob

if TYPE_CHECKING:
    from backend.accounts.models import User
    from backend.assistants.models import Assistant
    from backend.training.models import Adapter


@transaction.atomic
def evaluation_start(
    *, user: "User", adapter: "Adapter", assistant: "Assistant | None" = None
) -> Evaluation:
    """Queue the comparison of an adapter with what answers for an assistant now.

    Everything is asked under the assistant's present prompt, as its people would ask.

    Args:
        user: who may start runs.
        adapter: the candidate.
        assistant: whom it is to answer for; the one it was trained for where none is given.

    Raises:
        NotAllowed: the person may not.
        NotFound: the assistant is not for this person.
        Conflict: an evaluation of this adapter waits or runs already, or the assistant has
            another base.
    """
    require(user, Action.RUNS_WRITE)
    assistant = assistant or assistant_get(user=user, assistant_id=adapter.assistant_id)
    base_check(adapter=adapter, assistant=assistant)
    live = production(assistant=assistant).adapter
    job = adapter_job_start(
        user=user,
        adapter=adapter,
        kind=AdapterJob.Kind.EVALUATE,
        request={
            # Compared with itself it would only be asked twice.
            "production": live.path if live is not None and live.pk != adapter.pk else None,
            "system_prompt": assistant.system_prompt,
            "max_new_tokens": assistant.max_new_tokens,
            "judge": _judge(),
        },
    )
    return Evaluation.objects.create(
        job=job,
        candidate=adapter,
        production=live,
        assistant=assistant,
        prompt_hash=prompt_hash(assistant.system_prompt),
    )


def _judge() -> dict[str, str] | None:
    """Where the judge is; its key goes another way (``training.process``)."""
    if not settings.JUDGE_URL:
        return None
    return {"url": settings.JUDGE_URL, "model": settings.JUDGE_MODEL}


def evaluation_stop(*, user: "User", evaluation: Evaluation) -> None:
    """End an evaluation that waits or runs.

    Raises:
        NotAllowed: the person may not.
        Conflict: it has ended already.
    """
    adapter_job_stop(user=user, job=evaluation.job)


@transaction.atomic
def gate_thresholds_update(
    *, user: "User", assistant: "Assistant", **changes: Any
) -> GateThresholds:
    """Change what candidates for an assistant must reach; in force at once.

    Args:
        user: who manages assistants.
        assistant: whose gate it is.
        changes: fields of ``GateThresholds``.

    Raises:
        NotAllowed: the person may not.
        ValidationError: a value out of its range.
    """
    require(user, Action.ASSISTANTS_MANAGE)
    thresholds, _new = GateThresholds.objects.get_or_create(assistant=assistant)
    for name, value in changes.items():
        setattr(thresholds, name, value)
    thresholds.full_clean()
    thresholds.save()
    audit_write(actor=user, action="assistant.gate", entity=assistant, **changes)
    return thresholds
