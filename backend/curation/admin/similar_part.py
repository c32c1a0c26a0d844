"""Similar records, as a part of a page: beside the editor and in the review."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.template.response import TemplateResponse
from django.urls import reverse

from backend.accounts.access import acting_user
from backend.curation.admin.looks import excerpt, status_badges
from backend.curation.selectors import record_list
from backend.curation.similar import Similar, similar_records, similar_to

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin
    from django.http import HttpRequest, HttpResponse


def similar_part(request: "HttpRequest", model_admin: "ModelAdmin[Any]") -> "HttpResponse":  # noqa: ARG001
    """``?record=`` for what is stored, ``?text=&context=&except=`` for what is being written."""
    user = acting_user(request)
    record_id = uuid_or_none(request.GET.get("record", ""))
    if record_id:
        record = record_list(user=user).filter(pk=record_id).first()
        found = similar_to(user=user, record=record) if record else []
    else:
        found = similar_records(
            user=user,
            text=request.GET.get("text", "").replace("\0", ""),
            context=request.GET.get("context", "").replace("\0", ""),
            except_id=uuid_or_none(request.GET.get("except", "")),
        )
    shown = {"found": [shown_similar(similar) for similar in found]}
    return TemplateResponse(request, "admin/curation/record/similar.html", shown)


def shown_similar(similar: Similar) -> dict[str, Any]:
    record = similar.record
    return {
        "link": reverse("admin:curation_record_change", args=[record.pk]),
        "question": excerpt(record.instruction, 120),
        "answer": excerpt(record.output, 120),
        "badges": status_badges(record),
        "near": None if similar.near is None else round(similar.near * 100),
    }


def uuid_or_none(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
