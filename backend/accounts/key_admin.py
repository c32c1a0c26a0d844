"""The page of API keys: everybody's own, and all of them for who manages people."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from backend.accounts import services
from backend.accounts.access import acting_user
from backend.accounts.models import ApiKey
from backend.accounts.role_admin import RoleAdmin, action
from backend.accounts.roles import Action, may
from backend.accounts.selectors import api_key_list

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import Model, QuerySet
    from django.http import HttpRequest
    from django.utils.safestring import SafeString


class KeyForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("scopes"),
        choices=ApiKey.Scope.choices,
        initial=[ApiKey.Scope.CHAT],
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
    )

    for_others = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.for_others and (field := self.fields.get("scopes")):
            # Asking for somebody else is given by who manages people only.
            own = [choice for choice in ApiKey.Scope.choices if choice[0] != ApiKey.Scope.ACT_AS]
            field.choices = own  # type: ignore[attr-defined]  # a choice field

    def clean_expires_at(self) -> "datetime | None":
        expires_at: datetime | None = self.cleaned_data["expires_at"]
        if expires_at is not None and expires_at <= timezone.now():
            raise forms.ValidationError(_("The expiry lies in the past."))
        return expires_at


@admin.register(ApiKey)
class ApiKeyAdmin(RoleAdmin):
    # Whoever reaches these pages has keys of their own.
    view_action = write_action = Action.CHAT

    form = KeyForm
    list_display = ("name", "begins", "owner", "state", "last_used_at", "created_at")
    list_filter = ("revoked_at",)
    search_fields = ("name", "prefix", "owner__username")
    actions = ("revoke",)
    actions_detail = ("revoke_one",)
    fields = (
        "name",
        "owner",
        "scopes",
        "expires_at",
        "requests_per_minute",
        "default_assistant",
    )

    def get_queryset(self, request: "HttpRequest") -> "QuerySet[ApiKey]":
        return api_key_list(user=acting_user(request))

    def add_view(
        self,
        request: "HttpRequest",
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        # What comes next is the page with the secret, whatever button was pressed.
        one_button = {"show_save_and_continue": False, "show_save_and_add_another": False}
        return super().add_view(request, form_url, {**(extra_context or {}), **one_button})

    def has_change_permission(self, request: "HttpRequest", obj: "Model | None" = None) -> bool:  # noqa: ARG002
        return False  # a key is made and ended, never changed

    def has_revoke_permission(self, request: "HttpRequest", object_id: object = None) -> bool:
        if object_id is None:
            return True
        key = self.get_object(request, str(object_id))
        return key is not None and key.revoked_at is None

    def get_fields(self, request: "HttpRequest", obj: "Model | None" = None) -> Any:
        if obj is not None:
            return (*self.fields, "begins", "state", "last_used_at", "created_at")
        manages = may(request.user, Action.PEOPLE_MANAGE)
        return self.fields if manages else [name for name in self.fields if name != "owner"]

    def get_form(
        self,
        request: "HttpRequest",
        obj: Any = None,
        change: bool = False,
        **kwargs: Any,
    ) -> "type[forms.ModelForm[ApiKey]]":
        form = super().get_form(request, obj, change=change, **kwargs)
        return type(form.__name__, (form,), {"for_others": may(request.user, Action.PEOPLE_MANAGE)})

    def get_changeform_initial_data(self, request: "HttpRequest") -> Any:
        return {"owner": acting_user(request).pk}

    def save_model(self, request: "HttpRequest", obj: ApiKey, form: Any, change: bool) -> None:  # noqa: ARG002
        actor = acting_user(request)
        key, secret = services.api_key_create(
            actor=actor,
            owner=form.cleaned_data.get("owner") or actor,
            name=obj.name,
            scopes=form.cleaned_data["scopes"],
            expires_at=obj.expires_at,
            requests_per_minute=obj.requests_per_minute,
            default_assistant=obj.default_assistant,
        )
        obj.pk = key.pk
        obj._state.adding = False
        obj.refresh_from_db()
        request.META["loredesk.secret"] = secret  # for this answer alone

    def response_add(
        self,
        request: "HttpRequest",
        obj: ApiKey,
        post_url_continue: str | None = None,  # noqa: ARG002
    ) -> HttpResponse:
        """The one page that shows the secret."""
        context = {
            **self.admin_site.each_context(request),
            "title": _("The new key"),
            "opts": ApiKey._meta,
            "key": obj,
            "secret": request.META.pop("loredesk.secret"),
        }
        return TemplateResponse(request, "admin/accounts/apikey/created.html", context)

    @admin.display(description=gettext_lazy("begins with"), ordering="prefix")
    def begins(self, key: ApiKey) -> "SafeString":
        return format_html("<code>{}…</code>", key.prefix)

    @admin.display(description=gettext_lazy("state"))
    def state(self, key: ApiKey) -> str:
        if key.revoked_at is not None:
            return _("revoked")
        if key.expires_at is not None and key.expires_at <= timezone.now():
            return _("expired")
        return _("in use")

    @admin.action(description=gettext_lazy("Revoke"), permissions=["revoke"])
    def revoke(self, request: "HttpRequest", queryset: "QuerySet[ApiKey]") -> None:
        keys = list(queryset.filter(revoked_at=None))
        for key in keys:
            services.api_key_revoke(actor=acting_user(request), key=key)
        sentence = ngettext("%(n)s key revoked.", "%(n)s keys revoked.", len(keys))
        messages.success(request, sentence % {"n": len(keys)})

    @action(
        description=gettext_lazy("Revoke"),
        permissions=["revoke"],
        icon="key_off",
        dialog={
            "title": gettext_lazy("Revoke this key"),
            "description": gettext_lazy(
                "Whatever uses it is refused from now on. This cannot be undone; a new key can "
                "be made."
            ),
            "form_class": None,
            "form_submit_text": gettext_lazy("Revoke"),
        },
    )
    def revoke_one(self, request: "HttpRequest", form: forms.Form, object_id: str) -> HttpResponse:  # noqa: ARG002
        address = reverse("admin:accounts_apikey_changelist")
        key = self.get_object(request, object_id)
        if key is not None:
            services.api_key_revoke(actor=acting_user(request), key=key)
            messages.success(request, _("The key is revoked."))
        if request.headers.get("HX-Request"):
            return HttpResponse(headers={"HX-Redirect": address})
        return HttpResponseRedirect(address)
