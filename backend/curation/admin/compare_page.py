"""The history of a record: any two forms side by side, and each of them can come back."""

from typing import TYPE_CHECKING, Any, Final

from django.contrib import messages
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from backend.accounts.access import acting_user
from backend.accounts.roles import Action, may
from backend.curation import services
from backend.curation.admin.looks import excerpt, status_badges
from backend.curation.admin.review_page import number_of
from backend.curation.content import content_from
from backend.curation.differences import content_differences
from backend.curation.selectors import record_get, revision_get, revision_list

if TYPE_CHECKING:
    from uuid import UUID

    from django.contrib.admin import ModelAdmin
    from django.http import HttpRequest, HttpResponse

SHOWN: Final = 100


def compare_page(
    request: "HttpRequest", model_admin: "ModelAdmin[Any]", record_id: "UUID"
) -> "HttpResponse":
    """GET compares two revisions (``?from=&to=``), POST brings one back."""
    user = acting_user(request)
    record = record_get(user=user, record_id=record_id)
    if request.method == "POST":
        number = number_of(request.POST.get("number", ""))
        restored = services.record_restore(
            actor=user,
            record=record,
            number=number,
            revision=number_of(request.POST.get("revision", "")),
        )
        done = _("What revision %(number)s said is back, as revision %(now)s.")
        messages.success(request, done % {"number": number, "now": restored.revision})
        return HttpResponseRedirect(reverse("admin:curation_record_change", args=[record_id]))
    newer = number_of(request.GET.get("to", "")) or record.revision
    older = number_of(request.GET.get("from", "")) or max(newer - 1, 1)
    before, after = (
        content_from(revision_get(user=user, record_id=record_id, number=number).content)
        for number in (older, newer)
    )
    revisions = list(revision_list(user=user, record_id=record_id)[:SHOWN])
    context = {
        **model_admin.admin_site.each_context(request),
        "title": excerpt(record.instruction, 60),
        "subtitle": _("History"),
        "record": record,
        "badges": status_badges(record),
        "revisions": revisions,
        "more": max(0, record.revision - len(revisions)),
        "older": older,
        "newer": newer,
        "differences": content_differences(before, after),
        "may_write": may(user, Action.RECORDS_WRITE),
        "back": reverse("admin:curation_record_change", args=[record_id]),
    }
    return TemplateResponse(request, "admin/curation/record/compare.html", context)
