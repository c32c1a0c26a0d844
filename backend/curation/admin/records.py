"""The record pages: list, form, review, and what starts from here."""

from typing import TYPE_CHECKING, Any, Final

from django.contrib import admin
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backend.accounts.access import acting_user
from backend.accounts.roles import Action
from backend.curation import services
from backend.curation.admin import looks
from backend.curation.admin.actions import RecordActions
from backend.curation.admin.bulk_job_page import own_steps
from backend.curation.admin.desk import RecordDesk
from backend.curation.admin.findings import (
    FindingFilter,
    FindingPages,
    SeverityFilter,
    finding_badges,
    shown_findings,
)
from backend.curation.admin.forms import RecordForm
from backend.curation.admin.pages import RowsLast
from backend.curation.admin.revisions import RevisionInline
from backend.curation.admin.saved_filters import chips
from backend.curation.admin.seen import SEEN_AT, SeenActionForm
from backend.curation.admin.written_by import WrittenByFilter
from backend.curation.findings.selectors import SEVERITIES, with_finding_count
from backend.curation.models import Record
from backend.curation.selectors import (
    record_get,
    record_list,
    record_search,
    tag_list,
)
from backend.curation.standing import curation_state, record_counts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.core.paginator import Paginator
    from django.db.models import Model, QuerySet
    from django.http import HttpRequest, HttpResponse, QueryDict
    from django.utils.safestring import SafeString

    from backend.curation.standing import Tallied

Status = Record.Status


class TagFilter(admin.SimpleListFilter):
    title = gettext_lazy("tag")
    parameter_name = "tag"

    def lookups(
        self,
        request: "HttpRequest",
        model_admin: "admin.ModelAdmin[Any]",  # noqa: ARG002
    ) -> "Iterable[tuple[str, str]]":
        return [(tag, tag) for tag in tag_list(user=acting_user(request))]

    def queryset(
        self,
        request: "HttpRequest",  # noqa: ARG002
        queryset: "QuerySet[Record]",
    ) -> "QuerySet[Record]":
        return queryset.filter(tags__contains=[self.value()]) if self.value() else queryset


# Parameters of the list by which records are counted anyway, and those that choose none.
COUNTED: Final = {
    "status__exact": Status.values,
    "language__exact": Record.Language.values,
    "golden__exact": ["0", "1"],
    SeverityFilter.parameter_name: ["none", *reversed(SEVERITIES)],  # by their values, from 0
}
SEVERITY_NAMES: Final = COUNTED[SeverityFilter.parameter_name]
CHOOSING_NONE: Final = frozenset({"p", "o"})


def number_of(query: "QueryDict", counts: "list[Tallied]") -> int | None:
    """How many records the list holds; None where only the database can tell."""
    if query.keys() - COUNTED.keys() - CHOOSING_NONE:
        return None
    wanted = [query.getlist(name) for name in COUNTED]
    for values, known in zip(wanted, COUNTED.values(), strict=True):
        if len(values) > 1 or not set(values) <= set(known):
            return None
    return sum(
        number
        for status, language, golden, worst, number in counts
        if all(
            values in ([], [own])
            for values, own in zip(
                wanted, (status, language, str(int(golden)), SEVERITY_NAMES[worst]), strict=True
            )
        )
    )


