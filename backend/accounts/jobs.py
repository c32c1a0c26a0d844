"""Who sees and ends long work: its owner, and who manages people (administrators)."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from backend.accounts.roles import Action, may
from backend.common import jobs
from backend.common.errors import NotFound
from backend.common.models import Job

if TYPE_CHECKING:
    import uuid

    from django.db.models import QuerySet

    from backend.accounts.models import User


def job_list(*, user: "User") -> "QuerySet[Job]":
    """The person's own jobs, newest first; everybody's for those who manage people."""
    every = Job.objects.select_related("owner")
    return every if may(user, Action.PEOPLE_MANAGE) else every.filter(owner=user)


def job_get(*, user: "User", job_id: "uuid.UUID") -> Job:
    """One of the jobs that the person may see.

    Raises:
        NotFound: there is none, or it is somebody else's.
    """
    job = job_list(user=user).filter(pk=job_id).first()
    if job is None:
        raise NotFound(_("There is no such task."))
    return job


def job_cancel(*, actor: "User", job_id: "uuid.UUID") -> Job:
    """End a job that waits, or ask a running one to stop.

    Raises:
        NotFound: there is none that the person may see.
        Conflict: it has ended.
    """
    return jobs.job_cancel(job=job_get(user=actor, job_id=job_id))


def job_restart(*, actor: "User", job_id: "uuid.UUID") -> Job:
    """Start a job again that ended only because its worker did.

    Raises:
        NotFound: there is none that the person may see.
        Conflict: it did not end that way.
    """
    return jobs.job_restart(job=job_get(user=actor, job_id=job_id))
