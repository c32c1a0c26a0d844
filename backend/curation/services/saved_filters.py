"""Filters of the record list that people keep: their own to name, share and remove."""

from typing import TYPE_CHECKING, Any, Final

from django.db import IntegrityError, transaction
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _

from backend.accounts.roles import Action, may, require
from backend.common.errors import Conflict, Invalid, NotAllowed
from backend.curation.models import SavedFilter

if TYPE_CHECKING:
    from backend.accounts.models import User

MAX_NAME: Final = 60
MAX_QUERY: Final = 2000
MAX_FILTERS: Final = 100  # of one person
# Where somebody is in the list, not what it shows.
NO_FILTER: Final = frozenset({"p", "all", "e", "_popup", "_to_field", "_changelist_filters"})


def saved_filter_create(
    *, actor: "User", name: str, query: str, shared: bool = False
) -> SavedFilter:
    """Keep what the list shows under a name.

    Args:
        actor: its owner.
        name: how the owner calls it; each once.
        query: the query string of the list's address.
        shared: whether everybody sees it who works with records.

    Raises:
        NotAllowed: the person may not read records, or may not write them and wants to share.
        Invalid: there is no name, nothing is filtered, or either is too long.
        Conflict: the person has one of this name, or very many.
    """
    require(actor, Action.RECORDS_WRITE if shared else Action.RECORDS_READ)
    kept = SavedFilter(
        owner=actor, name=_name_check(name), query=_query_check(query), shared=shared
    )
    if SavedFilter.objects.filter(owner=actor).count() >= MAX_FILTERS:
        raise Conflict(
            _("You keep %(limit)s filters already. Delete one first.") % {"limit": MAX_FILTERS},
            code="too_many_filters",
        )
    try:
        with transaction.atomic():
            kept.save(force_insert=True)
    except IntegrityError as error:
        raise _taken(kept.name) from error
    return kept


def saved_filter_change(
    *, actor: "User", saved: SavedFilter, name: str | None = None, shared: bool | None = None
) -> SavedFilter:
    """Rename, share or no longer share one's own filter.

    Raises:
        NotAllowed: it is somebody else's, or the person may not write records and wants to share.
        Invalid: the name is empty or too long.
        Conflict: the person has another one of this name.
    """
    require(actor, Action.RECORDS_WRITE if shared else Action.RECORDS_READ)
    _require_owner(actor, saved)
    values: dict[str, str | bool] = {}
    if name is not None:
        values["name"] = _name_check(name)
    if shared is not None:
        values["shared"] = shared
    try:
        with transaction.atomic():
            SavedFilter.objects.filter(pk=saved.pk).update(**values, updated_at=timezone.now())
    except IntegrityError as error:
        raise _taken(str(values["name"])) from error
    for field, value in values.items():
        setattr(saved, field, value)
    return saved


def saved_filter_delete(*, actor: "User", saved: SavedFilter) -> None:
    """Remove one's own filter; who manages people may remove shared ones of others.

    Raises:
        NotAllowed: it is somebody else's.
    """
    require(actor, Action.RECORDS_READ)
    if not (saved.shared and may(actor, Action.PEOPLE_MANAGE)):
        _require_owner(actor, saved)
    saved.delete()


def _require_owner(actor: "User", saved: SavedFilter) -> None:
    if saved.owner_id != actor.pk:
        raise NotAllowed(_("This filter is somebody else's."))


def _name_check(name: str) -> str:
    name = " ".join(name.split())
    if not name:
        raise _wrong("name", _("Give the filter a name."))
    if len(name) > MAX_NAME or "\0" in name:
        raise _wrong(
            "name", _("The name is longer than %(limit)s characters.") % {"limit": MAX_NAME}
        )
    return name


def _query_check(query: str) -> str:
    if len(query) > MAX_QUERY:
        raise _wrong("query", _("The filter is too long to be kept."))
    given = QueryDict(query.lstrip("?"), mutable=True)
    for parameter in [name for name in given if name in NO_FILTER]:
        del given[parameter]
    kept = "&".join(sorted(given.urlencode().split("&")))
    if not kept or "%00" in kept:
        raise _wrong("query", _("Nothing is filtered that could be kept."))
    if len(kept) > MAX_QUERY:
        raise _wrong("query", _("The filter is too long to be kept."))
    return kept


def _wrong(field: str, sentence: str) -> Invalid:
    details: dict[str, Any] = {field: [sentence]}  # Any: as DomainError takes them
    return Invalid(sentence, **details)


def _taken(name: str) -> Conflict:
    return Conflict(
        _("You have a filter called “%(name)s” already.") % {"name": name}, code="name_taken"
    )
