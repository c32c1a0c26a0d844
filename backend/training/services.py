"""Writes of training runs: start, stop, resume. The work itself is ``tasks`` and below."""

from typing import TYPE_CHECKING, Any

from django.conf import settings as django_settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from backend.accounts.roles import Action, require
from backend.assistants.base_models import base_model_check
from backend.assistants.selectors import assistant_get
from backend.common.audit import audit_write
from backend.common.errors import Conflict, Invalid
from backend.curation.locks import transaction_lock
from backend.training import tasks
from backend.training.ending import publish_queue, publish_state
from backend.training.models import TrainingRun
from backend.training.run_settings import settings_check

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backend.accounts.models import User
    from backend.assistants.models import Assistant
    from backend.curation.models import DatasetVersion
    from backend.training.models import Adapter

State = TrainingRun.State
# How often a state may change under a request before that is told.
TRIES = 3


@transaction.atomic
def training_run_start(
    *,
    user: "User",
    dataset_version: "DatasetVersion",
    assistant: "Assistant | None" = None,
    base_model: str | None = None,
    settings: "Mapping[str, Any] | None" = None,  # Any: checked one by one
    parent: "Adapter | None" = None,
) -> TrainingRun:
    """Queue a new run; it starts when a trainer is free.

    Args:
        user: a trainer or administrator.
        dataset_version: what it learns.
        assistant: whose prompt it learns under; the installation's default one if None.
        base_model: what it starts from; the assistant's base if None.
        settings: those that differ from the defaults for this version.
        parent: the adapter whose weights it goes on from, instead of fresh ones.

    Raises:
        NotAllowed: the person may not train.
        NotFound: there is no such assistant for this person.
        Invalid: a setting out of range (``details["settings"]``), a base model that cannot be
            one (``details["base_model"]``) or is not the parent's, or nothing to train on.
    """
    require(user, Action.RUNS_WRITE)
    assistant = assistant or assistant_get(user=user, slug=django_settings.DEFAULT_ASSISTANT)
    if not dataset_version.counts.get("train"):
        raise Invalid(_("This version holds no training records."), code="nothing_to_train")
    default_base = parent.base_model if parent else assistant.base_model
    base_model = base_model_check(base_model or default_base)
    if parent and parent.base_model != base_model:
        sentence = _("The adapter that the run goes on from was trained on another base model.")
        raise Invalid(sentence, code="parent_differs", base_model=[sentence])
    checked = settings_check(settings or {}, version=dataset_version, parent=parent)
    transaction_lock("training_run_number")
    last: int = TrainingRun.objects.aggregate(last=Max("number"))["last"] or 0
    run = TrainingRun.objects.create(
        number=last + 1,
        dataset_version=dataset_version,
        assistant=assistant,
        base_model=base_model,
        system_prompt=assistant.system_prompt,
        settings=checked,
        parent=parent,
        started_by=user,
    )
    audit_write(
        actor=user,
        action="training_run.start",
        entity=run,
        number=run.number,
        dataset_version=dataset_version.number,
        assistant=assistant.slug,
        base_model=base_model,
        parent=parent.name if parent else None,
    )
    transaction.on_commit(tasks.queue_advance_ask)
    return run


@transaction.atomic
def training_run_stop(*, user: "User", run: TrainingRun) -> TrainingRun:
    """End a run: a waiting one at once, one in progress with a checkpoint.

    Asking again while it stops changes nothing.

    Raises:
        NotAllowed: the person may not stop runs.
        Conflict: it has ended already.
    """
    require(user, Action.RUNS_WRITE)
    now = timezone.now()
    for _try in range(TRIES):
        if run.state == State.STOPPING:
            return run
        if run.state == State.QUEUED:
            to, changes = State.STOPPED, {"finished_at": now, "advice": ""}
        elif run.state == State.RUNNING:
            to, changes = State.STOPPING, {"stop_asked_at": now}
        else:
            break
        if TrainingRun.objects.transition(run.pk, run.state, to, **changes):
            audit_write(actor=user, action="training_run.stop", entity=run, number=run.number)
            publish_state(run)
            publish_queue()
            break
        run.refresh_from_db()
    else:
        raise Conflict(_("The run changes too fast at the moment. Try again."))
    if run.state in {State.SUCCEEDED, State.FAILED, State.STOPPED}:
        raise Conflict(_("This run has ended already."), code="not_running", state=run.state)
    run.refresh_from_db()
    return run


@transaction.atomic
def training_run_resume(*, user: "User", run: TrainingRun) -> TrainingRun:
    """Queue a stopped or failed run again, to go on from its checkpoint.

    Raises:
        NotAllowed: the person may not start runs.
        Conflict: it cannot be resumed.
    """
    require(user, Action.RUNS_WRITE)
    for before in (State.STOPPED, State.FAILED):
        if TrainingRun.objects.filter(resumable=True).transition(
            run.pk, before, State.QUEUED, finished_at=None, error=None, advice="", host=""
        ):
            break
    else:
        raise Conflict(
            _("This run cannot be resumed: only a stopped or failed one with a checkpoint can."),
            code="not_resumable",
            state=run.state,
        )
    audit_write(actor=user, action="training_run.resume", entity=run, number=run.number)
    publish_state(run)
    publish_queue()
    transaction.on_commit(tasks.queue_advance_ask)
    run.refresh_from_db()
    return run