@admin.register(Record)
class RecordAdmin(RecordDesk, FindingPages, RecordActions):
    view_action = Action.RECORDS_READ
    write_action = Action.RECORDS_WRITE

    form = RecordForm
    action_form = SeenActionForm
    inlines = (RevisionInline,)
    warn_unsaved_form = True
    list_display = (
        "question",
        "status_shown",
        "findings_shown",
        "language",
        "tags_shown",
        "changed",
    )
    list_display_links = ("question",)
    empty_value_display = looks.NOTHING
    list_filter = (
        "status",
        "language",
        "golden",
        TagFilter,
        WrittenByFilter,
        SeverityFilter,
        FindingFilter,
    )
    list_filter_submit = True
    show_full_result_count = False  # the tabs say how many there are
    paginator = RowsLast
    search_fields = ("instruction",)  # shows the box; record_search does the search
    search_help_text = gettext_lazy("Question, answer or tag")
    list_before_template = "admin/curation/record/before_list.html"
    change_form_before_template = "admin/curation/record/before_form.html"
    change_form_outer_after_template = "admin/curation/record/beside_form.html"
    fieldsets = (
        (None, {"fields": ("instruction", "output", "phrasings")}),
        (
            gettext_lazy("Sorting"),
            {"fields": (("language", "tags"), ("valid_from", "valid_until"), "golden")},
        ),
        (
            gettext_lazy("Context, earlier turns and system prompt"),
            {"fields": ("input", "history", "system"), "classes": ("collapse",)},
        ),
    )

    # For those who may only read, who get no form.
    fieldsets_read = (
        (None, {"fields": ("instruction", "output", "phrasings_shown")}),
        (
            gettext_lazy("Sorting"),
            {"fields": (("language", "tags_shown"), ("valid_from", "valid_until"), "golden")},
        ),
        (
            gettext_lazy("Context, earlier turns and system prompt"),
            {"fields": ("input", "history_shown", "system")},
        ),
    )

    # ------------------------------------------------------------ the list

    def get_queryset(self, request: "HttpRequest") -> "QuerySet[Record]":
        return record_list(user=acting_user(request)).order_by("-created_at", "-pk")

    def get_search_results(
        self,
        request: "HttpRequest",  # noqa: ARG002
        queryset: "QuerySet[Record]",
        search_term: str,
    ) -> "tuple[QuerySet[Record], bool]":
        return record_search(queryset, search_term), False

    def get_paginator(
        self, request: "HttpRequest", queryset: "QuerySet[Any]", *arguments: Any, **options: Any
    ) -> "Paginator[Any]":
        paginator = super().get_paginator(request, queryset, *arguments, **options)
        user = acting_user(request)
        number = number_of(request.GET, record_counts(user=user))
        if request.GET.keys() - CHOOSING_NONE == {FindingFilter.parameter_name}:
            code = request.GET[FindingFilter.parameter_name]
            number = with_finding_count(user=user, code=code) if code else None
        if number is not None:
            paginator.count = number
        return paginator

    def changelist_view(
        self, request: "HttpRequest", extra_context: dict[str, Any] | None = None
    ) -> "HttpResponse":
        seen_at = timezone.now()  # before anything is read
        state = curation_state(user=acting_user(request))
        shown = {
            "state": state,
            "status_tabs": self.status_tabs(request, state.by_status),
            **chips(request),
            "has_steps": own_steps(acting_user(request)).exists(),
        }
        answer = super().changelist_view(request, {**(extra_context or {}), **shown})
        context = getattr(answer, "context_data", None) or {}
        if form := context.get("action_form"):
            form.initial[SEEN_AT] = seen_at.isoformat()
        # Unfold's links know no filters, and an export is of what the list shows.
        for entry in context.get("actions_list", ()):
            for item in entry.get("items", ()):
                item["path"] += f"?{request.GET.urlencode()}"
        return answer

    def status_tabs(
        self, request: "HttpRequest", by_status: dict[str, dict[str, int]]
    ) -> list[dict[str, object]]:
        """A link for each status with its number of records, and one for all."""
        chosen = request.GET.get("status__exact", "")
        tabs: list[dict[str, object]] = []
        for value, name in [("", _("All")), *Status.choices]:
            query = request.GET.copy()
            for parameter in ("status__exact", "p"):
                query.pop(parameter, None)
            if value:
                query["status__exact"] = value
            counts = by_status.values() if not value else [by_status[value]]
            number = sum(sum(languages.values()) for languages in counts)
            tabs.append(
                {
                    "name": name,
                    "number": number,
                    "link": f"?{query.urlencode()}",
                    "chosen": value == chosen,
                    "icon": looks.ICONS.get(value, ""),
                    "kind": value or "all",
                }
            )
        return tabs

    @admin.display(description=gettext_lazy("question and answer"), ordering="instruction")
    def question(self, record: Record) -> "SafeString":
        return looks.question_and_answer(record)

    @admin.display(description=gettext_lazy("status"), ordering="status")
    def status_shown(self, record: Record) -> "SafeString":
        return looks.status_badges(record)

    @admin.display(description=gettext_lazy("findings"), ordering="worst_finding")
    def findings_shown(self, record: Record) -> "SafeString":
        return finding_badges(record)

    @admin.display(description=gettext_lazy("changed"), ordering="updated_at")
    def changed(self, record: Record) -> "SafeString":
        return looks.moment_and_author(record)

    @admin.display(description=gettext_lazy("tags"))
    def tags_shown(self, record: Record) -> "SafeString":
        return looks.tag_list(record)

    # ------------------------------------------------------------ the form

    def has_change_permission(self, request: "HttpRequest", obj: "Model | None" = None) -> bool:
        # What is forgotten is only looked at.
        forgotten = isinstance(obj, Record) and obj.forgotten_at is not None
        return not forgotten and super().has_change_permission(request, obj)

    def get_fieldsets(self, request: "HttpRequest", obj: "Model | None" = None) -> Any:
        return self.fieldsets if self.has_change_permission(request, obj) else self.fieldsets_read

    def get_inlines(self, request: "HttpRequest", obj: "Model | None") -> Any:
        return super().get_inlines(request, obj) if obj else ()  # a new record has no history

    @admin.display(description=gettext_lazy("other phrasings"))
    def phrasings_shown(self, record: Record) -> "SafeString":
        return looks.paragraphs(record.phrasings)

    @admin.display(description=gettext_lazy("earlier turns"))
    def history_shown(self, record: Record) -> "SafeString":
        return looks.paragraphs([text for turn in record.history for text in turn])

    def change_view(
        self,
        request: "HttpRequest",
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> "HttpResponse":
        record = self.get_object(request, object_id)
        shown: dict[str, Any] = {}
        if record and self.has_view_permission(request, record):
            badges = looks.status_badges(record)
            findings = shown_findings(request, record)
            shown = {"record": record, "record_badges": badges, "findings": findings}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})

    def save_model(self, request: "HttpRequest", obj: Record, form: Any, change: bool) -> None:
        actor = acting_user(request)
        if change:
            saved = services.record_update(
                actor=actor,
                record=record_get(user=actor, record_id=obj.pk),
                content=form.content(),
                revision=form.cleaned_data["seen_revision"],
            )
        else:
            saved = services.record_create(actor=actor, content=form.content())
        obj.pk = saved.pk
        obj._state.adding = False
        obj.refresh_from_db()
        for button in self.get_actions_submit_line(request, obj.pk):
            if button.action_name in request.POST:
                button.method(request, obj)
