"""Steps for many records at once: what is asked before, and what is said afterwards."""

from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy, ngettext
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from backend.accounts.access import acting_user
from backend.common.errors import DomainError
from backend.curation import services
from backend.curation.admin.forms import tags_split
from backend.curation.admin.reasons import REASONS
from backend.curation.selectors import tag_list
from backend.curation.services import BulkAction
from backend.curation.services.review import MAX_NOTE

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

    from backend.curation.models import Record

OFFERED_TAGS: Final = 200


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("reason"),
        required=False,
        max_length=MAX_NOTE,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3, "autofocus": True}),
        help_text=gettext_lazy("The same for all of them; the authors read it above the records."),
    )


class TagsForm(forms.Form):
    tags = forms.CharField(
        label=gettext_lazy("tags"),
        widget=UnfoldAdminTextInputWidget(
            attrs={"list": "ld-tags", "data-ld-tags": "", "autofocus": True, "autocomplete": "off"}
        ),
        help_text=gettext_lazy("Separated by commas."),
    )

    def clean_tags(self) -> list[str]:
        return tags_split(self.cleaned_data["tags"])


FORMS: "Final[dict[BulkAction, type[forms.Form]]]" = {
    BulkAction.REJECT: ReasonForm,
    BulkAction.TAG: TagsForm,
    BulkAction.UNTAG: TagsForm,
}


def bulk_page(
    model_admin: "ModelAdmin[Any]",
    request: "HttpRequest",
    records: "QuerySet[Record]",
    action: BulkAction,
) -> "HttpResponse | None":
    """Take the step, after a page that asks for the reason or the tags where one is needed."""
    form: forms.Form | None = None
    given: dict[str, Any] = {}
    if form_class := FORMS.get(action):
        form = form_class(request.POST if "apply" in request.POST else None)
        if not form.is_valid():
            return ask(model_admin, request, records, action, form)
        given = form.cleaned_data
    try:
        result = services.records_bulk(
            actor=acting_user(request), records=records, action=action, **given
        )
    except DomainError as error:
        if form is None:
            messages.error(request, error.message)
            return None
        form.add_error(None, error.message)
        return ask(model_admin, request, records, action, form)
    say(request, action, result)
    return None


def ask(
    model_admin: "ModelAdmin[Any]",
    request: "HttpRequest",
    records: "QuerySet[Record]",
    action: BulkAction,
    form: forms.Form,
) -> "HttpResponse":
    """The page before the step; what was chosen in the list travels along."""
    across = request.POST.get("select_across") == "1"
    kept = [] if across else request.POST.getlist(ACTION_CHECKBOX_NAME)
    context = {
        **model_admin.admin_site.each_context(request),
        "title": action.label,
        "form": form,
        "number": records.count(),
        "action": request.POST.get("action", ""),
        "across": across,
        # With all that match, one stands for them: Django asks that something is chosen.
        "chosen": kept or request.POST.getlist(ACTION_CHECKBOX_NAME)[:1],
        "checkbox": ACTION_CHECKBOX_NAME,
        "reasons": REASONS if action is BulkAction.REJECT else (),
        "tags": []
        if action is BulkAction.REJECT
        else tag_list(user=acting_user(request), limit=OFFERED_TAGS),
        "back": request.get_full_path(),
    }
    return TemplateResponse(request, "admin/curation/record/bulk.html", context)


def say(request: "HttpRequest", action: BulkAction, result: services.BulkResult) -> None:
    """How many records changed, and why others did not."""
    if result.done:
        messages.success(request, sentence(action, result.done) % {"n": result.done})
    for reason, number in result.refused.items():
        left = ngettext(
            "%(n)s record is unchanged: %(reason)s",
            "%(n)s records are unchanged: %(reason)s",
            number,
        )
        messages.warning(request, left % {"n": number, "reason": reason})


def sentence(action: BulkAction, n: int) -> str:
    """What was done, with ``%(n)s`` for how many."""
    match action:
        case BulkAction.APPROVE:
            return ngettext("%(n)s record approved.", "%(n)s records approved.", n)
        case BulkAction.REJECT:
            return ngettext("%(n)s record rejected.", "%(n)s records rejected.", n)
        case BulkAction.SUBMIT:
            return ngettext(
                "%(n)s record submitted for review.", "%(n)s records submitted for review.", n
            )
        case BulkAction.ARCHIVE:
            return ngettext("%(n)s record archived.", "%(n)s records archived.", n)
        case BulkAction.TAG | BulkAction.UNTAG:
            return ngettext(
                "The tags of %(n)s record changed.", "The tags of %(n)s records changed.", n
            )
        case BulkAction.GOLDEN:
            return ngettext("%(n)s record is golden now.", "%(n)s records are golden now.", n)
        case _:
            return ngettext(
                "%(n)s record is no longer golden.", "%(n)s records are no longer golden.", n
            )
