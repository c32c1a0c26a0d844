"""Filters kept under a name: chips above the list, and what their buttons do."""

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import HttpResponseNotAllowed, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from backend.accounts.access import acting_user
from backend.accounts.roles import Action, may
from backend.common.errors import DomainError
from backend.curation import services
from backend.curation.selectors import saved_filter_get, saved_filter_list
from backend.curation.services.saved_filters import NO_FILTER

if TYPE_CHECKING:
    from uuid import UUID

    from django.contrib.admin import ModelAdmin
    from django.http import HttpRequest, HttpResponse

    from backend.accounts.models import User


def chips(request: "HttpRequest") -> dict[str, Any]:
    """What before_list.html shows: the person's filters, and whether there is one to keep."""
    user = acting_user(request)
    present = parts(request.GET.urlencode())
    saved_filters = [
        {
            "saved": saved,
            "link": f"?{saved.query}",
            "chosen": parts(saved.query) == present,
            "own": saved.owner_id == user.pk,
            "may_delete": saved.owner_id == user.pk or may(user, Action.PEOPLE_MANAGE),
        }
        for saved in saved_filter_list(user=user)
    ]
    is_kept = any(chip["own"] and chip["chosen"] for chip in saved_filters)
    return {
        "saved_filters": saved_filters,
        "filter_to_keep": request.GET.urlencode() if present and not is_kept else "",
        "may_share": may(user, Action.RECORDS_WRITE),
    }


def parts(query: str) -> list[tuple[str, list[str]]]:
    """A filter without its order of writing, and without the page."""
    values = QueryDict(query).lists()
    return sorted((name, sorted(v)) for name, v in values if name not in NO_FILTER)


def saved_filters_page(request: "HttpRequest", model_admin: "ModelAdmin[Any]") -> "HttpResponse":  # noqa: ARG001
    """Keeps the present filter."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    query = request.POST.get("query", "")
    try:
        saved = services.saved_filter_create(
            actor=acting_user(request),
            name=request.POST.get("name", ""),
            query=query,
            shared="shared" in request.POST,
        )
    except DomainError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("Kept as “%(name)s”.") % {"name": saved.name})
        query = saved.query
    return back(query)


def saved_filter_page(
    request: "HttpRequest",
    model_admin: "ModelAdmin[Any]",  # noqa: ARG001
    filter_id: "UUID",
) -> "HttpResponse":
    """Renames, shares or removes one."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    user = acting_user(request)
    try:
        change(request, user, filter_id)
    except DomainError as error:
        messages.error(request, error.message)
    return back(request.POST.get("query", ""))


def change(request: "HttpRequest", user: "User", filter_id: "UUID") -> None:
    saved = saved_filter_get(user=user, filter_id=filter_id)
    if "delete" in request.POST:
        services.saved_filter_delete(actor=user, saved=saved)
        messages.success(request, _("“%(name)s” is deleted.") % {"name": saved.name})
        return
    shared = "shared" in request.POST
    services.saved_filter_change(
        actor=user,
        saved=saved,
        name=request.POST.get("name"),
        shared=shared if shared != saved.shared else None,
    )


def back(query: str) -> "HttpResponse":
    """To the list under this filter; only parameters, so that it leads nowhere else."""
    kept = QueryDict(query.lstrip("?")).urlencode()
    address = reverse("admin:curation_record_changelist")
    return HttpResponseRedirect(f"{address}?{kept}" if kept else address)
