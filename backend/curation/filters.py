"""Query parameters of the record list and the export."""

from typing import TYPE_CHECKING

import django_filters
from django.utils.translation import gettext_lazy as _

from backend.curation.findings.kinds import KINDS
from backend.curation.findings.selectors import SEVERITIES, with_finding, with_severity
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

    finding = django_filters.ChoiceFilter(
        method="with_finding",
        choices=[(code, code) for code in KINDS],
        label=_("has a finding of this kind"),
    )
    severity = django_filters.ChoiceFilter(
        method="with_severity",
        choices=[(name, name) for name in (*SEVERITIES, "none")],
        label=_("severity of the worst finding"),
    )

    class Meta:
        model = Record
        fields = ("status", "language", "golden", "tag", "q", "finding", "severity")

    def with_tag(self, records: "QuerySet[Record]", _name: str, tag: str) -> "QuerySet[Record]":
        return records.filter(tags__contains=[tag])

    def with_words(self, records: "QuerySet[Record]", _name: str, text: str) -> "QuerySet[Record]":
        return record_search(records, text)

    def with_finding(
        self, records: "QuerySet[Record]", _name: str, code: str
    ) -> "QuerySet[Record]":
        return with_finding(records, code)

    def with_severity(
        self, records: "QuerySet[Record]", _name: str, severity: str
    ) -> "QuerySet[Record]":
        return with_severity(records, severity)


class ItemFilter(django_filters.FilterSet):
    split = django_filters.ChoiceFilter(choices=DatasetVersionItem.Split.choices)

    class Meta:
        model = DatasetVersionItem
        fields = ("split",)
