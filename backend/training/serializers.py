"""The JSON of training runs. What a run shows is made in ``events``, for socket and REST alike."""

from typing import Any

from rest_framework import serializers

from backend.training.models import RunMetric, TrainingRun


class RunVersion(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    number = serializers.IntegerField()


class AssistantName(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()


class RunParent(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()


class RunProblem(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()


class DroppedExample(serializers.Serializer[Any]):
    id = serializers.CharField()
    reason = serializers.CharField()


class RunStarter(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()


class TrainingRunOutput(serializers.Serializer[Any]):
    """Describes ``events.RunFields``."""

    id = serializers.UUIDField()
    number = serializers.IntegerField()
    state = serializers.ChoiceField(TrainingRun.State.choices)
    phase = serializers.CharField(help_text="loading, training or saving; empty without a process.")
    resumable = serializers.BooleanField()
    step = serializers.IntegerField()
    total_steps = serializers.IntegerField(help_text="0 until it is known.")
    epoch = serializers.FloatField()
    progress = serializers.FloatField(help_text="0 to 1.")
    remaining_s = serializers.FloatField(allow_null=True)
    position = serializers.IntegerField(
        allow_null=True, help_text="In the queue, from 1; null unless it waits."
    )
    expected_start = serializers.DateTimeField(
        required=False,
        allow_null=True,
        help_text="Of a run that waits; null where it is not known. Not on the socket.",
    )
    adapter = serializers.UUIDField(allow_null=True)
    adapter_name = serializers.CharField(allow_null=True)
    error = RunProblem(allow_null=True)
    advice = serializers.CharField(allow_null=True)
    dropped = DroppedExample(many=True, help_text="Examples left out, and why.")
    dataset_version = RunVersion()
    assistant = AssistantName()
    base_model = serializers.CharField()
    parent = RunParent(allow_null=True, help_text="The adapter that it goes on from.")
    settings = serializers.DictField()
    started_by = RunStarter(allow_null=True)
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class CurveAdvice(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField(help_text="A sentence for people.")
    fix = serializers.DictField(help_text="Settings for the next run; perhaps empty.")


class TrainingRunDetailOutput(TrainingRunOutput):
    """One run, with what takes its curves to be read."""

    curve_advice = CurveAdvice(many=True, help_text="What the curves so far advise.")
    best_step = serializers.IntegerField(
        allow_null=True, help_text="Where the validation loss was lowest."
    )


class TrainingRunInput(serializers.Serializer[Any]):
    dataset_version = serializers.UUIDField()
    assistant = serializers.CharField(
        required=False,
        allow_null=True,
        max_length=60,
        help_text="Id or slug; the default assistant if not given.",
    )
    base_model = serializers.CharField(
        required=False,
        allow_null=True,
        max_length=300,
        help_text="The parent's base, or the assistant's, if not given.",
    )
    parent = serializers.UUIDField(  # type: ignore[assignment]  # a declaration, taken away
        required=False,
        allow_null=True,
        help_text="An adapter whose weights the run goes on from; its LoRA settings hold.",
    )
    settings = serializers.DictField(
        required=False, help_text="Those that differ from the defaults for this version."
    )


class MetricOutput(serializers.ModelSerializer[RunMetric]):
    class Meta:
        model = RunMetric
        fields = ("step", "kind", "value")


class MetricsQuery(serializers.Serializer[Any]):
    after = serializers.IntegerField(
        required=False, default=-1, min_value=-1, max_value=2**31 - 1, help_text="Only later steps."
    )


class LogQuery(serializers.Serializer[Any]):
    after = serializers.IntegerField(
        required=False,
        allow_null=True,
        default=None,
        min_value=0,
        max_value=2**53,
        help_text="From this byte on; the end of the log if not given.",
    )


class DefaultsQuery(serializers.Serializer[Any]):
    dataset_version = serializers.UUIDField(required=False)
    assistant = serializers.CharField(required=False, max_length=60, help_text="Id or slug.")


class SettingField(serializers.Serializer[Any]):
    name = serializers.CharField()
    type = serializers.ChoiceField(["int", "float", "bool", "choice", "list"])
    min = serializers.FloatField(allow_null=True)
    max = serializers.FloatField(allow_null=True)
    choices = serializers.ListField(child=serializers.CharField(), allow_null=True)
    optional = serializers.BooleanField(help_text="May be null, which leaves it out.")
    default = serializers.JSONField(allow_null=True)
    unavailable = serializers.CharField(
        allow_null=True, help_text="Why it can only be as it is here; null where it can be chosen."
    )


class SettingsPreset(serializers.Serializer[Any]):
    name = serializers.CharField()
    settings = serializers.DictField()


class DefaultsOutput(serializers.Serializer[Any]):
    settings = serializers.DictField()
    fields_ = SettingField(many=True)
    train_examples = serializers.IntegerField(allow_null=True)
    validation_examples = serializers.IntegerField(allow_null=True)
    steps = serializers.IntegerField(allow_null=True, help_text="Optimiser steps these would take.")
    base_model = serializers.CharField()
    presets = SettingsPreset(many=True)

    def get_fields(self) -> dict[str, Any]:
        """With ``fields`` under its own name, which a declaration cannot have."""
        fields = super().get_fields()
        fields["fields"] = fields.pop("fields_")
        return fields
