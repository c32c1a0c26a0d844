"""When the list was read from which somebody decides: nobody decides on what they did not see."""

from typing import TYPE_CHECKING, Final

from django import forms
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from unfold.forms import ActionForm

if TYPE_CHECKING:
    import datetime

    from django.http import QueryDict

SEEN_AT: Final = "seen_at"


class SeenActionForm(ActionForm):  # type: ignore[misc]  # Unfold has no types
    """The actions of a list, and the moment at which the list was read."""

    # A browser that fills forms in again would keep an older moment.
    seen_at = forms.CharField(
        label="", required=False, widget=forms.HiddenInput(attrs={"autocomplete": "off"})
    )


def seen_at_of(given: "QueryDict") -> "datetime.datetime | None":
    """The moment that a form names; None where it names none that there was."""
    try:
        seen_at = parse_datetime(given.get(SEEN_AT, "")[:40])
    except ValueError:
        return None
    if seen_at is None or timezone.is_naive(seen_at) or seen_at > timezone.now():
        return None
    return seen_at
