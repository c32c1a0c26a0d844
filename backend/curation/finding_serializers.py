"""The JSON of findings and lengths."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from backend.curation.findings.kinds import (
    Fix,
    finding_sentence,
    fix_label,
    fixes_of,
    found_excerpts,
    kind_name,
)
from backend.curation.findings.selectors import SEVERITIES
from backend.curation.models import Finding
from ml.formats.rows import MAX_CHARACTERS, MAX_ENTRIES


class FindingCounts(serializers.Serializer[Any]):
    error = serializers.IntegerField()
    warning = serializers.IntegerField()
    info = serializers.IntegerField()


class FixOutput(serializers.Serializer[Any]):
    fix = serializers.ChoiceField(Fix.choices)
    label = serializers.CharField()  # type: ignore[assignment]  # the JSON's, not the field's own


class PersonOfFinding(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField(source="__str__")


class FindingOutput(serializers.ModelSerializer[Finding]):
    severity = serializers.SerializerMethodField()
    name = serializers.SerializerMethodField()
    message = serializers.SerializerMethodField()
    found = serializers.SerializerMethodField()
    fixes = serializers.SerializerMethodField()
    other = serializers.UUIDField(source="other_id", allow_null=True)
    ignored_by = PersonOfFinding(allow_null=True)

    class Meta:
        model = Finding
        fields = (
            "id",
            "code",
            "name",
            "severity",
            "field",
            "message",
            "found",
            "params",
            "other",
            "revision",
            "fixes",
            "ignored_by",
            "ignored_at",
        )

    @extend_schema_field(serializers.ChoiceField(list(SEVERITIES)))
    def get_severity(self, finding: Finding) -> str:
        return Finding.Severity(finding.severity).name.lower()

    def get_name(self, finding: Finding) -> str:
        return kind_name(finding.code)

    def get_message(self, finding: Finding) -> str:
        return finding_sentence(finding)

    def get_found(self, finding: Finding) -> list[str]:
        return found_excerpts(finding)

    @extend_schema_field(FixOutput(many=True))
    def get_fixes(self, finding: Finding) -> list[dict[str, str]]:
        return [{"fix": fix.value, "label": fix_label(finding, fix)} for fix in fixes_of(finding)]


class FixInput(serializers.Serializer[Any]):
    fix = serializers.ChoiceField(
        Fix.choices, required=False, help_text="The finding's first fix where it is not given."
    )
    revision = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=2**31 - 1,
        help_text="The record's revision you saw; answers 409 where there is a newer one.",
    )


class IgnoreInput(serializers.Serializer[Any]):
    ignored = serializers.BooleanField(
        required=False, default=True, help_text="False takes the decision back."
    )


class SummaryOutput(serializers.Serializer[Any]):
    severity = FindingCounts(help_text="Approved records whose worst finding it is.")
    code = serializers.DictField(
        child=serializers.IntegerField(), help_text="Approved records by kind of finding."
    )
    unchecked = serializers.IntegerField(help_text="Records that are still to be looked at.")


class LengthInput(serializers.Serializer[Any]):
    """A record as far as it is written."""

    instruction = serializers.CharField(
        required=False, allow_blank=True, max_length=MAX_CHARACTERS["instruction"]
    )
    output = serializers.CharField(
        required=False, allow_blank=True, max_length=MAX_CHARACTERS["output"]
    )
    input = serializers.CharField(
        required=False, allow_blank=True, max_length=MAX_CHARACTERS["input"]
    )
    system = serializers.CharField(
        required=False, allow_blank=True, max_length=MAX_CHARACTERS["system"]
    )
    phrasings = serializers.ListField(
        child=serializers.CharField(allow_blank=True, max_length=MAX_CHARACTERS["phrasings"]),
        required=False,
        max_length=MAX_ENTRIES,
    )
    history = serializers.ListField(
        child=serializers.ListField(
            child=serializers.CharField(allow_blank=True, max_length=MAX_CHARACTERS["history"]),
            min_length=2,
            max_length=2,
        ),
        required=False,
        max_length=MAX_ENTRIES,
    )


class LengthOutput(serializers.Serializer[Any]):
    model = serializers.CharField()
    question = serializers.IntegerField(
        allow_null=True, help_text="Tokens of the longest wording with its context."
    )
    answer = serializers.IntegerField(allow_null=True)
    total = serializers.IntegerField(
        allow_null=True, help_text="Of the whole example, with template and system prompt."
    )
    limit = serializers.IntegerField(
        allow_null=True,
        help_text="How many the model reads; null where its tokenizer is not at hand.",
    )
    answer_limit = serializers.IntegerField(allow_null=True)
