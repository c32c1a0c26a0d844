"""Work on an adapter: asked for by whatever needs it, done by a trainer in its turn."""

from typing import TYPE_CHECKING, Any, Final

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from backend.accounts.roles import Action, require
from backend.common.audit import audit_write
from backend.common.errors import Conflict
from backend.curation.locks import transaction_lock
from backend.training import tasks
from backend.training.models import AdapterJob

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backend.accounts.models import User
    from backend.training.models import Adapter

Kind = AdapterJob.Kind
State = AdapterJob.State

# What somebody must be allowed to do to ask for a job of a kind, or to stop one.
NEEDED: Final = {Kind.EVALUATE: Action.RUNS_WRITE, Kind.EXPORT: Action.ADAPTERS_EXPORT}


@transaction.atomic
def adapter_job_start(
    *, user: "User", adapter: "Adapter", kind: AdapterJob.Kind, request: "Mapping[str, Any]"
) -> AdapterJob:
    """Queue a job on an adapter; it starts when a device is free.

    Args:
        user: who may do what ``NEEDED`` says.
        adapter: what it works on.
        kind: of job.
        request: what the process is to know beside what every job is given (``launch``).

    Raises:
        NotAllowed: the person may not.
        Conflict: a job of this kind waits or runs for this adapter already.
    """
    require(user, NEEDED[kind])
    transaction_lock("adapter_job_number")
    unfinished = AdapterJob.objects.filter(
        adapter=adapter, kind=kind, state__in=[State.QUEUED, *AdapterJob.ACTIVE]
    )
    if unfinished.exists():
        raise Conflict(
            _("This is being done for the adapter already. Wait until it has ended, or stop it."),
            code="already_under_way",
        )
    last: int = AdapterJob.objects.aggregate(last=Max("number"))["last"] or 0
    job = AdapterJob.objects.create(
        number=last + 1, adapter=adapter, kind=kind, request=dict(request), started_by=user
    )
    audit_write(
        actor=user,
        action=f"adapter.{kind.value}",
        entity=adapter,
        adapter=adapter.name,
        number=job.number,
    )
    transaction.on_commit(tasks.queue_advance_ask)
    return job


@transaction.atomic
def adapter_job_stop(*, user: "User", job: AdapterJob) -> AdapterJob:
    """End a job: a waiting one at once, one in progress as soon as its process has noticed.

    Asking again while it stops changes nothing.

    Raises:
        NotAllowed: the person may not.
        Conflict: it has ended already.
    """
    require(user, NEEDED[Kind(job.kind)])
    now = timezone.now()
    for before, to, changes in (
        (State.QUEUED, State.STOPPED, {"finished_at": now, "advice": ""}),
        (State.RUNNING, State.STOPPING, {"stop_asked_at": now}),
    ):
        if AdapterJob.objects.transition(job.pk, before, to, **changes):
            audit_write(
                actor=user,
                action=f"adapter.{job.kind}.stop",
                entity=job.adapter,
                adapter=job.adapter.name,
                number=job.number,
            )
            break
    job.refresh_from_db()
    if job.state in {State.SUCCEEDED, State.FAILED}:
        raise Conflict(_("This has ended already."), code="not_running", state=job.state)
    return job
