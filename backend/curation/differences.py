"""What differs between two contents: field by field, word by word, in Chinese and in English."""

from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, Final, Literal

from django.utils.translation import gettext as _

from backend.common.words import cut
from backend.curation.content import NAMES
from backend.curation.models import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ml.formats import RecordFields

Kind = Literal["same", "removed", "added"]
# Two texts of this many words each are compared in about a tenth of a second; longer ones are
# compared by lines first, and lines that are longer still as wholes.
MAX_WORDS: Final = 2000


@dataclass(frozen=True)
class Piece:
    """A run of characters that both texts have, or one of them."""

    kind: Kind
    text: str


@dataclass(frozen=True)
class FieldDifference:
    """A field that differs, as texts and in pieces."""

    field: str
    label: str
    before: str
    after: str
    pieces: list[Piece]


def content_differences(before: "RecordFields", after: "RecordFields") -> list[FieldDifference]:
    """The fields that differ, in the order of the form."""
    differences = []
    for name in NAMES:
        then, now = getattr(before, name), getattr(after, name)
        if then != now:
            texts = shown(then), shown(now)
            pieces = text_differences(*texts)
            differences.append(FieldDifference(name, label(name), *texts, pieces))
    return differences


def text_differences(before: str, after: str) -> list[Piece]:
    """Both texts in pieces: same and removed are the first one, same and added the second."""
    words = cut(before), cut(after)
    if max(map(len, words)) <= MAX_WORDS:
        return _joined(_compared(*words))
    lines = before.splitlines(keepends=True), after.splitlines(keepends=True)
    return _joined(_compared(*lines, within=_by_words))


def _by_words(before: str, after: str) -> list[Piece]:
    words = cut(before), cut(after)
    if max(map(len, words)) <= MAX_WORDS:
        return _compared(*words)
    return [Piece("removed", before), Piece("added", after)]


def _compared(
    before: "Sequence[str]",
    after: "Sequence[str]",
    within: "Callable[[str, str], list[Piece]] | None" = None,
) -> list[Piece]:
    pieces: list[Piece] = []
    for tag, i, j, k, m in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        gone, new = "".join(before[i:j]), "".join(after[k:m])
        if tag == "equal":
            pieces.append(Piece("same", gone))
        elif within is not None and gone and new:
            pieces += within(gone, new)
        else:
            pieces += [Piece("removed", gone), Piece("added", new)]
    return pieces


def _joined(pieces: list[Piece]) -> list[Piece]:
    """Without empty pieces, and with neighbours of one kind as one."""
    joined: list[Piece] = []
    for piece in pieces:
        if joined and joined[-1].kind == piece.kind:
            joined[-1] = Piece(piece.kind, joined[-1].text + piece.text)
        elif piece.text:
            joined.append(piece)
    return joined


def label(name: str) -> str:
    """What people call a field."""
    return str(getattr(Record._meta.get_field(name), "verbose_name", name))


def shown(value: Any) -> str:  # Any: a value of some field
    """A field's value as a text: a line for each entry of a list."""
    match value:
        case True:
            return _("yes")
        case False:
            return _("no")
        case tuple():
            return "\n".join(" → ".join(v) if isinstance(v, tuple) else v for v in value)
        case _:
            return str(value)
