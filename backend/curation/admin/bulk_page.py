"""Steps for many records at once: what is asked before, and what is said afterwards."""

from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from backend.accounts.access import acting_user
from backend.common.errors import DomainError
from backend.common.models import Job
from backend.curation import services
from backend.curation.admin.bulk_job_page import waiting_sentence
from backend.curation.admin.forms import tags_split
from backend.curation.admin.reasons import REASONS
from backend.curation.admin.said import done_sentence, refused_sentences
from backend.curation.admin.seen import SEEN_AT, seen_at_of
from backend.curation.bulk_jobs import records_bulk_ask
from backend.curation.selectors import tag_list
from backend.curation.services import BulkAction
from backend.curation.services.bulk import DECISIONS
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
    seen_at = seen_at_of(request.POST)
    if action in DECISIONS and seen_at is None:
        messages.error(request, unseen())
        return None
    form: forms.Form | None = None
    given: dict[str, Any] = {}
    if form_class := FORMS.get(action):
        form = form_class(request.POST if "apply" in request.POST else None)
        if not form.is_valid():
            return ask(model_admin, request, records, action, form)
        given = form.cleaned_data
    try:
        answer = records_bulk_ask(
            actor=acting_user(request), records=records, action=action, seen_at=seen_at, **given
        )
    except DomainError as error:
        if form is None:
            messages.error(request, error.message)
            return None
        form.add_error(None, error.message)
        return ask(model_admin, request, records, action, form)
    if isinstance(answer, Job):
        messages.info(request, waiting_sentence(answer))
    else:
        say(request, action, answer)
    return None


def unseen() -> str:
    """What is said where nobody can tell what was seen."""
    return _(
        "Nothing was decided: the page did not say when its list was loaded. "
        "This is the list as it stands now; choose again."
    )


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
        "seen_at": request.POST.get(SEEN_AT, ""),
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
        messages.success(request, done_sentence(action, result.done))
    for sentence in refused_sentences(result):
        messages.warning(request, sentence)
