"""Unfold works out a list's headings once for each row; here once for each list."""

from functools import wraps
from typing import TYPE_CHECKING, Any, Final

from unfold.templatetags import unfold_list

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.contrib.admin.views.main import ChangeList

    Headings = Callable[[ChangeList], Iterator[dict[str, Any]]]

KEPT: Final = "headings_kept"


def once_for_each_list(headings: "Headings") -> "Headings":
    """The same headings, kept with the list that they are of: one lives for one request."""

    @wraps(headings)
    def kept(cl: "ChangeList") -> "Iterator[dict[str, Any]]":
        if KEPT not in cl.__dict__:
            cl.__dict__[KEPT] = list(headings(cl))
        yield from cl.__dict__[KEPT]

    return kept


def install() -> None:
    """A sixth of the time of the list of records is theirs; Unfold offers no other way in."""
    if not hasattr(unfold_list.result_headers, "__wrapped__"):
        unfold_list.result_headers = once_for_each_list(unfold_list.result_headers)
