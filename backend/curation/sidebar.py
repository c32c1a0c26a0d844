"""The inbox in the admin's navigation (named in ``settings.UNFOLD``)."""

from typing import TYPE_CHECKING, Final

from django.urls import reverse
from django.utils.safestring import mark_safe

from backend.accounts.access import acting_user
from backend.accounts.roles import Action, may
from backend.curation.inbox_selectors import inbox_open_count

if TYPE_CHECKING:
    from django.http import HttpRequest

# Every page asks, so nobody counts further.
MOST: Final = 99
# Unfold shows the name of the function where it returns nothing; loredesk-inbox.css hides this.
NO_BADGE: Final = mark_safe('<span class="ld-no-badge"></span>')  # no input in it


def may_work_inbox(request: "HttpRequest") -> bool:
    return may(request.user, Action.RECORDS_WRITE)


def is_inbox(request: "HttpRequest") -> bool:
    return request.path.startswith(reverse("admin:curation_feedbackitem_changelist"))


def is_records(request: "HttpRequest") -> bool:
    """The review of records has an entry of its own."""
    path = request.path
    return path.startswith(reverse("admin:curation_record_changelist")) and not path.startswith(
        reverse("admin:curation_record_review")
    )


def inbox_badge(request: "HttpRequest") -> str:
    """How many items wait."""
    waiting = inbox_open_count(user=acting_user(request), limit=MOST + 1)
    if not waiting:
        return NO_BADGE
    return f"{MOST}+" if waiting > MOST else str(waiting)
