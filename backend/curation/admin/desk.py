"""Pages beside the list and the form: review, history, similar records, saved filters."""

from functools import wraps
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseRedirect
from django.urls import reverse

from backend.accounts.role_admin import RoleAdmin
from backend.accounts.roles import Action, may
from backend.common.errors import DomainError
from backend.curation.admin.bulk_job_page import bulk_job_page
from backend.curation.admin.compare_page import compare_page
from backend.curation.admin.freeze_part import freeze_part
from backend.curation.admin.review_page import review_page
from backend.curation.admin.saved_filters import saved_filter_page, saved_filters_page
from backend.curation.admin.similar_part import similar_part

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

    from backend.curation.models import Record

    View = Callable[..., HttpResponse]


def page_for(action: Action, view: "View") -> "View":
    """The view for those who may; what a service refuses becomes a message above the list."""

    @wraps(view)
    def checked(request: "HttpRequest", **arguments: Any) -> "HttpResponse":
        if not may(request.user, action):
            raise PermissionDenied
        try:
            return view(request, **arguments)
        except DomainError as error:
            messages.error(request, error.message)
            return HttpResponseRedirect(reverse("admin:curation_record_changelist"))

    return checked


class RecordDesk(RoleAdmin):
    def get_custom_urls(self) -> "tuple[tuple[str, str, View], ...]":
        pages: dict[str, tuple[Action, View]] = {
            "review": (Action.RECORDS_APPROVE, review_page),
            "bulk": (Action.RECORDS_READ, bulk_job_page),
            "freeze-part": (Action.VERSIONS_FREEZE, freeze_part),
            "similar": (Action.RECORDS_READ, similar_part),
            "saved-filters": (Action.RECORDS_READ, saved_filters_page),
            "saved-filters/<uuid:filter_id>": (Action.RECORDS_READ, saved_filter_page),
            "<uuid:record_id>/compare": (Action.RECORDS_READ, compare_page),
        }
        names = (
            "review",
            "bulk",
            "freeze_part",
            "similar",
            "saved_filters",
            "saved_filter",
            "compare",
        )
        return (
            *super().get_custom_urls(),
            *(
                (f"{path}/", f"curation_record_{name}", page_for(action, view))
                for name, (path, (action, view)) in zip(names, pages.items(), strict=True)
            ),
        )

    def response_post_save_change(
        self, request: "HttpRequest", obj: "Record"
    ) -> HttpResponseRedirect:
        """Whoever came from the review goes back there."""
        if request.GET.get("from") == "review" and may(request.user, Action.RECORDS_APPROVE):
            at = f"?record={obj.pk}" if obj.status == obj.Status.IN_REVIEW else ""
            return HttpResponseRedirect(reverse("admin:curation_record_review") + at)
        return super().response_post_save_change(request, obj)
