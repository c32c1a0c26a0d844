"""The JSON of assistants, adapters and deployments."""

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from backend.accounts.models import Department, User
from backend.accounts.roles import Action, may
from backend.assistants.models import Assistant
from backend.serving.models import Deployment
from backend.serving.proof import template_changed
from backend.serving.selectors import Production, may_promote
from backend.training.models import Adapter
from backend.training.serializers import AssistantName

if TYPE_CHECKING:
    import uuid


class AdapterName(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()


class DeployedBy(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField(source="__str__")


class SuggestedQuestions(serializers.Serializer[Any]):
    zh = serializers.ListField(
        child=serializers.CharField(max_length=200), required=False, max_length=8
    )
    en = serializers.ListField(
        child=serializers.CharField(max_length=200), required=False, max_length=8
    )


class AssistantOutput(serializers.ModelSerializer[Assistant]):
    """Needs ``user`` and ``production`` (by assistant id) in its context."""

    system_prompt = serializers.SerializerMethodField(
        help_text="Empty for those who may not read runs."
    )
    suggested_questions = SuggestedQuestions()
    production_adapter = serializers.SerializerMethodField()

    class Meta:
        model = Assistant
        fields = (
            "id",
            "slug",
            "name",
            "description",
            "system_prompt",
            "base_model",
            "production_adapter",
            "suggested_questions",
            "temperature",
            "max_new_tokens",
            "is_active",
        )

    def get_system_prompt(self, assistant: Assistant) -> str:
        return assistant.system_prompt if may(self.context["user"], Action.RUNS_READ) else ""

    @extend_schema_field(AdapterName(allow_null=True))
    def get_production_adapter(self, assistant: Assistant) -> Any:  # Any: a serializer's output
        live: dict[uuid.UUID, Production] = self.context["production"]
        adapter = live[assistant.pk].adapter
        return None if adapter is None else AdapterName(adapter).data


class AssistantChange(serializers.ModelSerializer[Assistant]):
    suggested_questions = SuggestedQuestions(required=False)
    departments = serializers.PrimaryKeyRelatedField(
        queryset=Department.objects.all(), many=True, required=False
    )

    class Meta:
        model = Assistant
        fields = (
            "name",
            "description",
            "system_prompt",
            "base_model",
            "suggested_questions",
            "temperature",
            "max_new_tokens",
            "is_active",
            "departments",
        )


class DeploymentOutput(serializers.ModelSerializer[Deployment]):
    adapter = AdapterName(allow_null=True)
    by = DeployedBy(allow_null=True)
    at = serializers.DateTimeField(source="created_at")
    proof = serializers.ChoiceField(
        Deployment.Proof.choices, help_text="Whether the server makes the prompt that we make."
    )

    proof_note = serializers.SerializerMethodField()
    evaluation = serializers.UUIDField(source="evaluation_id", allow_null=True)
    gate_passed = serializers.SerializerMethodField(
        help_text="What the gate said then; null where nothing fitting was evaluated."
    )

    class Meta:
        model = Deployment
        fields = (
            "id",
            "adapter",
            "by",
            "at",
            "action",
            "override_reason",
            "proof",
            "proof_note",
            "evaluation",
            "gate_passed",
        )

    def get_gate_passed(self, deployment: Deployment) -> bool | None:
        return deployment.gate["passed"] if deployment.gate else None

    def get_proof_note(self, deployment: Deployment) -> str:
        return gettext(deployment.proof_note) if deployment.proof_note else ""


class AdapterOutput(serializers.ModelSerializer[Adapter]):
    """Needs ``user`` in its context, and rows of ``selectors.adapter_list``."""

    run = serializers.UUIDField(source="run_id")
    number = serializers.IntegerField(source="run.number", help_text="The run's.")
    assistant = AssistantName()
    card = serializers.DictField()
    live_in = serializers.SerializerMethodField()
    may_promote = serializers.SerializerMethodField()
    prompt_changed = serializers.SerializerMethodField(
        help_text="The assistant's system prompt is no longer the one it was trained under."
    )
    template_changed = serializers.SerializerMethodField(
        help_text="The base model's chat template is no longer the one it was trained under."
    )

    class Meta:
        model = Adapter
        fields = (
            "id",
            "name",
            "run",
            "number",
            "assistant",
            "base_model",
            "card",
            "created_at",
            "live_in",
            "may_promote",
            "prompt_changed",
            "template_changed",
        )

    def get_live_in(self, adapter: Adapter) -> list[str]:
        live: list[Deployment] = getattr(adapter, "live_deployments")  # noqa: B009
        return [str(deployment.assistant_id) for deployment in live]

    def get_may_promote(self, adapter: Adapter) -> bool:
        user: User = self.context["user"]
        return may_promote(user=user, adapter=adapter)

    def get_prompt_changed(self, adapter: Adapter) -> bool:
        return adapter.run.system_prompt != adapter.assistant.system_prompt

    def get_template_changed(self, adapter: Adapter) -> bool:
        return template_changed(adapter)


class PromoteInput(serializers.Serializer[Any]):
    assistant = serializers.CharField(max_length=60, help_text="Id or slug.")
    override_reason = serializers.CharField(required=False, allow_blank=True, max_length=500)
