"""The JSON of records and versions."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from backend.curation.finding_serializers import FindingCounts
from backend.curation.findings.kinds import kind_name
from backend.curation.findings.summary import severity_counts
from backend.curation.models import DatasetVersion, DatasetVersionItem, Record, Revision
from backend.curation.services.import_rows import Outcome


class Person(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField(source="__str__")


class RecordOutput(serializers.ModelSerializer[Record]):
    history = serializers.ListField(child=serializers.ListField(child=serializers.CharField()))
    phrasings = serializers.ListField(child=serializers.CharField())
    author = Person(allow_null=True)
    reviewer = Person(allow_null=True)
    findings = serializers.SerializerMethodField()

    class Meta:
        model = Record
        fields = (
            "id",
            "instruction",
            "input",
            "output",
            "system",
            "history",
            "phrasings",
            "tags",
            "language",
            "status",
            "golden",
            "valid_from",
            "valid_until",
            "revision",
            "source",
            "source_detail",
            "author",
            "reviewer",
            "review_note",
            "findings",
            "forgotten_at",
            "erased_at",
            "created_at",
            "updated_at",
        )

    @extend_schema_field(FindingCounts)
    def get_findings(self, record: Record) -> dict[str, int]:
        return severity_counts(record)


class RecordInput(serializers.Serializer[Any]):
    """Describes what may be sent. The service checks it, as it checks forms and files."""

    instruction = serializers.CharField()
    input = serializers.CharField(required=False, allow_blank=True)
    output = serializers.CharField()
    system = serializers.CharField(required=False, allow_blank=True)
    history = serializers.ListField(
        child=serializers.ListField(child=serializers.CharField()),
        required=False,
        help_text="Earlier turns: [question, answer] pairs.",
    )
    phrasings = serializers.ListField(
        child=serializers.CharField(),
        required=False,
        help_text="Other wordings of the question; each trains.",
    )
    tags = serializers.ListField(child=serializers.CharField(), required=False)
    language = serializers.ChoiceField(
        Record.Language.choices, required=False, help_text="Found out where it is not given."
    )
    golden = serializers.BooleanField(required=False)
    valid_from = serializers.DateField(
        required=False, allow_null=True, help_text="The first day on which it is true."
    )
    valid_until = serializers.DateField(
        required=False, allow_null=True, help_text="The last day on which it is true."
    )


class RecordChange(RecordInput):
    revision = serializers.IntegerField(
        required=False, help_text="The revision you saw; answers 409 where there is a newer one."
    )


class RevisionInput(serializers.Serializer[Any]):
    revision = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=2**31 - 1,
        help_text="The revision you saw; answers 409 where there is a newer one.",
    )


class RejectInput(RevisionInput):
    reason = serializers.CharField(required=False, allow_blank=True, max_length=500)


class RevisionOutput(serializers.ModelSerializer[Revision]):
    content = serializers.DictField()
    author = Person(allow_null=True)

    class Meta:
        model = Revision
        fields = ("number", "content", "author", "created_at")


class ImportInput(serializers.Serializer[Any]):
    file = serializers.FileField(allow_empty_file=True)
    format = serializers.CharField(
        required=False,
        help_text="alpaca, sharegpt, openai, jsonl, csv or xlsx; by the file's name where absent",
    )
    dry_run = serializers.BooleanField(required=False, default=False)
    encoding = serializers.CharField(required=False, help_text="Of a text, if recognised wrongly.")
    delimiter = serializers.CharField(
        required=False, trim_whitespace=False, help_text="Of CSV, if recognised wrongly."
    )
    sheet = serializers.CharField(
        required=False, max_length=200, help_text="Of a spreadsheet, by its name."
    )
    header = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=1_000_000,
        help_text="The row that names the columns, from 1.",
    )
    columns = serializers.JSONField(
        required=False, help_text="A JSON object: column of the file -> field, or nothing."
    )
    placeholders = serializers.JSONField(
        required=False, help_text="A JSON object: what to write for each {{name}}."
    )


class ImportRowOutput(serializers.Serializer[Any]):
    row = serializers.IntegerField()
    outcome = serializers.ChoiceField(Outcome.choices)
    reason = serializers.CharField()


class ImportCounts(serializers.Serializer[Any]):
    new = serializers.IntegerField()
    duplicate = serializers.IntegerField()
    conflict = serializers.IntegerField()
    invalid = serializers.IntegerField()


class ImportOutput(serializers.Serializer[Any]):
    counts = ImportCounts(allow_null=True)
    rows = ImportRowOutput(many=True)
    task = serializers.UUIDField(
        allow_null=True, help_text="A worker imports a large file: GET /api/v1/tasks/{task}."
    )


class VersionCounts(serializers.Serializer[Any]):
    train = serializers.IntegerField()
    validation = serializers.IntegerField()
    golden = serializers.IntegerField()
    dropped = serializers.IntegerField()


class VersionExamples(serializers.Serializer[Any]):
    train = serializers.IntegerField()
    validation = serializers.IntegerField()
    golden = serializers.IntegerField()


class WithFindingNames(serializers.Serializer[Any]):
    """Of what has ``findings``: what people call each kind."""

    finding_names = serializers.SerializerMethodField()

    @extend_schema_field(serializers.DictField(child=serializers.CharField()))
    def get_finding_names(self, counted: Any) -> dict[str, str]:  # Any: a version or a preview
        return {code: kind_name(code) for code in counted.findings}


class DatasetVersionOutput(WithFindingNames, serializers.ModelSerializer[DatasetVersion]):
    counts = VersionCounts()
    examples = VersionExamples(help_text="One for each wording of a record's question.")
    created_by = Person(allow_null=True)
    findings = serializers.DictField(
        child=serializers.IntegerField(),
        help_text="What the quality checks said at the freeze: kind and number.",
    )
    erased = serializers.IntegerField(
        default=0,
        read_only=True,
        help_text="Records whose words were erased since; where there are some, the hash can no "
        "longer be computed from the export.",
    )

    class Meta:
        model = DatasetVersion
        fields = (
            "id",
            "number",
            "sha256",
            "counts",
            "examples",
            "findings",
            "finding_names",
            "erased",
            "validation_share",
            "note",
            "created_by",
            "created_at",
        )


class FreezeInput(serializers.Serializer[Any]):
    validation_share = serializers.FloatField(
        required=False, help_text="0 to 0.5: how much of what is new is held out; default 0.1."
    )
    note = serializers.CharField(required=False, allow_blank=True, max_length=300)


class VersionItemOutput(serializers.ModelSerializer[DatasetVersionItem]):
    record = serializers.UUIDField(source="record_id")
    revision = serializers.IntegerField(source="revision.number")
    instruction = serializers.CharField(source="revision.content.instruction")
    output = serializers.CharField(source="revision.content.output")
    reason = serializers.CharField(source="get_reason_display")
    erased = serializers.BooleanField(source="is_erased", help_text="Its words are gone.")

    class Meta:
        model = DatasetVersionItem
        fields = ("record", "revision", "split", "reason", "instruction", "output", "erased")
