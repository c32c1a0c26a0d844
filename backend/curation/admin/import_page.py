"""The import page: upload, look at what each row would become, correct, confirm, watch.

Its state is a job, whose id stands in the address, so that a reload shows the same.
"""

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminFileFieldWidget

from backend.accounts.access import acting_user
from backend.accounts.jobs import job_cancel, job_list, job_restart
from backend.common.errors import DomainError
from backend.common.job_runs import said_error
from backend.common.jobs import is_restartable, shown_result
from backend.curation import uploads
from backend.curation.admin.looks import badge, excerpt
from backend.curation.admin.own_jobs import own_job
from backend.curation.differences import label
from backend.curation.import_jobs import KIND, inspected, reading_options
from backend.curation.import_uploads import import_confirm, import_preview
from backend.curation.services.import_rows import Outcome
from backend.curation.services.imports import too_large
from ml.formats import DELIMITERS, ENCODINGS, ENDINGS, FIELDS

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin
    from django.http import HttpRequest, HttpResponse

    from backend.accounts.models import User
    from backend.common.models import Job

RECENT: Final = 8
SHOWN_ROWS: Final = 200
DELIMITER_NAMES: Final = {
    ",": gettext_lazy("comma"),
    ";": gettext_lazy("semicolon"),
    "\t": gettext_lazy("tab"),
    "|": gettext_lazy("vertical bar"),
}


class UploadForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("file"),
        allow_empty_file=True,
        widget=UnfoldAdminFileFieldWidget(
            attrs={"accept": ".json,.jsonl,.ndjson,.txt,.csv,.tsv,.xlsx,.zip"}
        ),
        help_text=gettext_lazy(
            "JSON or JSON lines (alpaca, ShareGPT or OpenAI messages), CSV or XLSX. A table needs "
            "a header with question and answer (or 问题, 答案); phrasings, tags, language, golden, "
            "input, system and history where wanted."
        ),
    )


def import_page(model_admin: "ModelAdmin[Any]", request: "HttpRequest") -> "HttpResponse":
    """GET shows the form, or the job of the address; POST takes one step and leads to a job."""
    user, form = acting_user(request), UploadForm()
    job_id = request.GET.get("job", "")
    if request.method == "POST":
        try:
            if "file" in request.FILES or not request.POST.get("step"):
                form = UploadForm(request.POST, request.FILES)
                if form.is_valid():
                    return to_job(start(user, form.cleaned_data["file"]))
            else:
                return to_job(step(user, job_of(user, job_id), request.POST))
        except DomainError as error:
            if not job_id:
                form.add_error("file", error.message) if form.is_bound else None
            else:
                messages.error(request, error.message)
                return HttpResponseRedirect(request.get_full_path())
    shown: dict[str, Any] = {}
    if job_id:
        try:
            shown = job_shown(job_of(user, job_id), request)
        except DomainError as error:
            messages.error(request, error.message)
            return HttpResponseRedirect(reverse("admin:curation_record_import_file"))
    else:
        shown = {"recent": [recent(job) for job in own_imports(user)]}
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("Import records"),
        "form": form,
        **shown,
    }
    if request.headers.get("HX-Request"):
        return TemplateResponse(request, "admin/curation/record/import_job.html", context)
    return TemplateResponse(request, "admin/curation/record/import.html", context)


def job_of(user: "User", job_id: str) -> "Job":
    """The import of an address; everybody's own.

    Raises:
        NotFound: there is none for this person.
        Invalid: no id.
    """
    return own_job(user=user, job_id=job_id, kind=KIND)


def own_imports(user: "User") -> "list[Job]":
    mine = job_list(user=user).filter(owner=user, kind=KIND).exclude(params__dry_run=True)
    return list(mine[:RECENT])


def start(user: "User", file: Any) -> "Job":  # Any: an uploaded file
    from django.conf import settings

    if (file.size or 0) > settings.MAX_UPLOAD_BYTES:
        raise too_large()
    upload = uploads.upload_keep(file)
    try:
        return import_preview(
            actor=user, upload=upload, filename=file.name, options={}, placeholders={}
        )
    except DomainError:
        uploads.upload_remove(upload)
        raise


def step(user: "User", job: "Job", given: Any) -> "Job":  # Any: a form's values
    """What a button of the page does with its job."""
    match given.get("step"):
        case "cancel":
            return job_cancel(actor=user, job_id=job.pk)
        case "restart":
            return job_restart(actor=user, job_id=job.pk)
        case "import":
            return import_confirm(actor=user, preview=job)
        case _again:
            return import_preview(
                actor=user,
                upload=job.params["upload"],
                filename=job.params["filename"],
                options=options_of(given),
                placeholders=prefixed(given, "placeholder:"),
            )


def options_of(given: Any) -> dict[str, Any]:
    """The chosen options of the preview's form, without those left to us."""
    names = ("format", "encoding", "delimiter", "sheet")
    options: dict[str, Any] = {name: given[name] for name in names if given.get(name)}
    header = given.get("header", "")
    if header.isascii() and header.isdigit() and int(header[:7]) > 0:
        options["header"] = int(header[:7])
    columns = {
        name.removeprefix("column:"): "" if field == "-" else field
        for name, field in given.items()
        if name.startswith("column:") and field
    }
    return options | ({"columns": columns} if columns else {})


def prefixed(given: Any, prefix: str) -> dict[str, str]:
    return {
        name.removeprefix(prefix): value[:2000]
        for name, value in given.items()
        if name.startswith(prefix) and value
    }


