"""What is said after a step for many records."""

from typing import TYPE_CHECKING

from django.utils.translation import ngettext

from backend.curation.services import BulkAction

if TYPE_CHECKING:
    from backend.curation.services import BulkResult


def done_sentence(action: BulkAction, number: int) -> str:
    """How many records changed."""
    return sentence(action, number) % {"n": number}


def refused_sentences(result: "BulkResult") -> list[str]:
    """How many did not, with the reason, one for each."""
    said = []
    for refusal, number in result.refused.items():
        left = ngettext(
            "%(n)s record is unchanged: %(reason)s",
            "%(n)s records are unchanged: %(reason)s",
            number,
        )
        said.append(left % {"n": number, "reason": refusal.sentence})
    return said


def sentence(action: BulkAction, n: int) -> str:
    """What was done, with ``%(n)s`` for how many."""
    match action:
        case BulkAction.APPROVE:
            return ngettext("%(n)s record approved.", "%(n)s records approved.", n)
        case BulkAction.REJECT:
            return ngettext("%(n)s record rejected.", "%(n)s records rejected.", n)
        case BulkAction.SUBMIT:
            return ngettext(
                "%(n)s record submitted for review.", "%(n)s records submitted for review.", n
            )
        case BulkAction.ARCHIVE:
            return ngettext("%(n)s record archived.", "%(n)s records archived.", n)
        case BulkAction.TAG | BulkAction.UNTAG:
            return ngettext(
                "The tags of %(n)s record changed.", "The tags of %(n)s records changed.", n
            )
        case BulkAction.GOLDEN:
            return ngettext("%(n)s record is golden now.", "%(n)s records are golden now.", n)
        case _:
            return ngettext(
                "%(n)s record is no longer golden.", "%(n)s records are no longer golden.", n
            )
