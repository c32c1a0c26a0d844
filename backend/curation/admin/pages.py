"""Pages of a long list: the ids of one page first, from an index alone, then their rows."""

from typing import TYPE_CHECKING, Any

from django.core.paginator import Page

if TYPE_CHECKING:
    from django.core.paginator import Paginator

    Base = Paginator[Any]
else:
    from django.core.paginator import Paginator as Base


class RowsLast(Base):
    """Whoever skips to page 1,500 reads no row of the pages before."""

    def page(self, number: int | str) -> "Page[Any]":
        number = self.validate_number(number)
        first = (number - 1) * self.per_page
        ids = list(self.object_list.values_list("pk", flat=True)[first : first + self.per_page])
        return self._get_page(self.object_list.filter(pk__in=ids), number, self)
