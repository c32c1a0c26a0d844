"""Query parameters of the record list and the export."""

from typing import TYPE_CHECKING

import django_filters
from django.utils.translation import gettext_lazy as _

from backend.curation.models import DatasetVersionItem, Record
from backend.curation.selectors import record_search

if TYPE_CHECKING:
    from django.db.models import QuerySet


class RecordFilter(django_filters.FilterSet):
    status = django_filters.MultipleChoiceFilter(choices=Record.Status.choices)
    language = django_filters.ChoiceFilter(choices=Record.Language.choices)
    golden = django_filters.BooleanFilter()
    tag = django_filters.CharFilter(method="with_tag", max_length=60)
    q = django_filters.CharFilter(
        method="with_words", max_length=200, label=_("every word, in question, answer or tags")
    )

    class Meta:
        model = Record
        fields = ("status", "language", "golden", "tag", "q")

    def with_tag(self, records: "QuerySet[Record]", _name: str, tag: str) -> "QuerySet[Record]":
        return records.filter(tags__contains=[tag])

    def with_words(self, records: "QuerySet[Record]", _name: str, text: str) -> "QuerySet[Record]":
        return record_search(records, text)


class ItemFilter(django_filters.FilterSet):
    split = django_filters.ChoiceFilter(choices=DatasetVersionItem.Split.choices)

    class Meta:
        model = DatasetVersionItem
        fields = ("split",)
