"""The history of a record: who changed what, and when."""

from typing import TYPE_CHECKING, Any

from django.db.models import F, JSONField, Window
from django.db.models.functions import Lag
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backend.curation.admin.looks import moment, pieces_shown
from backend.curation.content import content_from
from backend.curation.differences import content_differences
from backend.curation.models import Record, Revision

if TYPE_CHECKING:
    from django.contrib import admin
    from django.db.models import Model, QuerySet
    from django.http import HttpRequest
    from django.utils.safestring import SafeString

    TabularInline = admin.TabularInline[Revision, Record]
else:
    from unfold.admin import TabularInline


class RevisionInline(TabularInline):
    model = Revision
    tab = True
    hide_title = True
    per_page = 20
    extra = 0
    can_delete = False
    fields = ("revision", "changes", "author", "at")
    readonly_fields = fields
    verbose_name_plural = gettext_lazy("history")

    def get_queryset(self, request: "HttpRequest") -> "QuerySet[Revision]":
        before = Window(
            Lag("content"),
            partition_by=F("record"),
            order_by=F("number").asc(),
            output_field=JSONField(),
        )
        revisions: QuerySet[Revision] = super().get_queryset(request)
        return revisions.select_related("author").annotate(before=before)

    def has_add_permission(self, request: "HttpRequest", obj: "Model | None" = None) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: "HttpRequest", obj: "Model | None" = None) -> bool:  # noqa: ARG002
        return False

    def has_view_permission(self, request: "HttpRequest", obj: "Model | None" = None) -> bool:  # noqa: ARG002
        return True  # whoever sees the record

    def revision(self, revision: Revision) -> "SafeString | int":
        if revision.number == 1:
            return 1
        page = reverse("admin:curation_record_compare", args=[revision.record_id])
        return format_html(
            '<a href="{}?to={}" title="{}">{}</a>',
            page,
            revision.number,
            _("Compare with the one before"),
            revision.number,
        )

    revision.short_description = gettext_lazy("revision")  # type: ignore[attr-defined]

    def at(self, revision: Revision) -> "SafeString":
        return moment(revision.created_at)

    at.short_description = gettext_lazy("when")  # type: ignore[attr-defined]

    def changes(self, revision: Revision) -> "SafeString | str":
        before: dict[str, Any] | None = getattr(revision, "before", None)
        if before is None:
            return _("written")
        # A revision that is older than a field lacks it.
        differences = content_differences(content_from(before), content_from(revision.content))
        return format_html_join(
            "",
            '<p class="ld-change"><b>{}</b> {}</p>',
            ((difference.label, pieces_shown(difference.pieces)) for difference in differences),
        )

    changes.short_description = gettext_lazy("what changed")  # type: ignore[attr-defined]
