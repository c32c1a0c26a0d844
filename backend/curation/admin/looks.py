"""Badges and excerpts of the record pages. Status is word, icon and colour together."""

from typing import TYPE_CHECKING, Final

from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from backend.curation.models import Record
from backend.curation.services.import_rows import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from django.utils.safestring import SafeString

    from backend.curation.differences import Piece

# Names of Material Symbols, which Unfold brings along; the colours stand in loredesk-admin.css.
ICONS: "Final[Mapping[str, str]]" = {
    Record.Status.DRAFT: "edit_note",
    Record.Status.IN_REVIEW: "rate_review",
    Record.Status.APPROVED: "check_circle",
    Record.Status.REJECTED: "cancel",
    Record.Status.ARCHIVED: "inventory_2",
    Outcome.NEW: "add_circle",
    Outcome.DUPLICATE: "content_copy",
    Outcome.CONFLICT: "call_split",
    Outcome.INVALID: "error",
    "golden": "star",
}

# In a cell that has nothing to say; a phone leaves its line out (loredesk-phone.css).
NOTHING: Final = mark_safe('<span class="ld-none">-</span>')


def badge(kind: str, word: object, title: object = "") -> "SafeString":
    return format_html(
        '<span class="ld-badge ld-badge-{}" title="{}">'
        '<span class="material-symbols-outlined" aria-hidden="true">{}</span>{}</span>',
        kind,
        title,
        ICONS[kind],
        word,
    )


def status_badges(record: Record) -> "SafeString":
    """The status and, in amber, whether the record is golden."""
    status = badge(record.status, record.get_status_display(), record.review_note)
    if not record.golden:
        return status
    golden = badge("golden", _("golden"), _("Kept out of training; asked in every evaluation."))
    return format_html('<span class="ld-badges">{}{}</span>', status, golden)


def question_and_answer(record: Record) -> "SafeString":
    if record.erased_at is not None:
        return format_html('<span class="ld-question">{}</span>', _("erased"))
    return format_html(
        '<span class="ld-question">{}</span><span class="ld-answer">{}</span>',
        excerpt(record.instruction),
        excerpt(record.output),
    )


def tag_list(record: Record) -> "SafeString":
    tags = format_html_join("", '<span class="ld-tag">{}</span>', ((tag,) for tag in record.tags))
    return format_html('<span class="ld-tags">{}</span>', tags)


def moment(at: "datetime") -> "SafeString":
    """Day and minute, alike in every language."""
    shown = f"{localtime(at):%Y-%m-%d %H:%M}"
    return format_html('<time class="ld-time" datetime="{}">{}</time>', at.isoformat(), shown)


def moment_and_author(record: Record) -> "SafeString":
    """When it was last changed, and under it who wrote it."""
    author = format_html('<span class="ld-by">{}</span>', record.author) if record.author else ""
    return format_html("<span>{}{}</span>", moment(record.updated_at), author)


def paragraphs(texts: list[str]) -> "SafeString":
    return format_html_join("", '<p class="ld-paragraph">{}</p>', ((text,) for text in texts))


def pieces_shown(pieces: "list[Piece]", around: int = 24, longest: int = 240) -> "SafeString":
    """A difference in a few lines: what stayed the same is shown only around the changes."""
    shown = []
    for number, piece in enumerate(pieces):
        text = piece.text
        if piece.kind == "same":
            before = text[:around] if number else ""
            after = text[-around:] if number < len(pieces) - 1 else ""
            whole = len(text) <= len(before) + len(after)
            shown.append(format_html("{}", text if whole else f"{before}…{after}"))
        else:
            text = text if len(text) <= longest else text[:longest].rstrip() + "…"
            form = "<ins>{}</ins>" if piece.kind == "added" else "<del>{}</del>"
            shown.append(format_html(form, text))
    return format_html_join("", "{}", ((part,) for part in shown))


def excerpt(text: str, characters: int = 160) -> str:
    """The beginning of a text, on one line."""
    line = " ".join(text[: characters * 2].split())
    return line if len(line) <= characters else line[:characters].rstrip() + "…"
