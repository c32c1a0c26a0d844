"""The administrators' pages: people, departments, keys and the audit trail."""

import json
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group
from django.db.models import Count
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from backend.accounts import key_admin
from backend.accounts.access import acting_user
from backend.accounts.models import Department, User
from backend.accounts.role_admin import RoleAdmin
from backend.accounts.roles import ROLE_NAMES, Action, Role
from backend.accounts.services import person_save
from backend.common.audit import audit_write
from backend.common.models import AuditEntry

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet
    from django.http import HttpRequest, HttpResponse
    from django.utils.safestring import SafeString

__all__ = ["AuditAdmin", "DepartmentAdmin", "PersonAdmin", "key_admin"]

admin.site.unregister(Group)  # a role is given on the person's page


def roles_field() -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(
        label=gettext_lazy("roles"),
        choices=[(role.value, ROLE_NAMES[role]) for role in Role],
        initial=[Role.EMPLOYEE.value],
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
    )


class NewPersonForm(UserCreationForm):  # type: ignore[misc]  # Unfold has no types
    roles = roles_field()


class PersonForm(UserChangeForm):  # type: ignore[misc]  # Unfold has no types
    roles = roles_field()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["roles"] = [group.name for group in self.instance.groups.all()]


@admin.register(User)
class PersonAdmin(RoleAdmin, UserAdmin):  # type: ignore[type-arg]  # not generic at run time
    view_action = write_action = Action.PEOPLE_MANAGE

    form = PersonForm
    add_form = NewPersonForm
    change_password_form = AdminPasswordChangeForm
    list_display = (
        "username",
        "display_name",
        "department",
        "roles_shown",
        "is_active",
        "last_login",
    )
    list_filter = ("is_active", "groups", "department")
    list_select_related = ("department",)
    search_fields = ("username", "display_name", "email")
    ordering = ("username",)
    readonly_fields = ("last_login", "date_joined")
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("username", "display_name", "email", "department", "language")}),
        (gettext_lazy("Access"), {"fields": ("roles", "is_active", "password")}),
        (gettext_lazy("Dates"), {"fields": (("last_login", "date_joined"),)}),
    )
    add_fieldsets = (
        (None, {"fields": ("username", "display_name", "department", "language")}),
        (gettext_lazy("Access"), {"fields": ("roles", "password1", "password2")}),
    )

    def get_queryset(self, request: "HttpRequest") -> "QuerySet[User]":
        people: QuerySet[User] = super().get_queryset(request)
        return people.prefetch_related("groups")

    @admin.display(description=gettext_lazy("roles"))
    def roles_shown(self, person: User) -> "SafeString":
        names = {group.name for group in person.groups.all()}
        shown = ((ROLE_NAMES[role],) for role in Role if role.value in names)
        return format_html(
            '<span class="ld-tags">{}</span>',
            format_html_join("", '<span class="ld-tag">{}</span>', shown),
        )

    def save_model(self, request: "HttpRequest", obj: User, form: Any, change: bool) -> None:  # noqa: ARG002
        roles = [Role(name) for name in form.cleaned_data["roles"]]
        person_save(actor=acting_user(request), person=obj, roles=roles)

    def user_change_password(
        self, request: "HttpRequest", id: str, form_url: str = ""
    ) -> "HttpResponse":
        answer = super().user_change_password(request, id, form_url)
        person = self.get_object(request, id)
        if request.method == "POST" and answer.status_code == 302 and person is not None:
            audit_write(
                actor=acting_user(request),
                action="person.password",
                entity=person,
                username=person.username,
            )
        return answer


@admin.register(Department)
class DepartmentAdmin(RoleAdmin):
    view_action = write_action = Action.PEOPLE_MANAGE
    deletable = True

    list_display = ("name", "people_count")
    search_fields = ("name",)
    fields = ("name",)

    def get_queryset(self, request: "HttpRequest") -> "QuerySet[Department]":
        departments: QuerySet[Department] = super().get_queryset(request)
        return departments.annotate(number=Count("people"))

    @admin.display(description=gettext_lazy("people"), ordering="number")
    def people_count(self, department: Department) -> int:
        number: int = getattr(department, "number", 0)
        return number


@admin.register(AuditEntry)
class AuditAdmin(RoleAdmin):
    """Read only: an audit trail that can be edited is none."""

    view_action = write_action = Action.AUDIT_READ

    list_display = ("at", "actor", "action", "entity_type", "entity_id", "details")
    list_display_links = None
    list_select_related = ("actor",)
    search_fields = ("action", "entity_type", "entity_id", "actor__username")
    date_hierarchy = "at"

    def has_add_permission(self, request: "HttpRequest") -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: "HttpRequest", obj: "Model | None" = None) -> bool:  # noqa: ARG002
        return False

    @admin.display(description=gettext_lazy("details"))
    def details(self, entry: AuditEntry) -> "SafeString":
        text = json.dumps(entry.data, ensure_ascii=False)
        return format_html('<span class="ld-answer">{}</span>', text[:300])
