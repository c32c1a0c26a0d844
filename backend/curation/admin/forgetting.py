"""Forgetting a record from its page, after the dialog has said what that means."""

from typing import TYPE_CHECKING

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldBooleanWidget

from backend.accounts.access import acting_user
from backend.accounts.role_admin import RoleAdmin, action
from backend.accounts.roles import Action, may
from backend.common.errors import DomainError
from backend.curation import services
from backend.curation.admin.dialogs import go
from backend.curation.services.forgetting import MAX_REASON

if TYPE_CHECKING:
    from django.forms import Form
    from django.http import HttpRequest


class ForgetForm(BaseDialogForm):  # type: ignore[misc]  # Unfold has no types
    reason = forms.CharField(
        label=gettext_lazy("reason"),
        max_length=MAX_REASON,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=gettext_lazy("For those who ask later. Do not repeat what shall be forgotten."),
    )
    erase = forms.BooleanField(
        label=gettext_lazy("also erase the content"),
        required=False,
        widget=UnfoldBooleanWidget(),
        help_text=gettext_lazy(
            "Question, answer and every revision become empty, also in versions that hold it. "
            "For reviewers and administrators."
        ),
    )


class ForgetActions(RoleAdmin):
    def has_forget_one_permission(self, request: "HttpRequest", object_id: object = None) -> bool:
        if object_id is None:
            return may(request.user, Action.RECORDS_WRITE)
        record = self.get_object(request, str(object_id))
        erased = record is None or record.erased_at is not None
        forgotten = record is not None and record.forgotten_at is not None
        step = Action.RECORDS_APPROVE if forgotten else Action.RECORDS_WRITE
        return not erased and may(request.user, step)

    @action(
        description=gettext_lazy("Forget"),
        permissions=["forget_one"],
        icon="delete_forever",
        dialog={
            "title": gettext_lazy("Forget this record for good"),
            "description": gettext_lazy(
                "It is archived and never enters a version again; nobody can reopen it. Versions "
                "that hold it stay as they are, and the adapters trained on them have learnt it: "
                "its page lists what must be trained anew. This cannot be undone."
            ),
            "form_class": ForgetForm,
            "form_submit_text": gettext_lazy("Forget it"),
        },
    )
    def forget_one(self, request: "HttpRequest", form: "Form", object_id: str) -> HttpResponse:
        record = self.get_object(request, object_id)
        address = reverse("admin:curation_record_change", args=[object_id])
        try:
            if record is None:
                messages.error(request, _("There is no such record."))
                address = reverse("admin:curation_record_changelist")
            else:
                services.record_forget(
                    actor=acting_user(request),
                    record=record,
                    reason=form.cleaned_data["reason"],
                    erase=form.cleaned_data["erase"],
                )
                messages.success(request, _("It is forgotten."))
        except DomainError as error:
            messages.error(request, error.message)
        return go(request, address)
