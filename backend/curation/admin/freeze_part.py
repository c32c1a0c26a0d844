"""What a freeze would hold, in its dialog; asked for again when the share changes."""

from typing import TYPE_CHECKING, Any, Final

from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import urlencode

from backend.accounts.access import acting_user
from backend.curation.comparison import Change
from backend.curation.findings.kinds import kind_name
from backend.curation.findings.selectors import findings_of_approved
from backend.curation.freeze_preview import freeze_preview
from backend.curation.models import DatasetVersionItem, Record
from backend.curation.services.versions import DEFAULT_SHARE, MAX_SHARE
from backend.curation.standing import record_counts

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin
    from django.http import HttpRequest, HttpResponse

    from backend.accounts.models import User

Reason = DatasetVersionItem.Reason
Status = Record.Status
# A dialog opens at once: with more, the counts are left to the studio, which waits for them.
AT_ONCE: Final = 5000
STUDIO_VERSIONS: Final = "/studio/versions"
PERCENT: Final = "validation_percent"


def freeze_part(
    request: "HttpRequest",
    model_admin: "ModelAdmin[Any]",  # noqa: ARG001
) -> "HttpResponse":
    """The part of the dialog alone, for the share of the address."""
    context = freeze_context(request, request.GET.get(PERCENT))
    return TemplateResponse(request, "admin/curation/record/freeze_part.html", context)


def freeze_context(request: "HttpRequest", given: str | None) -> dict[str, Any]:
    """What the template shows; with a share that cannot be, as with the usual one.

    Args:
        request: whose it is.
        given: the share in percent, as somebody wrote it.
    """
    percent = percent_of(given)
    user = acting_user(request)
    approved = number_approved(user)
    shown: dict[str, Any] = {
        "address": reverse("admin:curation_record_freeze_part"),
        "percent": percent,
        "approved": approved,
        "studio": STUDIO_VERSIONS,
    }
    if approved > AT_ONCE:
        return shown | {"is_large": True, "findings": findings_shown(findings_of_approved())}
    preview = freeze_preview(user=user, validation_share=percent / 100)
    return shown | {
        "preview": preview,
        "dropped": [
            (Reason(reason).label, number)
            for reason, number in sorted(preview.dropped_by_reason.items())
        ],
        "changes": [
            (Change(change).label, number) for change, number in preview.changes.items() if number
        ],
        "findings": findings_shown(preview.findings),
    }


def percent_of(given: str | None) -> int:
    """A share that can be."""
    try:
        percent = int((given or "")[:3])
    except ValueError:
        percent = -1
    return percent if 0 <= percent <= MAX_SHARE * 100 else int(DEFAULT_SHARE * 100)


def number_approved(user: "User") -> int:
    """Read from the tally, which counts for every page."""
    return sum(
        number for status, *_, number in record_counts(user=user) if status == Status.APPROVED
    )


def findings_shown(findings: dict[str, int]) -> list[tuple[str, int, str]]:
    """Each kind by its name, how often it was found, and where its records are listed."""
    changelist = reverse("admin:curation_record_changelist")
    return [
        (
            kind_name(code),
            number,
            f"{changelist}?{urlencode({'status__exact': Status.APPROVED.value, 'finding': code})}",
        )
        for code, number in findings.items()
    ]
