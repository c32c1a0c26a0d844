"""Long work on the pages of those who asked for it."""

import uuid
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from backend.accounts.jobs import job_get
from backend.common.errors import Invalid

if TYPE_CHECKING:
    from backend.accounts.models import User
    from backend.common.models import Job


def own_job(*, user: "User", job_id: str, kind: str) -> "Job":
    """A job of that kind that an address names; everybody's own.

    Raises:
        NotFound: there is none for this person.
        Invalid: no id, or a job of somebody else or of another kind.
    """
    try:
        key = uuid.UUID(job_id)
    except ValueError as error:
        raise Invalid(_("There is no such task."), code="not_found") from error
    job = job_get(user=user, job_id=key)
    if job.owner_id != user.pk or job.kind != kind:
        raise Invalid(_("There is no such task."), code="not_found")
    return job
