"""The admin's first page, its label about four-eyes review, and its search."""

from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from unfold.dataclasses import SearchResult

from backend.accounts.access import acting_user
from backend.accounts.roles import Action, may
from backend.curation.admin.looks import badge, excerpt
from backend.curation.models import Record
from backend.curation.selectors import curation_state, record_list, record_search

if TYPE_CHECKING:
    from django.http import HttpRequest

FOUND: Final = 20


def dashboard(request: "HttpRequest", context: dict[str, Any]) -> dict[str, Any]:
    """Adds what admin/index.html shows (``UNFOLD["DASHBOARD_CALLBACK"]``)."""
    user = acting_user(request)
    state = curation_state(user=user)
    rows = [
        {
            "status": status.value,
            "badge": badge(status.value, status.label),
            "numbers": list(state.by_status[status.value].values()),
            "all": sum(state.by_status[status.value].values()),
        }
        for status in Record.Status
    ]
    return context | {
        "title": _("Overview"),
        "four_eyes": settings.FOUR_EYES,
        "state": state,
        "rows": rows,
        "languages": Record.Language.labels,
        "columns": len(Record.Language) + 2,
        "golden_badge": badge("golden", _("golden")),
        "records_url": reverse("admin:curation_record_changelist"),
        "may_write": may(user, Action.RECORDS_WRITE),
        "may_train": may(user, Action.RUNS_WRITE),
    }


def four_eyes_label(request: "HttpRequest") -> list[str] | None:  # noqa: ARG001
    """In the header of every page while nobody checks anybody (``UNFOLD["ENVIRONMENT"]``)."""
    return None if settings.FOUR_EYES else [_("four-eyes review off"), "warning"]


def search(request: "HttpRequest", words: str) -> list[SearchResult]:
    """Records for the search of the whole admin (``UNFOLD["COMMAND"]``)."""
    found = record_search(record_list(user=acting_user(request)), words)
    return [
        SearchResult(
            title=excerpt(record.instruction, 80),
            description=excerpt(record.output, 80),
            link=reverse("admin:curation_record_change", args=[record.pk]),
            icon="menu_book",
        )
        for record in found[:FOUND]
    ]
