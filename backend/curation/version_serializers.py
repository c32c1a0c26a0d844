"""The JSON of what is said about versions beside their content: preview and differences."""

from typing import Any

from rest_framework import serializers

from backend.curation.comparison import Change
from backend.curation.desk_serializers import PieceOutput
from backend.curation.models import DatasetVersionItem
from backend.curation.serializers import VersionCounts, VersionExamples, WithFindingNames


class VersionName(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    number = serializers.IntegerField()


class ChangeCounts(serializers.Serializer[Any]):
    added = serializers.IntegerField()
    changed = serializers.IntegerField()
    removed = serializers.IntegerField()
    moved = serializers.IntegerField(help_text="To another part of the version.")
    dropped = serializers.IntegerField(help_text="Left out, with a reason.")


class PreviewQuery(serializers.Serializer[Any]):
    validation_share = serializers.FloatField(
        required=False, help_text="As for the freeze: 0 to 0.5; default 0.1."
    )


class DroppedRecord(serializers.Serializer[Any]):
    record = serializers.UUIDField()
    instruction = serializers.CharField()
    reason = serializers.CharField(help_text="A sentence for people.")


class ExpiringRecord(serializers.Serializer[Any]):
    record = serializers.UUIDField()
    instruction = serializers.CharField()
    valid_until = serializers.DateField()


class ChangedRecord(serializers.Serializer[Any]):
    record = serializers.UUIDField()
    instruction = serializers.CharField()
    change = serializers.ChoiceField(Change.choices)


class PreviewOutput(WithFindingNames):
    counts = VersionCounts()
    examples = VersionExamples()
    day = serializers.DateField(help_text="The day on which records have to be valid.")
    against = VersionName(
        allow_null=True, help_text="The last version, which changes are counted from."
    )
    changes = ChangeCounts()
    findings = serializers.DictField(
        child=serializers.IntegerField(),
        help_text="What the quality checks say of the approved records: kind and number.",
    )
    dropped_by_reason = serializers.DictField(child=serializers.IntegerField())
    expiring = serializers.IntegerField(help_text="Would be in, and expire within 30 days.")
    dropped_records = DroppedRecord(many=True, help_text="The first 100.")
    expiring_records = ExpiringRecord(many=True, help_text="The first 100.")
    changed_records = ChangedRecord(many=True, help_text="The first 100.")


class AgainstQuery(serializers.Serializer[Any]):
    against = serializers.UUIDField(
        required=False, help_text="The version to compare with; the one before if not given."
    )


class DiffQuery(AgainstQuery):
    change = serializers.ChoiceField(
        Change.choices, required=False, help_text="Only changes of this kind."
    )


class DiffRowOutput(serializers.Serializer[Any]):
    record = serializers.UUIDField(source="id")
    change = serializers.ChoiceField(Change.choices)
    instruction = serializers.CharField(source="words")
    from_revision = serializers.IntegerField(allow_null=True)
    to_revision = serializers.IntegerField(allow_null=True)
    from_split = serializers.CharField(allow_null=True, help_text="As `split` of an item.")
    to_split = serializers.CharField(allow_null=True, help_text="As `split` of an item.")
    reason = serializers.SerializerMethodField(help_text="Why it is left out; else empty.")

    def get_reason(self, row: Any) -> str:
        return str(DatasetVersionItem.Reason(row.reason).label) if row.reason else ""


class FieldChangeOutput(serializers.Serializer[Any]):
    name = serializers.CharField()
    title = serializers.CharField(help_text="The field's name for people.")
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)
    pieces = PieceOutput(
        many=True,
        help_text="Both values as one text: same and removed are the first, same and added the "
        "second. Lists have a line for each entry.",
    )
