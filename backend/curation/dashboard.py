"""The admin's first page, its label about four-eyes review, and its search."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from unfold.dataclasses import SearchResult

from backend.accounts.access import acting_user
from backend.accounts.roles import Action, may
from backend.curation.admin.looks import badge, excerpt
from backend.curation.findings.selectors import approved_with_errors
from backend.curation.inbox_selectors import inbox_open_count
from backend.curation.models import Record
from backend.curation.selectors import record_list, record_search
from backend.curation.standing import curation_state, own_work, recent_activity

if TYPE_CHECKING:
    from django.http import HttpRequest

    from backend.accounts.models import User
    from backend.curation.standing import CurationState

FOUND: Final = 20
Status = Record.Status


@dataclass(frozen=True)
class Task:
    """One line of what is to do: how many, of what, and where it is done."""

    number: int
    sentence: str
    link: str


def tasks(user: "User", state: "CurationState") -> list[Task]:
    """What waits for this person, the most pressing first; lines without anything are left out."""
    work = own_work(user=user)
    lines = []
    if may(user, Action.RECORDS_APPROVE):
        number = state.waiting - work.in_review if settings.FOUR_EYES else state.waiting
        waits = ngettext("record waits for your review", "records wait for your review", number)
        lines.append(Task(number, waits, reverse("admin:curation_record_review")))
    if may(user, Action.RECORDS_WRITE):
        wrong = approved_with_errors(user=user)
        reported = inbox_open_count(user=user)
        lines += [
            Task(
                wrong,
                ngettext("approved record has an error", "approved records have errors", wrong),
                records_url(status__exact=Status.APPROVED, severity="error"),
            ),
            Task(
                reported,
                ngettext("report waits in the inbox", "reports wait in the inbox", reported),
                reverse("admin:curation_feedbackitem_changelist") + "?state__exact=open",
            ),
            Task(
                work.rejected,
                ngettext(
                    "record of yours was sent back",
                    "records of yours were sent back",
                    work.rejected,
                ),
                records_url(status__exact=Status.REJECTED, written_by="me"),
            ),
            Task(
                work.drafts,
                ngettext(
                    "draft of yours is not submitted yet",
                    "drafts of yours are not submitted yet",
                    work.drafts,
                ),
                records_url(status__exact=Status.DRAFT, written_by="me"),
            ),
            Task(
                work.in_review,
                ngettext(
                    "record of yours waits for somebody’s review",
                    "records of yours wait for somebody’s review",
                    work.in_review,
                ),
                records_url(status__exact=Status.IN_REVIEW, written_by="me"),
            ),
        ]
    return [line for line in lines if line.number > 0]


def dashboard(request: "HttpRequest", context: dict[str, Any]) -> dict[str, Any]:
    """Adds what admin/index.html shows (``UNFOLD["DASHBOARD_CALLBACK"]``)."""
    user = acting_user(request)
    state = curation_state(user=user)
    return context | {
        "title": _("Overview"),
        "four_eyes": settings.FOUR_EYES,
        "state": state,
        "rows": [row_of(status, state) for status in Status],
        "languages": Record.Language.labels,
        "columns": len(Record.Language) + 2,
        "golden_badge": badge("golden", _("golden")),
        "records_url": records_url(),
        "tasks": tasks(user, state),
        "activity": recent_activity(user=user),
        "may_write": may(user, Action.RECORDS_WRITE),
        "may_review": may(user, Action.RECORDS_APPROVE),
        "may_train": may(user, Action.RUNS_WRITE),
    }


def row_of(status: Record.Status, state: "CurationState") -> dict[str, Any]:
    """One line of the table: each number with the list that it counts."""
    numbers = state.by_status[status.value]
    return {
        "badge": badge(status.value, status.label),
        "link": records_url(status__exact=status),
        "numbers": [
            (number, records_url(status__exact=status, language__exact=language))
            for language, number in numbers.items()
        ],
        "all": sum(numbers.values()),
    }


def records_url(**filters: str) -> str:
    """The list of records under these filters."""
    address = reverse("admin:curation_record_changelist")
    query = urlencode({name: str(value) for name, value in filters.items()})
    return f"{address}?{query}" if query else address


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
