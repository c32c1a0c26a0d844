"""One record after the other is approved or sent back, by keyboard or by buttons."""

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from backend.accounts.access import acting_user
from backend.common.errors import Conflict, DomainError, NotFound
from backend.curation import services
from backend.curation.admin.findings import shown_findings
from backend.curation.admin.looks import excerpt, status_badges
from backend.curation.admin.reasons import REASONS
from backend.curation.models import Record
from backend.curation.queue import (
    QueueFilter,
    changed_since_approval,
    for_review,
    is_own,
    place_of,
    waiting,
    waiting_authors,
    waiting_tags,
)
from backend.curation.selectors import record_get, revision_list
from backend.curation.services.review import MAX_NOTE, decided_meanwhile

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

    from backend.accounts.models import User

# In the session: the decision that can be taken back.
UNDO: Final = "review_undo"
SHOWN_REVISIONS: Final = 6


def review_page(request: "HttpRequest", model_admin: "ModelAdmin[Any]") -> "HttpResponse":
    """GET shows a record that waits, POST decides on it and shows the next."""
    user = acting_user(request)
    chosen = chosen_by(request)
    queue = for_review(user=user, chosen=chosen)
    try:
        if request.method == "POST":
            return decide(request, user, queue)
        record = wanted(request, user, queue)
    except DomainError as error:
        messages.warning(request, error.message)
        return HttpResponseRedirect(address(request))
    if record is not None and record.status != Record.Status.IN_REVIEW:
        say_what_happened(request, record)
        return HttpResponseRedirect(address(request, next_after(queue, record)))
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("Review"),
        "undo": request.session.get(UNDO),
        "chosen": chosen,
        "languages": Record.Language.choices,
        "authors": waiting_authors(user=user),
        "tags": waiting_tags(user=user),
        "own_hidden": waiting(user=user).filter(author=user).count() if settings.FOUR_EYES else 0,
        "filters": urlencode(parameters(request)),
        "review_url": reverse("admin:curation_record_review"),
        **(shown(request, user, queue, record) if record else {}),
    }
    return TemplateResponse(request, "admin/curation/record/review.html", context)


def chosen_by(request: "HttpRequest") -> QueueFilter:
    """What the address filters by; what it cannot filter by is left out."""
    language = request.GET.get("language", "")
    return QueueFilter(
        language=language if language in Record.Language.values else "",
        tag=request.GET.get("tag", "").replace("\0", ""),
        author=uuid_of(request.GET.get("author", "")),
    )


def parameters(request: "HttpRequest") -> dict[str, str]:
    chosen = chosen_by(request)
    values = {"language": chosen.language, "tag": chosen.tag, "author": str(chosen.author or "")}
    return {name: value for name, value in values.items() if value}


def address(request: "HttpRequest", record_id: UUID | None = None) -> str:
    """The page under the same filters, at a record."""
    query = parameters(request) | ({"record": str(record_id)} if record_id else {})
    return f"{reverse('admin:curation_record_review')}{'?' if query else ''}{urlencode(query)}"


def wanted(request: "HttpRequest", user: "User", queue: "QuerySet[Record]") -> Record | None:
    if "record" not in request.GET:
        return queue.first()
    record_id = uuid_of(request.GET["record"])
    if record_id is None:
        raise NotFound(_("There is no such record."))
    return record_get(user=user, record_id=record_id)


def shown(
    request: "HttpRequest", user: "User", queue: "QuerySet[Record]", record: Record
) -> dict[str, Any]:
    place = place_of(queue, record)
    own = is_own(user, record)
    return {
        "record": record,
        "badges": status_badges(record),
        "place": place,
        "in_queue": queue.filter(pk=record.pk).exists(),
        "own": own,
        "before_url": address(request, place.before) if place.before else "",
        "after_url": address(request, place.after) if place.after else "",
        "edit_url": reverse("admin:curation_record_change", args=[record.pk]) + "?from=review",
        "compare_url": reverse("admin:curation_record_compare", args=[record.pk]),
        "similar_url": f"{reverse('admin:curation_record_similar')}?record={record.pk}",
        "findings": shown_findings(request, record),
        "differences": changed_since_approval(record),
        "revisions": revision_list(user=user, record_id=record.pk)[:SHOWN_REVISIONS],
        "reasons": REASONS,
        "max_note": MAX_NOTE,
    }


def decide(request: "HttpRequest", user: "User", queue: "QuerySet[Record]") -> "HttpResponse":
    """Take the decision that was sent. Whoever comes second is told who was first."""
    record_id = uuid_of(request.POST.get("record", ""))
    if record_id is None:
        raise NotFound(_("There is no such record."))
    record = record_get(user=user, record_id=record_id)
    revision = number_of(request.POST.get("revision", ""))
    step = request.POST.get("decision", "")
    if step == "undo":
        return undo(request, user, record, revision)
    following = next_after(queue, record)
    try:
        if record.status != Record.Status.IN_REVIEW:
            say_what_happened(request, record)
            return HttpResponseRedirect(address(request, following))
        if step == "approve":
            services.record_approve(actor=user, record=record, revision=revision)
        elif step == "reject":
            reason = request.POST.get("reason", "").replace("\r\n", "\n")
            services.record_reject(actor=user, record=record, reason=reason, revision=revision)
        else:
            return HttpResponseRedirect(address(request, record.pk))
    except Conflict as conflict:
        now = record_get(user=user, record_id=record_id)
        if now.status != Record.Status.IN_REVIEW:
            say_what_happened(request, now)
            return HttpResponseRedirect(address(request, following))
        if now.revision == revision:
            messages.error(request, conflict.message)
        else:
            who = revision_list(user=user, record_id=now.pk)[0].author or _("Somebody")
            messages.warning(
                request,
                _("%(who)s changed this record while you were reading. Look at it again.")
                % {"who": who},
            )
        return HttpResponseRedirect(address(request, now.pk))
    except DomainError as error:
        messages.error(request, error.message)
        return HttpResponseRedirect(address(request, record.pk))
    request.session[UNDO] = {
        "record": str(record.pk),
        "revision": record.revision,
        "decision": step,
        "question": excerpt(record.instruction, 60),
    }
    return HttpResponseRedirect(address(request, following))


def undo(
    request: "HttpRequest", user: "User", record: Record, revision: int | None
) -> "HttpResponse":
    request.session.pop(UNDO, None)
    try:
        services.record_undecide(actor=user, record=record, revision=revision)
    except DomainError as error:
        messages.error(request, error.message)
        return HttpResponseRedirect(address(request))
    messages.success(request, _("Taken back: the record waits for review again."))
    return HttpResponseRedirect(address(request, record.pk))


def say_what_happened(request: "HttpRequest", record: Record) -> None:
    """Who decided first, and what."""
    happened = decided_meanwhile(record)
    if happened:
        messages.warning(request, f"“{excerpt(record.instruction, 60)}”: {happened.message}")


def next_after(queue: "QuerySet[Record]", record: Record) -> UUID | None:
    """The record after this one; at the end the first one that still waits."""
    following = place_of(queue, record).after
    if following is None:
        first = queue.exclude(pk=record.pk).values_list("pk", flat=True).first()
        return first
    return following


def uuid_of(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def number_of(text: str) -> int:
    """The revision that the page showed; 0, which none has, where it is no number."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
