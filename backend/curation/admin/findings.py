"""What is wrong with records, on their pages: badges, filters, the panel and its buttons."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.http import HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backend.accounts.access import acting_user
from backend.common.errors import DomainError
from backend.curation.admin.looks import excerpt
from backend.curation.findings.kinds import (
    KINDS,
    field_name,
    finding_sentence,
    fix_label,
    fixes_of,
    found_excerpts,
    kind_name,
)
from backend.curation.findings.selectors import (
    SEVERITIES,
    finding_get,
    record_findings,
    with_finding,
    with_severity,
)
from backend.curation.findings.services import finding_fix, finding_ignore
from backend.curation.findings.summary import severity_counts
from backend.curation.models import Finding, Record

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterable

    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse
    from django.utils.safestring import SafeString

ICONS = {"error": "error", "warning": "warning", "info": "info"}


class SeverityFilter(admin.SimpleListFilter):
    title = gettext_lazy("worst finding")
    parameter_name = "severity"

    def lookups(
        self,
        request: "HttpRequest",  # noqa: ARG002
        model_admin: "admin.ModelAdmin[Any]",  # noqa: ARG002
    ) -> "Iterable[tuple[str, Any]]":
        named = [(name, Finding.Severity(value).label) for name, value in SEVERITIES.items()]
        return [*named, ("none", _("nothing found"))]

    def queryset(
        self,
        request: "HttpRequest",  # noqa: ARG002
        queryset: "QuerySet[Record]",
    ) -> "QuerySet[Record]":
        chosen = self.value()
        known = chosen in (*SEVERITIES, "none")
        return with_severity(queryset, str(chosen)) if known else queryset


class FindingFilter(admin.SimpleListFilter):
    title = gettext_lazy("kind of finding")
    parameter_name = "finding"

    def lookups(
        self,
        request: "HttpRequest",  # noqa: ARG002
        model_admin: "admin.ModelAdmin[Any]",  # noqa: ARG002
    ) -> "Iterable[tuple[str, Any]]":
        return [(code, kind.name) for code, kind in KINDS.items()]

    def queryset(
        self,
        request: "HttpRequest",  # noqa: ARG002
        queryset: "QuerySet[Record]",
    ) -> "QuerySet[Record]":
        return with_finding(queryset, str(self.value())) if self.value() else queryset


def finding_badges(record: Record) -> "SafeString":
    """How many findings of each severity, with their kinds to read on pointing at them."""
    kinds = ", ".join(kind_name(code) for code in record.finding_codes)
    shown = [(name, number) for name, number in severity_counts(record).items() if number]
    badges = format_html_join(
        "",
        '<span class="ld-badge ld-finding-{}" title="{}">'
        '<span class="material-symbols-outlined" aria-hidden="true">{}</span>'
        "{} {}</span>",
        ((name, kinds, ICONS[name], SEVERITIES[name].label, number) for name, number in shown),
    )
    return format_html('<span class="ld-badges">{}</span>', badges)


def shown_findings(request: "HttpRequest", record: Record) -> list[dict[str, Any]]:
    """What the panel shows of a record's findings."""
    return [
        {
            "finding": finding,
            "severity": Finding.Severity(finding.severity).name.lower(),
            "icon": ICONS[Finding.Severity(finding.severity).name.lower()],
            "sentence": finding_sentence(finding),
            "field": field_name(finding),
            "found": found_excerpts(finding),
            "other": excerpt(finding.other.instruction, 80) if finding.other else "",
            "fixes": [(fix.value, fix_label(finding, fix)) for fix in fixes_of(finding)],
        }
        for finding in record_findings(user=acting_user(request), record_id=record.pk)
    ]


def heeded_findings(request: "HttpRequest", record: Record) -> list[dict[str, Any]]:
    """Those that nobody chose to ignore, for whoever decides on the record."""
    return [each for each in shown_findings(request, record) if not each["finding"].ignored_at]


def finding_step(
    request: "HttpRequest", record_id: "uuid.UUID", finding_id: "uuid.UUID"
) -> "HttpResponse":
    """Press a button of the panel: ``step`` is a fix, ``ignore`` or ``heed``."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    actor = acting_user(request)
    step = request.POST.get("step", "")
    seen = request.POST.get("revision", "")
    try:
        finding = finding_get(user=actor, record_id=record_id, finding_id=finding_id)
        if step in ("ignore", "heed"):
            finding_ignore(actor=actor, finding=finding, ignored=step == "ignore")
        else:
            # Nobody has seen revision 0: a page that names none is out of date.
            revision = int(seen) if seen.isdecimal() and len(seen) < 10 else 0
            finding_fix(actor=actor, finding=finding, fix=step, revision=revision)
    except DomainError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("Done."))
    return HttpResponseRedirect(reverse("admin:curation_record_change", args=[record_id]))


class FindingPages:
    """Mixed into the record pages: the address of the panel's buttons."""

    change_form_outer_before_template = "admin/curation/record/findings.html"

    def get_urls(self) -> list[Any]:
        site: Any = getattr(self, "admin_site")  # noqa: B009  # a page of the admin has one
        urls: list[Any] = super().get_urls()  # type: ignore[misc]  # of the page it is mixed into
        step = path(
            "<uuid:record_id>/findings/<uuid:finding_id>/",
            site.admin_view(finding_step),
            name="curation_record_finding",
        )
        return [step, *urls]
