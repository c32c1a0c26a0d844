"""The JSON of the pre-flight."""

import json
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from backend.curation.serializers import VersionCounts, VersionExamples


class SettingsJson(serializers.CharField):
    """An object of settings, written as JSON within an address."""

    def to_internal_value(self, data: Any) -> Any:  # Any: JSON, checked setting by setting
        text = super().to_internal_value(data)
        try:
            settings = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise serializers.ValidationError(_("The settings are no JSON.")) from error
        if not isinstance(settings, dict):
            raise serializers.ValidationError(_("The settings are no JSON object."))
        return settings


class PreflightQuery(serializers.Serializer[Any]):
    assistant = serializers.CharField(
        required=False, max_length=60, help_text="Id or slug; the default assistant if not given."
    )
    base_model = serializers.CharField(
        required=False, max_length=300, help_text="The assistant's base if not given."
    )
    settings = SettingsJson(
        required=False,
        max_length=10_000,
        help_text="A JSON object: the settings that differ from the defaults for this version.",
    )


class PreflightVersion(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    number = serializers.IntegerField()


class LeftOut(serializers.Serializer[Any]):
    reason = serializers.CharField(help_text="A sentence for people.")
    count = serializers.IntegerField()


class CountedFinding(serializers.Serializer[Any]):
    code = serializers.CharField()
    name = serializers.CharField()
    count = serializers.IntegerField()


class LengthBar(serializers.Serializer[Any]):
    low = serializers.IntegerField()
    high = serializers.IntegerField(help_text="Counted in.")
    count = serializers.IntegerField()


class TooLongExample(serializers.Serializer[Any]):
    id = serializers.CharField(help_text="Record and wording.")
    record = serializers.UUIDField()
    tokens = serializers.IntegerField()


class SamplePiece(serializers.Serializer[Any]):
    text = serializers.CharField(trim_whitespace=False)
    trained = serializers.BooleanField(help_text="It is learnt; else it is only read.")


class SampleExample(serializers.Serializer[Any]):
    id = serializers.CharField()
    tokens = serializers.IntegerField()
    pieces = SamplePiece(many=True, help_text="Together the example, as the model reads it.")


class PreflightTokens(serializers.Serializer[Any]):
    measured = serializers.IntegerField(help_text="So many training examples were measured.")
    total = serializers.IntegerField()
    sampled = serializers.BooleanField(
        help_text="Not all were measured: what is counted is told for all from a chance sample."
    )
    limit = serializers.IntegerField(help_text="Longer examples are left out.")
    context = serializers.IntegerField(  # type: ignore[assignment]  # the JSON's, not the field's own
        help_text="What the base model reads."
    )
    shortest = serializers.IntegerField()
    longest = serializers.IntegerField()
    mean = serializers.FloatField()
    histogram = LengthBar(many=True)
    too_long = serializers.IntegerField()
    too_long_validation = serializers.IntegerField()
    too_long_examples = TooLongExample(many=True, help_text="The longest 100 that were measured.")
    sample = SampleExample(allow_null=True)


class ExpectedNumber(serializers.Serializer[Any]):
    value = serializers.FloatField(allow_null=True, help_text="Null where it is not known.")
    run = serializers.IntegerField(
        allow_null=True,
        help_text="The number of the run that measured it; null for a rough estimate.",
    )


class Caution(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField(help_text="A sentence for people.")
    params = serializers.DictField()
    fix = serializers.DictField(help_text="Settings that would mend it; empty where none does.")


class PreflightOutput(serializers.Serializer[Any]):
    version = PreflightVersion()
    base_model = serializers.CharField()
    settings = serializers.DictField()
    records = VersionCounts()
    examples = VersionExamples()
    left_out = LeftOut(many=True, help_text="Approved records that the freeze left out, and why.")
    findings = CountedFinding(many=True, help_text="What the checks said at the freeze.")
    tokens = PreflightTokens(allow_null=True)
    tokens_unknown = serializers.CharField(
        allow_null=True, help_text="Why `tokens` is null, in a sentence."
    )
    train_examples = serializers.IntegerField(help_text="Without those that are too long.")
    validation_examples = serializers.IntegerField()
    steps = serializers.IntegerField()
    epochs = serializers.FloatField()
    time = ExpectedNumber(help_text="In seconds, without loading the model.")
    memory = ExpectedNumber(help_text="In bytes, at the peak.")
    warnings = Caution(many=True)
