"""A step for very many records, followed to its end; which one it is stands in the address."""

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from backend.accounts.access import acting_user
from backend.accounts.jobs import job_cancel, job_list, job_restart
from backend.common.errors import DomainError
from backend.common.job_runs import said_error
from backend.common.jobs import is_restartable
from backend.curation.admin.own_jobs import own_job
from backend.curation.admin.said import done_sentence, refused_sentences
from backend.curation.services import BulkAction
from backend.curation.services.bulk import KIND
from backend.curation.services.bulk_result import result_of

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse
    from django.utils.safestring import SafeString

    from backend.accounts.models import User
    from backend.common.models import Job

RECENT: Final = 8


def address_of(job: "Job") -> str:
    return f"{reverse('admin:curation_record_bulk')}?{urlencode({'job': str(job.pk)})}"


def waiting_sentence(job: "Job") -> "SafeString":
    """What is said above the list of a step that a worker takes, with the way to its progress."""
    number = job.params["number"]
    sentence = ngettext(
        "“%(action)s” for %(n)s record is done in the background: for all of them or for none.",
        "“%(action)s” for %(n)s records is done in the background: for all of them or for none.",
        number,
    )
    action = BulkAction(job.params["action"]).label
    return format_html(
        '{} <a class="ld-message-link" href="{}">{}</a>',
        sentence % {"action": action, "n": number},
        address_of(job),
        _("Follow it"),
    )


def own_steps(user: "User") -> "QuerySet[Job]":
    return job_list(user=user).filter(owner=user, kind=KIND)


def recent_shown(job: "Job") -> dict[str, Any]:
    """A row of the table of recent steps."""
    return {
        "job": job,
        "action": BulkAction(job.params["action"]).label,
        "number": job.params["number"],
        "changed": (job.result or {}).get("changed"),
        "link": address_of(job),
    }


def bulk_job_page(request: "HttpRequest", model_admin: "ModelAdmin[Any]") -> "HttpResponse":
    """GET shows how far it is and what became of it, POST cancels it or starts it again.

    Without one in the address, the last ones are listed.
    """
    user = acting_user(request)
    context: dict[str, Any] = model_admin.admin_site.each_context(request)
    if "job" not in request.GET:
        recent = [recent_shown(job) for job in own_steps(user)[:RECENT]]
        context |= {"title": _("Your steps for many records"), "recent": recent}
        return TemplateResponse(request, "admin/curation/record/bulk_job.html", context)
    job = own_job(user=user, job_id=request.GET["job"], kind=KIND)
    if request.method == "POST":
        step = job_restart if request.POST.get("step") == "restart" else job_cancel
        try:
            step(actor=user, job_id=job.pk)
        except DomainError as error:
            messages.error(request, error.message)
        return HttpResponseRedirect(address_of(job))
    action = BulkAction(job.params["action"])
    context |= {
        "title": action.label,
        "job": job,
        "number": job.params["number"],
        "progress": {"done": 0, "total": None, **job.progress},
        "error": said_error(job),
        "restartable": is_restartable(job),
        "list_address": reverse("admin:curation_record_changelist"),
    }
    if job.result is not None:
        result = result_of(job.result)
        context |= {
            "done": done_sentence(action, result.done),
            "refused": refused_sentences(result),
        }
    if request.headers.get("HX-Request"):
        return TemplateResponse(request, "admin/curation/record/bulk_job_part.html", context)
    return TemplateResponse(request, "admin/curation/record/bulk_job.html", context)
