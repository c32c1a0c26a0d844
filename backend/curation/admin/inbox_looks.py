"""Badges of the inbox pages: word, icon and colour together."""

from typing import TYPE_CHECKING, Final

from django.utils.html import format_html

from backend.curation.models import FeedbackItem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.utils.safestring import SafeString

State = FeedbackItem.State
Rating = FeedbackItem.Rating

# Names of Material Symbols; the colours stand in loredesk-inbox.css.
ICONS: "Final[Mapping[str, str]]" = {
    State.OPEN: "inbox",
    State.DRAFTED: "edit_note",
    State.HANDLED: "task_alt",
    Rating.UP: "thumb_up",
    Rating.DOWN: "thumb_down",
}


def rating_badge(item: FeedbackItem) -> "SafeString":
    return _badge(item.rating, item.get_rating_display())


def state_badge(item: FeedbackItem) -> "SafeString":
    """Of a drafted one, what its record is now."""
    word = item.outcome.label if item.state == State.DRAFTED else item.get_state_display()
    return _badge(item.state, word)


def _badge(kind: str, word: object) -> "SafeString":
    return format_html(
        '<span class="ld-badge ld-badge-{}">'
        '<span class="material-symbols-outlined" aria-hidden="true">{}</span>{}</span>',
        kind,
        ICONS[kind],
        word,
    )
