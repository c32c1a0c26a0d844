"""What is done with records beside editing: many at once, from the top of the list, in review."""

from typing import TYPE_CHECKING, Any, Final

from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.http import HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.enums import ActionVariant

from backend.accounts.access import acting_user
from backend.accounts.role_admin import action
from backend.accounts.roles import Action, may
from backend.common.errors import DomainError
from backend.curation import services
from backend.curation.admin.bulk_page import bulk_page
from backend.curation.admin.dialogs import go
from backend.curation.admin.forgetting import ForgetActions
from backend.curation.admin.forms import FreezeForm, RejectForm
from backend.curation.admin.import_page import import_page
from backend.curation.models import Record
from backend.curation.services import BulkAction

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.forms import Form
    from django.http import HttpRequest

    from backend.curation.services.review import Step

    Records = QuerySet[Record]
    Answer = HttpResponse | None

Status = Record.Status
STUDIO_NEW_RUN: Final = "/studio/runs/new"
STUDIO_VERSION: Final = "/studio/versions/{id}"


class RecordActions(ForgetActions):
    actions = (
        "approve",
        "reject_many",
        "submit",
        "tag",
        "untag",
        "golden",
        "ungolden",
        "archive",
        "export_chosen",
    )
    actions_list = (
        "retrain",
        "freeze",
        "import_file",
        {
            "title": gettext_lazy("Export"),
            "icon": "download",
            "items": [
                "export_alpaca",
                "export_jsonl",
                "export_sharegpt",
                "export_openai",
                "export_csv",
                "export_xlsx",
                "export_llamafactory",
            ],
        },
    )
    actions_detail = ("reject", "archive_one", "reopen_one", "forget_one")
    actions_submit_line = ("save_and_approve", "save_and_submit")

    # ------------------------------------------------------------ who may

    def has_write_permission(self, request: "HttpRequest") -> bool:
        return may(request.user, Action.RECORDS_WRITE)

    def has_approve_permission(self, request: "HttpRequest") -> bool:
        return may(request.user, Action.RECORDS_APPROVE)

    def has_freeze_permission(self, request: "HttpRequest") -> bool:
        return may(request.user, Action.VERSIONS_FREEZE)

    def has_retrain_permission(self, request: "HttpRequest") -> bool:
        return may(request.user, Action.RUNS_WRITE)

    def can_become(self, request: "HttpRequest", object_id: object, to: Record.Status) -> bool:
        """Whether to offer the step; Unfold asks again without an id when it is taken."""
        if object_id is None:
            return True
        record = self.get_object(request, str(object_id))
        return record is not None and to in Record.transitions[record.status]

    def has_approve_one_permission(self, request: "HttpRequest", object_id: object = None) -> bool:  # noqa: ARG002
        # On the form it saves first, and a change makes a draft of whatever was decided.
        return may(request.user, Action.RECORDS_APPROVE)

    def has_reject_one_permission(self, request: "HttpRequest", object_id: object = None) -> bool:
        allowed = may(request.user, Action.RECORDS_APPROVE)
        return allowed and self.can_become(request, object_id, Status.REJECTED)

    def has_submit_one_permission(self, request: "HttpRequest", object_id: object = None) -> bool:
        record = None if object_id is None else self.get_object(request, str(object_id))
        in_review = record is not None and record.status == Status.IN_REVIEW
        return not in_review and may(request.user, Action.RECORDS_WRITE)

    def has_archive_one_permission(self, request: "HttpRequest", object_id: object = None) -> bool:
        allowed = may(request.user, Action.RECORDS_WRITE)
        return allowed and self.can_become(request, object_id, Status.ARCHIVED)

    def has_reopen_one_permission(self, request: "HttpRequest", object_id: object = None) -> bool:
        record = self.get_object(request, str(object_id))
        archived = record is not None and record.status == Status.ARCHIVED
        forgotten = record is not None and record.forgotten_at is not None
        return archived and not forgotten and may(request.user, Action.RECORDS_WRITE)

    # ------------------------------------------------------------ many at once

    @admin.action(description=gettext_lazy("Approve"), permissions=["approve"])
    def approve(self, request: "HttpRequest", queryset: "Records") -> "Answer":
        return bulk_page(self, request, queryset, BulkAction.APPROVE)

    @admin.action(description=gettext_lazy("Reject with a reason"), permissions=["approve"])
    def reject_many(self, request: "HttpRequest", queryset: "Records") -> "Answer":
        return bulk_page(self, request, queryset, BulkAction.REJECT)

    @admin.action(description=gettext_lazy("Submit for review"), permissions=["write"])
    def submit(self, request: "HttpRequest", queryset: "Records") -> "Answer":
        return bulk_page(self, request, queryset, BulkAction.SUBMIT)

    @admin.action(description=gettext_lazy("Add tags"), permissions=["write"])
    def tag(self, request: "HttpRequest", queryset: "Records") -> "Answer":
        return bulk_page(self, request, queryset, BulkAction.TAG)

    @admin.action(description=gettext_lazy("Remove tags"), permissions=["write"])
    def untag(self, request: "HttpRequest", queryset: "Records") -> "Answer":
        return bulk_page(self, request, queryset, BulkAction.UNTAG)

    @admin.action(description=gettext_lazy("Mark golden"), permissions=["write"])
    def golden(self, request: "HttpRequest", queryset: "Records") -> "Answer":
        return bulk_page(self, request, queryset, BulkAction.GOLDEN)

    @admin.action(description=gettext_lazy("No longer golden"), permissions=["write"])
    def ungolden(self, request: "HttpRequest", queryset: "Records") -> "Answer":
        return bulk_page(self, request, queryset, BulkAction.UNGOLDEN)

    @admin.action(description=gettext_lazy("Archive"), permissions=["write"])
    def archive(self, request: "HttpRequest", queryset: "Records") -> "Answer":
        return bulk_page(self, request, queryset, BulkAction.ARCHIVE)

    @admin.action(description=gettext_lazy("Export (alpaca)"), permissions=["write"])
    def export_chosen(
        self, request: "HttpRequest", queryset: "QuerySet[Record]"
    ) -> HttpResponseBase:
        return self.file_of(request, queryset, "alpaca")

    # ------------------------------------------------------------ from the top of the list

    @action(
        description=gettext_lazy("Retrain"),
        permissions=["retrain"],
        icon="model_training",
        variant=ActionVariant.PRIMARY,
    )
    def retrain(self, request: "HttpRequest") -> HttpResponse:  # noqa: ARG002
        return HttpResponseRedirect(STUDIO_NEW_RUN)

    @action(
        description=gettext_lazy("Freeze a version"),
        permissions=["freeze"],
        icon="ac_unit",
        dialog={
            "title": gettext_lazy("Freeze a version"),
            "description": gettext_lazy(
                "Everything that is approved now becomes a version that never changes; runs train "
                "on versions. Records can be edited afterwards, the version keeps their words."
            ),
            "form_class": FreezeForm,
            "form_submit_text": gettext_lazy("Freeze"),
        },
    )
    def freeze(self, request: "HttpRequest", form: "Form") -> HttpResponse:
        try:
            version = services.dataset_version_freeze(
                actor=acting_user(request),
                validation_share=form.cleaned_data["validation_percent"] / 100,
                note=form.cleaned_data["note"],
            )
        except DomainError as error:
            messages.error(request, error.message)
            return go(request, self.list_address())
        return go(request, STUDIO_VERSION.format(id=version.pk))

    @action(
        description=gettext_lazy("Import"),
        permissions=["write"],
        icon="upload_file",
        url_path="import",
    )
    def import_file(self, request: "HttpRequest") -> HttpResponse:
        return import_page(self, request)

    @action(description=gettext_lazy("As alpaca JSON"), permissions=["write"], url_path="alpaca")
    def export_alpaca(self, request: "HttpRequest") -> HttpResponseBase:
        return self.export_filtered(request, "alpaca")

    @action(description=gettext_lazy("As JSON lines"), permissions=["write"], url_path="jsonl")
    def export_jsonl(self, request: "HttpRequest") -> HttpResponseBase:
        return self.export_filtered(request, "jsonl")

    @action(description=gettext_lazy("As ShareGPT"), permissions=["write"], url_path="sharegpt")
    def export_sharegpt(self, request: "HttpRequest") -> HttpResponseBase:
        return self.export_filtered(request, "sharegpt")

    @action(
        description=gettext_lazy("As OpenAI messages"), permissions=["write"], url_path="openai"
    )
    def export_openai(self, request: "HttpRequest") -> HttpResponseBase:
        return self.export_filtered(request, "openai")

    @action(description=gettext_lazy("As CSV"), permissions=["write"], url_path="csv")
    def export_csv(self, request: "HttpRequest") -> HttpResponseBase:
        return self.export_filtered(request, "csv")

    @action(description=gettext_lazy("As Excel (XLSX)"), permissions=["write"], url_path="xlsx")
    def export_xlsx(self, request: "HttpRequest") -> HttpResponseBase:
        return self.export_filtered(request, "xlsx")

    @action(
        description=gettext_lazy("As a LLaMA-Factory folder"),
        permissions=["write"],
        url_path="llamafactory",
    )
    def export_llamafactory(self, request: "HttpRequest") -> HttpResponseBase:
        return self.export_filtered(request, "llamafactory")

    def export_filtered(self, request: "HttpRequest", format: str) -> HttpResponseBase:
        """What the list shows under the same filters and search."""
        try:
            records = self.get_changelist_instance(request).get_queryset(request)
        except IncorrectLookupParameters:
            return HttpResponseRedirect(self.list_address())
        return self.file_of(request, records, format)

    def file_of(
        self, request: "HttpRequest", records: "QuerySet[Record]", format: str
    ) -> StreamingHttpResponse:
        export = services.records_export(actor=acting_user(request), records=records, format=format)
        return export.response(request)

    def list_address(self) -> str:
        return reverse("admin:curation_record_changelist")

    # ------------------------------------------------------------ one record

    @action(description=gettext_lazy("Save and approve"), permissions=["approve_one"])
    def save_and_approve(self, request: "HttpRequest", record: Record) -> None:
        self.step(request, record, services.record_approve, _("Approved."))

    @action(description=gettext_lazy("Save and submit for review"), permissions=["submit_one"])
    def save_and_submit(self, request: "HttpRequest", record: Record) -> None:
        self.step(request, record, services.record_submit, _("Submitted for review."))

    @action(
        description=gettext_lazy("Reject"),
        permissions=["reject_one"],
        icon="cancel",
        dialog={
            "title": gettext_lazy("Send this record back"),
            "description": gettext_lazy("It goes back to its author and is not trained."),
            "form_class": RejectForm,
            "form_submit_text": gettext_lazy("Reject"),
        },
    )
    def reject(self, request: "HttpRequest", form: "Form", object_id: str) -> HttpResponse:
        def with_reason(*, actor: Any, record: Record) -> Record:
            reason = form.cleaned_data["reason"]
            return services.record_reject(actor=actor, record=record, reason=reason)

        return self.step_of_dialog(request, object_id, with_reason, _("Rejected."))

    @action(
        description=gettext_lazy("Archive"),
        permissions=["archive_one"],
        icon="inventory_2",
        dialog={
            "title": gettext_lazy("Archive this record"),
            "description": gettext_lazy(
                "It leaves the lists and coming versions. Versions that hold it stay as they are, "
                "and it can be reopened."
            ),
            "form_class": None,
            "form_submit_text": gettext_lazy("Archive"),
        },
    )
    def archive_one(self, request: "HttpRequest", form: "Form", object_id: str) -> HttpResponse:  # noqa: ARG002
        return self.step_of_dialog(request, object_id, services.record_archive, _("Archived."))

    @action(
        description=gettext_lazy("Reopen"),
        permissions=["reopen_one"],
        icon="undo",
        dialog={
            "title": gettext_lazy("Reopen this record"),
            "description": gettext_lazy("It becomes a draft again."),
            "form_class": None,
            "form_submit_text": gettext_lazy("Reopen"),
        },
    )
    def reopen_one(self, request: "HttpRequest", form: "Form", object_id: str) -> HttpResponse:  # noqa: ARG002
        return self.step_of_dialog(request, object_id, services.record_reopen, _("It is a draft."))

    def step_of_dialog(
        self, request: "HttpRequest", object_id: str, step: "Step", done: str
    ) -> HttpResponse:
        record = self.get_object(request, object_id)
        if record is None:
            messages.error(request, _("There is no such record."))
            return go(request, self.list_address())
        self.step(request, record, step, done)
        return go(request, reverse("admin:curation_record_change", args=[object_id]))

    def step(self, request: "HttpRequest", record: Record, step: "Step", done: str) -> None:
        """Take one step with a record. A refusal is a message; what was saved stays saved."""
        try:
            step(actor=acting_user(request), record=record)
        except DomainError as error:
            messages.error(request, error.message)
        else:
            messages.success(request, done)
