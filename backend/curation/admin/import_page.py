"""The import page: upload, look at what each row would become, confirm."""

import secrets
import zlib
from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.contrib import messages
from django.core.cache import cache
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.widgets import UnfoldAdminFileFieldWidget

from backend.accounts.access import acting_user
from backend.common.errors import DomainError
from backend.curation import services
from backend.curation.admin.looks import badge, excerpt
from backend.curation.services.imports import Outcome

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin
    from django.http import HttpRequest, HttpResponse

    from backend.curation.services.imports import ImportResult, ImportRow

# Between the look and the confirmation the file waits in the cache, for its owner only.
KEPT_S: Final = 30 * 60
SHOWN_ROWS: Final = 300


class UploadForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("file"),
        allow_empty_file=True,
        widget=UnfoldAdminFileFieldWidget(
            attrs={"accept": ".json,.jsonl,.ndjson,.txt,.csv,.tsv,.xlsx"}
        ),
        help_text=gettext_lazy(
            "JSON or JSON lines (alpaca, ShareGPT or OpenAI messages), CSV or XLSX. A table needs "
            "a header with question and answer (or 问题, 答案); phrasings, tags, language, golden, "
            "input, system and history where wanted."
        ),
    )


def import_page(model_admin: "ModelAdmin[Any]", request: "HttpRequest") -> "HttpResponse":
    """GET shows the form; POST with a file shows its rows; POST with ``token`` stores them."""
    form = UploadForm()
    shown: dict[str, Any] = {}
    if request.method == "POST" and "token" in request.POST:
        return confirm(request)
    if request.method == "POST":
        form = UploadForm(request.POST, request.FILES)
        if form.is_valid():
            try:
                shown = preview(request, form.cleaned_data["file"])
            except DomainError as error:
                form.add_error("file", error.message)
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("Import records"),
        "form": form,
        **shown,
    }
    return TemplateResponse(request, "admin/curation/record/import.html", context)


def preview(request: "HttpRequest", file: Any) -> dict[str, Any]:
    """What the template shows of a dry run; the file is kept for the confirmation."""
    data = file.read()
    result = services.records_import(
        actor=acting_user(request), data=data, filename=file.name, dry_run=True
    )
    token = secrets.token_urlsafe(16)
    kept = {"data": zlib.compress(data), "name": file.name}
    cache.set(cache_key(request, token), kept, timeout=KEPT_S)
    # What needs a look comes first.
    rows = sorted(result.rows, key=lambda row: row.outcome is Outcome.NEW)
    return {
        "token": token,
        "file_name": file.name,
        "counts": [(badge(k.value, k.label), result.counts[k.value]) for k in Outcome],
        "new": result.counts[Outcome.NEW],
        "rows": [shown_row(row) for row in rows[:SHOWN_ROWS]],
        "more": max(0, len(rows) - SHOWN_ROWS),
    }


def shown_row(row: "ImportRow") -> dict[str, object]:
    outcome = badge(row.outcome.value, row.outcome.label)
    question = excerpt(row.question, 100)
    return {"row": row.row, "outcome": outcome, "reason": row.reason, "question": question}


def confirm(request: "HttpRequest") -> "HttpResponse":
    key = cache_key(request, request.POST["token"])
    kept = cache.get(key)
    if kept is None:
        messages.error(request, _("The file is no longer here. Choose it again."))
        return HttpResponseRedirect(request.get_full_path())
    try:
        result = services.records_import(
            actor=acting_user(request), data=zlib.decompress(kept["data"]), filename=kept["name"]
        )
    except DomainError as error:
        messages.error(request, error.message)
        return HttpResponseRedirect(request.get_full_path())
    cache.delete(key)
    say(request, result)
    return HttpResponseRedirect(reverse("admin:curation_record_changelist"))


def say(request: "HttpRequest", result: "ImportResult") -> None:
    new = result.counts[Outcome.NEW]
    imported = ngettext(
        "%(n)s record imported as a draft.", "%(n)s records imported as drafts.", new
    )
    messages.success(request, imported % {"n": new})


def cache_key(request: "HttpRequest", token: str) -> str:
    """Nobody confirms somebody else's file."""
    return f"import:{acting_user(request).pk}:{token[:64].encode().hex()}"
