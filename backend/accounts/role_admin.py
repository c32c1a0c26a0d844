"""Admin pages whose permissions are our roles, and which say what went wrong instead of failing."""

from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar

from django.contrib import messages
from django.contrib.admin import display
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.http import HttpResponseRedirect
from django.utils.html import escape
from django.utils.safestring import mark_safe
from django.utils.translation import get_language

from backend.accounts.roles import Action, may
from backend.common.errors import DomainError

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.contrib import admin
    from django.db.models import Model
    from django.forms import CheckboxInput
    from django.http import HttpRequest, HttpResponse
    from django.utils.safestring import SafeString

    F = TypeVar("F", bound=Callable[..., Any])

    # What these pages use of Unfold, which has no types. Any: each page has another model.
    class ModelAdmin(admin.ModelAdmin[Any]):
        def get_custom_urls(self) -> tuple[tuple[str, str, Any], ...]: ...
        def get_actions_submit_line(self, request: HttpRequest, object_id: object) -> list[Any]: ...

    def action(**options: Any) -> Callable[[F], F]: ...

    checkbox: CheckboxInput
else:
    from unfold.admin import ModelAdmin, checkbox
    from unfold.decorators import action

__all__ = ["RoleAdmin", "action"]

# Stands in a rendered checkbox where the key of a row belongs.
ROW_KEY: Final = "row-key"


@cache
def _row_checkbox(language: str | None) -> str:  # noqa: ARG001  # its label is translated
    """Unfold renders two templates for the checkbox of each row: a tenth of a list's time."""
    return checkbox.render(ACTION_CHECKBOX_NAME, ROW_KEY)


class RoleAdmin(ModelAdmin):
    """Who may view and who may write follows from an action each; Django's permission rows do not.

    Whatever a service refuses is shown as a message, and nothing of the request is kept.
    """

    view_action: ClassVar[Action]
    write_action: ClassVar[Action]
    deletable: ClassVar[bool] = False
    list_per_page = 25
    list_sections = ()  # asked for in every row, and slow to be missed

    # display() has set it.
    @display(description=ModelAdmin.action_checkbox.short_description)  # type: ignore[attr-defined]
    def action_checkbox(self, obj: "Model") -> "SafeString":
        return mark_safe(_row_checkbox(get_language()).replace(ROW_KEY, escape(str(obj.pk))))  # noqa: S308

    def has_module_permission(self, request: "HttpRequest") -> bool:
        return may(request.user, self.view_action)

    def has_view_permission(self, request: "HttpRequest", obj: "Model | None" = None) -> bool:  # noqa: ARG002
        return may(request.user, self.view_action)

    def has_add_permission(self, request: "HttpRequest") -> bool:
        return may(request.user, self.write_action)

    def has_change_permission(self, request: "HttpRequest", obj: "Model | None" = None) -> bool:  # noqa: ARG002
        return may(request.user, self.write_action)

    def has_delete_permission(self, request: "HttpRequest", obj: "Model | None" = None) -> bool:  # noqa: ARG002
        return self.deletable and may(request.user, self.write_action)

    def changeform_view(
        self,
        request: "HttpRequest",
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> "HttpResponse":
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except DomainError as error:
            messages.error(request, error.message)
            return HttpResponseRedirect(request.get_full_path())

    def changelist_view(
        self, request: "HttpRequest", extra_context: dict[str, Any] | None = None
    ) -> "HttpResponse":
        try:
            return super().changelist_view(request, extra_context)
        except DomainError as error:
            messages.error(request, error.message)
            return HttpResponseRedirect(request.get_full_path())
