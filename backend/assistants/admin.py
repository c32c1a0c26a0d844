"""The administrators' page of assistants. What is live for each stands in the studio."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextareaWidget

from backend.accounts.access import acting_user
from backend.accounts.models import Department
from backend.accounts.role_admin import RoleAdmin
from backend.accounts.roles import Action
from backend.assistants.base_models import base_model_check
from backend.assistants.models import Assistant
from backend.assistants.services import assistant_create, assistant_update
from backend.common.errors import Invalid

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest


def questions_field(label: Any) -> forms.CharField:
    return forms.CharField(
        label=label,
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=gettext_lazy("Offered on an empty chat page, one per line."),
    )


class AssistantForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    questions_zh = questions_field(gettext_lazy("suggested questions, Chinese"))
    questions_en = questions_field(gettext_lazy("suggested questions, English"))
    departments = forms.ModelMultipleChoiceField(
        label=gettext_lazy("who may use it"),
        queryset=Department.objects.all(),
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text=gettext_lazy("Empty: everybody."),
    )

    class Meta:
        model = Assistant
        fields = (
            "name",
            "slug",
            "description",
            "system_prompt",
            "base_model",
            "temperature",
            "max_new_tokens",
            "is_active",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        questions = self.instance.suggested_questions or {}
        self.initial["questions_zh"] = "\n".join(questions.get("zh", []))
        self.initial["questions_en"] = "\n".join(questions.get("en", []))

    def clean_base_model(self) -> str:
        try:
            return base_model_check(self.cleaned_data["base_model"])
        except Invalid as refused:
            raise forms.ValidationError(refused.message) from refused

    def suggested_questions(self) -> dict[str, list[str]]:
        return {
            language: [
                line.strip()
                for line in self.cleaned_data[f"questions_{language}"].splitlines()
                if line.strip()
            ]
            for language in ("zh", "en")
        }


@admin.register(Assistant)
class AssistantAdmin(RoleAdmin):
    view_action = write_action = Action.ASSISTANTS_MANAGE

    form = AssistantForm
    warn_unsaved_form = True
    list_display = ("name", "slug", "base_model", "audience", "is_active")
    search_fields = ("name", "slug")
    prepopulated_fields = {"slug": ("name",)}
    fieldsets = (
        (None, {"fields": (("name", "slug"), "description", "system_prompt")}),
        (gettext_lazy("Model"), {"fields": ("base_model", ("temperature", "max_new_tokens"))}),
        (gettext_lazy("Audience"), {"fields": ("departments", "is_active")}),
        (gettext_lazy("Chat page"), {"fields": (("questions_zh", "questions_en"),)}),
    )

    def get_queryset(self, request: "HttpRequest") -> "QuerySet[Assistant]":
        return super().get_queryset(request).prefetch_related("departments")

    def get_readonly_fields(self, request: "HttpRequest", obj: Any = None) -> tuple[str, ...]:  # noqa: ARG002
        # Other systems call the assistant by it.
        return () if obj is None else ("slug",)

    def get_prepopulated_fields(self, request: "HttpRequest", obj: Any = None) -> Any:  # noqa: ARG002
        return self.prepopulated_fields if obj is None else {}

    @admin.display(description=gettext_lazy("who may use it"))
    def audience(self, assistant: Assistant) -> str:
        names = [department.name for department in assistant.departments.all()]
        return ", ".join(names) or str(gettext_lazy("everybody"))

    def save_model(self, request: "HttpRequest", obj: Assistant, form: Any, change: bool) -> None:
        actor = acting_user(request)
        given = form.cleaned_data
        fields: Any = {
            name: given[name]
            for name in (
                "name",
                "description",
                "system_prompt",
                "base_model",
                "temperature",
                "max_new_tokens",
                "is_active",
                "departments",
            )
        }
        fields["suggested_questions"] = form.suggested_questions()
        if change:
            assistant = Assistant.objects.get(pk=obj.pk)
            assistant_update(user=actor, assistant=assistant, **fields)
        else:
            assistant = assistant_create(user=actor, slug=given["slug"], **fields)
        obj.pk = assistant.pk
        obj._state.adding = False
        obj.refresh_from_db()

    def save_related(self, request: "HttpRequest", form: Any, formsets: Any, change: bool) -> None:
        """Nothing: the service has stored the departments."""
