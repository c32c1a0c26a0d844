"""The list of one's own records, or of everybody else's."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backend.accounts.access import acting_user

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest

    from backend.curation.models import Record


class WrittenByFilter(admin.SimpleListFilter):
    title = gettext_lazy("author")
    parameter_name = "written_by"

    def lookups(
        self,
        request: "HttpRequest",  # noqa: ARG002
        model_admin: "admin.ModelAdmin[Any]",  # noqa: ARG002
    ) -> list[tuple[str, str]]:
        return [("me", _("me")), ("others", _("others"))]

    def queryset(self, request: "HttpRequest", queryset: "QuerySet[Record]") -> "QuerySet[Record]":
        user = acting_user(request)
        match self.value():
            case "me":
                return queryset.filter(author=user)
            case "others":
                return queryset.filter(~Q(author=user) | Q(author=None))
            case _:
                return queryset