def to_job(job: "Job") -> "HttpResponse":
    address = reverse("admin:curation_record_import_file")
    return HttpResponseRedirect(f"{address}?{urlencode({'job': str(job.pk)})}")


def recent(job: "Job") -> dict[str, Any]:
    counts = (job.result or {}).get("counts", {})
    return {
        "job": job,
        "file": job.params["filename"],
        "new": counts.get("new"),
        "link": f"?job={job.pk}",
    }


def job_shown(job: "Job", request: "HttpRequest") -> dict[str, Any]:
    """What the template shows of a job."""
    progress = {"done": 0, "total": None, **job.progress}
    shown: dict[str, Any] = {
        "job": job,
        "file_name": job.params["filename"],
        "dry_run": job.params["dry_run"],
        "progress": progress,
        "error": said_error(job),
        "restartable": is_restartable(job),
        "correctable": job.params["dry_run"] and job.state in {"succeeded", "failed"},
    }
    result = shown_result(job)
    seen = (result or {}).get("inspection") or (seen_anyhow(job) if shown["correctable"] else {})
    shown |= {"selects": selects(job.params["options"], seen)}
    shown |= {"columns": columns_shown(job.params["options"], seen)}
    values = job.params["placeholders"]
    # What is filled stands in the file no longer as it is shown, but stays to be changed.
    names = dict.fromkeys([*seen.get("placeholders", ()), *values])
    shown["placeholders"] = [(name, values.get(name, "")) for name in names]
    if result is None:
        return shown
    counts = result["counts"]
    chosen = request.GET.get("outcome", "")
    rows = [row for row in result["rows"] if chosen in ("", row["outcome"])]
    rows.sort(key=lambda row: row["outcome"] == Outcome.NEW)  # what needs a look comes first
    shown |= {
        "counts": [
            {
                "badge": badge(kind.value, kind.label),
                "number": counts[kind.value],
                "link": f"?job={job.pk}&outcome={kind.value}",
                "chosen": chosen == kind.value,
            }
            for kind in Outcome
        ],
        "all_link": f"?job={job.pk}",
        "all_chosen": not chosen,
        "new": counts["new"],
        "rows": [shown_row(row) for row in rows[:SHOWN_ROWS]],
        "more": max(0, (counts.get(chosen) or sum(counts.values())) - len(rows[:SHOWN_ROWS])),
        "samples": result["samples"][:3],
    }
    if not job.params["dry_run"] and result["first_at"]:
        made = {"created_at__gte": result["first_at"], "created_at__lte": result["last_at"]}
        query = urlencode({**made, "source__exact": "imported"})
        shown["records_link"] = f"{reverse('admin:curation_record_changelist')}?{query}"
    return shown


def seen_anyhow(job: "Job") -> dict[str, Any]:
    """What is recognised of a file whose rows could not be read, so that it can be corrected."""
    path = uploads.upload_path(job.params["upload"])
    try:
        return inspected(path, job.params["filename"], reading_options(job.params["options"]))
    except (DomainError, OSError):
        return {}


def selects(options: dict[str, Any], seen: dict[str, Any]) -> list[dict[str, Any]]:
    """The choices by which a person corrects what was recognised."""

    def one(name: str, label: Any, choices: list[tuple[str, Any]]) -> dict[str, Any]:
        found = str(seen.get(name) or "")
        words = dict(choices)
        known = words.get(found, found)
        first = _("as recognised: %(what)s") % {"what": known} if found else _("as recognised")
        chosen = options.get(name, "")
        return {"name": name, "label": label, "choices": [("", first), *choices], "chosen": chosen}

    shown = [one("format", _("format"), [(kind, kind) for kind in ENDINGS])]
    kind = seen.get("format") or options.get("format")
    if kind != "xlsx":
        shown.append(one("encoding", _("encoding"), [(name, name) for name in ENCODINGS]))
    if kind == "csv":
        names = [(mark, DELIMITER_NAMES.get(mark, mark)) for mark in DELIMITERS]
        shown.append(one("delimiter", _("delimiter"), names))
    if seen.get("sheets"):
        shown.append(one("sheet", _("sheet"), [(name, name) for name in seen["sheets"]]))
    if kind in {"csv", "xlsx"}:
        rows = [(str(row), str(row)) for row in range(1, 11)]
        header = one("header", _("row with the headings"), rows)
        shown.append(header | {"chosen": str(options.get("header", ""))})
    return shown


def columns_shown(options: dict[str, Any], seen: dict[str, Any]) -> list[dict[str, Any]]:
    """Each column of a table, with the field that it fills."""
    mapping, given = seen.get("mapping", {}), options.get("columns", {})
    choices = [("-", _("left out")), *((name, label(name)) for name in FIELDS)]
    return [
        {
            "name": column,
            "label": excerpt(column, 40),
            "choices": choices,
            "chosen": (given.get(column) or "-") if column in given else mapping.get(column, "-"),
        }
        for column in dict.fromkeys(seen.get("columns", ()))
        if column
    ]


def shown_row(row: dict[str, Any]) -> dict[str, object]:
    outcome = Outcome(row["outcome"])
    return {
        "row": f"{row['file']}: {row['row']}" if row["file"] else row["row"],
        "outcome": badge(outcome.value, outcome.label),
        "reason": row["reason"],
        "question": excerpt(row["question"], 100),
    }
