"""The JSON of what curators do beside writing: many at once, filters, history, similar records."""

from typing import Any, Final

from rest_framework import serializers

from backend.curation.differences import FieldDifference
from backend.curation.models import Record, SavedFilter
from backend.curation.serializers import Person
from backend.curation.services import BulkAction

MAX_IDS: Final = 10_000
MAX_INT: Final = 2**31 - 1


class BulkInput(serializers.Serializer[Any]):
    action = serializers.ChoiceField(BulkAction.choices)
    ids = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=MAX_IDS)
    filter = serializers.DictField(
        required=False,
        help_text="Instead of ids: the parameters of the list; {} means all records.",
    )
    reason = serializers.CharField(
        required=False, allow_blank=True, default="", help_text="Of a rejection."
    )
    tags = serializers.ListField(
        child=serializers.CharField(), required=False, default=list, help_text="To add or remove."
    )
    seen_at = serializers.DateTimeField(
        required=False,
        allow_null=True,
        default=None,
        help_text="When they were read: none is approved or rejected that was changed since.",
    )


class BulkRefusal(serializers.Serializer[Any]):
    code = serializers.CharField()
    reason = serializers.CharField()
    records = serializers.IntegerField()


class BulkOutput(serializers.Serializer[Any]):
    changed = serializers.IntegerField(
        allow_null=True, help_text="Null where a task does it: its `result` has both."
    )
    unchanged = BulkRefusal(many=True)
    task = serializers.UUIDField(
        allow_null=True, help_text="Where they are many: the task that does it, all or none."
    )


class SavedFilterInput(serializers.Serializer[Any]):
    name = serializers.CharField(trim_whitespace=False, allow_blank=True)
    query = serializers.CharField(
        trim_whitespace=False, allow_blank=True, help_text="As in the address of the list."
    )
    shared = serializers.BooleanField(required=False, default=False)


class SavedFilterChange(serializers.Serializer[Any]):
    name = serializers.CharField(required=False, trim_whitespace=False, allow_blank=True)
    shared = serializers.BooleanField(required=False)


class SavedFilterOutput(serializers.ModelSerializer[SavedFilter]):
    owner = Person()

    class Meta:
        model = SavedFilter
        fields = ("id", "name", "query", "shared", "owner", "created_at")


class SimilarInput(serializers.Serializer[Any]):
    text = serializers.CharField(trim_whitespace=False, max_length=20_000)


class SimilarOutput(serializers.ModelSerializer[Record]):
    near = serializers.FloatField(
        allow_null=True, help_text="How near the questions are, 0.75 to 1; null: found by words."
    )

    class Meta:
        model = Record
        fields = ("id", "instruction", "output", "status", "language", "golden", "near")


class SimilarList(serializers.Serializer[Any]):
    results = SimilarOutput(many=True)


class DiffInput(serializers.Serializer[Any]):
    # ``from`` is a word of Python's.
    def get_fields(self) -> dict[str, Any]:
        return {
            name: serializers.IntegerField(min_value=1, max_value=MAX_INT)
            for name in ("from", "to")
        }


class PieceOutput(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(["same", "removed", "added"])
    text = serializers.CharField()


class FieldDifferenceOutput(serializers.Serializer[FieldDifference]):
    field = serializers.CharField()
    before = serializers.CharField()
    after = serializers.CharField()
    pieces = PieceOutput(many=True)


class DiffOutput(serializers.Serializer[Any]):
    fields_changed = FieldDifferenceOutput(many=True)


class RestoreInput(serializers.Serializer[Any]):
    revision = serializers.IntegerField(
        min_value=1, max_value=MAX_INT, help_text="Whose content comes back."
    )
    seen = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=MAX_INT,
        help_text="The newest revision you saw; answers 409 where there is a newer one.",
    )
