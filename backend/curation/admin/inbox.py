"""The inbox pages: what people reported, and what a curator makes of it."""

import json
from typing import TYPE_CHECKING, Any, Final

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from backend.accounts.access import acting_user
from backend.accounts.role_admin import RoleAdmin
from backend.accounts.roles import Action
from backend.common.errors import DomainError
from backend.curation import services
from backend.curation.admin.inbox_looks import rating_badge, state_badge
from backend.curation.admin.looks import NOTHING, excerpt, moment, paragraphs
from backend.curation.differences import text_differences
from backend.curation.inbox_selectors import inbox_counts, inbox_list, inbox_next, inbox_search
from backend.curation.models import FeedbackItem
from backend.curation.models.inbox import MAX_NOTE

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse
    from django.utils.safestring import SafeString

State = FeedbackItem.State
LIST: Final = "admin:curation_feedbackitem_changelist"
ITEM: Final = "admin:curation_feedbackitem_change"


@admin.register(FeedbackItem)
class FeedbackItemAdmin(RoleAdmin):
    view_action = write_action = Action.RECORDS_WRITE

    list_display = (
        "question_and_comment",
        "rating_shown",
        "state_shown",
        "reporter",
        "assistant_name",
        "age",
    )
    list_display_links = ("question_and_comment",)
    empty_value_display = NOTHING
    list_filter = ("state", "rating", "assistant")
    list_filter_submit = True
    search_fields = ("question",)  # shows the box; inbox_search does the search
    search_help_text = gettext_lazy("Question, answer, comment or suggestion")
    list_before_template = "admin/curation/feedbackitem/before_list.html"
    actions = ("handle_chosen",)

    def has_add_permission(self, request: "HttpRequest") -> bool:  # noqa: ARG002
        return False  # people report from the chat

    def get_queryset(self, request: "HttpRequest") -> "QuerySet[FeedbackItem]":
        if not self.has_view_permission(request):
            return FeedbackItem.objects.none()  # Django looks for the object before it refuses
        return inbox_list(user=acting_user(request)).order_by("-created_at", "-pk")

    def get_search_results(
        self,
        request: "HttpRequest",  # noqa: ARG002
        queryset: "QuerySet[FeedbackItem]",
        search_term: str,
    ) -> "tuple[QuerySet[FeedbackItem], bool]":
        return inbox_search(queryset, search_term), False

    # ------------------------------------------------------------ the list

    def changelist_view(
        self, request: "HttpRequest", extra_context: dict[str, Any] | None = None
    ) -> "HttpResponse":
        if not self.has_view_permission(request):
            raise PermissionDenied
        shown = {"title": _("Inbox"), "state_tabs": self.state_tabs(request)}
        return super().changelist_view(request, {**(extra_context or {}), **shown})

    def state_tabs(self, request: "HttpRequest") -> list[dict[str, object]]:
        """A link for each state with its number of items, and one for all."""
        counts = inbox_counts(user=acting_user(request))
        chosen = request.GET.get("state__exact", "")
        tabs: list[dict[str, object]] = []
        for value, name in [*State.choices, ("", _("All"))]:
            query = request.GET.copy()
            for parameter in ("state__exact", "p"):
                query.pop(parameter, None)
            if value:
                query["state__exact"] = value
            tabs.append(
                {
                    "name": name,
                    "number": counts[value] if value else sum(counts.values()),
                    "link": f"?{query.urlencode()}",
                    "chosen": value == chosen,
                }
            )
        return tabs

    @admin.display(description=gettext_lazy("question and comment"))
    def question_and_comment(self, item: FeedbackItem) -> "SafeString":
        return format_html(
            '<span class="ld-question">{}</span><span class="ld-answer">{}</span>',
            excerpt(item.question) or "–",
            excerpt(item.comment or item.correction),
        )

    @admin.display(description=gettext_lazy("rating"), ordering="rating")
    def rating_shown(self, item: FeedbackItem) -> "SafeString":
        return rating_badge(item)

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_shown(self, item: FeedbackItem) -> "SafeString":
        return state_badge(item)

    @admin.display(description=gettext_lazy("age"), ordering="-created_at")
    def age(self, item: FeedbackItem) -> "SafeString":
        return format_html(
            '<time class="ld-time" datetime="{}" title="{}">{}</time>',
            item.created_at.isoformat(),
            f"{timezone.localtime(item.created_at):%Y-%m-%d %H:%M}",
            timesince(item.created_at, depth=1),
        )

    @admin.action(description=gettext_lazy("Mark as handled"), permissions=["change"])
    def handle_chosen(self, request: "HttpRequest", queryset: "QuerySet[FeedbackItem]") -> None:
        done, refused = 0, dict[str, int]()
        for item in queryset:
            try:
                services.inbox_item_handle(actor=acting_user(request), item=item)
            except DomainError as error:
                refused[error.message] = refused.get(error.message, 0) + 1
            else:
                done += 1
        if done:
            sentence = ngettext("%(n)s item is handled.", "%(n)s items are handled.", done)
            messages.success(request, sentence % {"n": done})
        for reason, number in refused.items():
            left = ngettext(
                "%(n)s item is unchanged: %(reason)s",
                "%(n)s items are unchanged: %(reason)s",
                number,
            )
            messages.warning(request, left % {"n": number, "reason": reason})

    # ------------------------------------------------------------ one item

    def change_view(
        self,
        request: "HttpRequest",
        object_id: str,
        form_url: str = "",  # noqa: ARG002
        extra_context: dict[str, Any] | None = None,
    ) -> "HttpResponse":
        """Our own page: nothing of an item is edited, it is decided on."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        item = self.get_object(request, object_id)
        if not isinstance(item, FeedbackItem):
            messages.error(request, _("There is no such feedback."))
            return HttpResponseRedirect(reverse(LIST))
        following = inbox_next(user=acting_user(request), item=item)
        if request.method == "POST":
            return self.decide(request, item, following)
        context = {
            **self.admin_site.each_context(request),
            **self.shown(item),
            **(extra_context or {}),
            "title": _("Feedback"),
            "opts": self.opts,
            "next_url": reverse(ITEM, args=[following.pk]) if following else "",
        }
        return TemplateResponse(request, "admin/curation/feedbackitem/item.html", context)

    def history_view(
        self,
        request: "HttpRequest",  # noqa: ARG002
        object_id: str,
        extra_context: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> "HttpResponse":
        return HttpResponseRedirect(reverse(ITEM, args=[object_id]))

    def shown(self, item: FeedbackItem) -> dict[str, Any]:
        """What the template shows of an item."""
        record_url = (
            reverse("admin:curation_record_change", args=[item.record_id]) if item.record_id else ""
        )
        return {
            "item": item,
            "rating_badge": rating_badge(item),
            "state_badge": state_badge(item),
            "reported": moment(item.created_at),
            "handled": moment(item.handled_at) if item.handled_at else "",
            "earlier": [(question, answer) for question, answer in item.history],
            "sources": paragraphs([source_line(source) for source in item.sources]),
            "parts": text_differences(item.answer, item.correction) if item.correction else None,
            "record_url": record_url,
            "is_open": item.state == State.OPEN,
            "max_note": MAX_NOTE,
            "list_url": f"{reverse(LIST)}?state__exact=open",
        }

    def decide(
        self, request: "HttpRequest", item: FeedbackItem, following: FeedbackItem | None
    ) -> "HttpResponse":
        """Take one step, and lead to what comes next: the draft, or the next open item."""
        actor, here = acting_user(request), reverse(ITEM, args=[item.pk])
        seen = request.POST.get("revision", "")
        revision = int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 10 else None
        try:
            match request.POST.get("step"):
                case "draft":
                    content = {}
                    if written := request.POST.get("output", "").strip():
                        content["output"] = written
                    record = services.inbox_item_draft(
                        actor=actor, item=item, content=content, revision=revision
                    )
                    messages.success(request, _("This draft is made of the feedback."))
                    here = reverse("admin:curation_record_change", args=[record.pk])
                case "handle":
                    services.inbox_item_handle(
                        actor=actor,
                        item=item,
                        note=request.POST.get("note", ""),
                        revision=revision,
                    )
                    messages.success(request, _("Handled."))
                    here = (
                        reverse(ITEM, args=[following.pk])
                        if following
                        else f"{reverse(LIST)}?state__exact=open"
                    )
                case "reopen":
                    services.inbox_item_reopen(actor=actor, item=item)
                    messages.success(request, _("It is open again."))
        except DomainError as error:
            messages.error(request, error.message)
        return HttpResponseRedirect(here)


def source_line(source: object) -> str:
    """A source as one line, whatever shape it has."""
    if isinstance(source, dict):
        for name in ("title", "document", "name", "text"):
            if isinstance(text := source.get(name), str) and text:
                return excerpt(text, 200)
    return excerpt(json.dumps(source, ensure_ascii=False), 200)
