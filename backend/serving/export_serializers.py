"""The JSON of an adapter's exports."""

from typing import Any

from django.utils.translation import gettext
from rest_framework import serializers

from backend.serving.exports import written_files
from backend.training.models import AdapterJob
from ml.export.parts import PARTS


class ExportInput(serializers.Serializer[Any]):
    what = serializers.ListField(
        child=serializers.CharField(max_length=20),
        max_length=10,
        default=["merged"],
        help_text=f"Some of {', '.join(PARTS)}.",
    )


class ExportedFile(serializers.Serializer[Any]):
    path = serializers.CharField()
    bytes = serializers.IntegerField()
    sha256 = serializers.CharField()


class ParityAnswer(serializers.Serializer[Any]):
    """The adapter's answer beside that of the merged model."""

    question = serializers.CharField()
    adapter = serializers.CharField()
    merged = serializers.CharField()
    equal = serializers.BooleanField()
    first_difference = serializers.IntegerField(
        allow_null=True, help_text="The first token that differs, from 0."
    )
    adapter_token = serializers.CharField()
    merged_token = serializers.CharField()


class Parity(serializers.Serializer[Any]):
    weights = serializers.CharField(help_text="The precision that was written.")
    computed_in = serializers.CharField()
    questions = serializers.IntegerField()
    equal_float32 = serializers.IntegerField()
    equal_rounded = serializers.IntegerField()
    rounded = ParityAnswer(many=True)


class ExportProblem(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()


class ExportStarter(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="pk")
    name = serializers.CharField(source="__str__")


class ExportOutput(serializers.ModelSerializer[AdapterJob]):
    what = serializers.SerializerMethodField()
    progress = serializers.FloatField(help_text="0 to 1.")
    bytes = serializers.SerializerMethodField(help_text="Of all files together.")
    files = serializers.SerializerMethodField()
    parity = serializers.SerializerMethodField()
    error = serializers.SerializerMethodField()
    advice = serializers.SerializerMethodField()
    started_by = ExportStarter(allow_null=True)

    class Meta:
        model = AdapterJob
        fields = (
            "id",
            "number",
            "state",
            "phase",
            "progress",
            "what",
            "bytes",
            "files",
            "parity",
            "error",
            "advice",
            "started_by",
            "created_at",
            "finished_at",
        )

    def get_what(self, export: AdapterJob) -> list[str]:
        return list(export.request.get("what") or [])

    def get_bytes(self, export: AdapterJob) -> int:
        return sum(file["bytes"] for file in written_files(export))

    # Any: what a serializer makes.
    def get_files(self, export: AdapterJob) -> Any:
        return ExportedFile(written_files(export), many=True).data

    def get_parity(self, export: AdapterJob) -> Any:
        parity = (export.result or {}).get("parity")
        return Parity(parity).data if parity else None

    def get_error(self, export: AdapterJob) -> Any:
        if export.error is None:
            return None
        message = export.error["message"]
        return {"code": export.error["code"], "message": gettext(message) if message else ""}

    def get_advice(self, export: AdapterJob) -> str | None:
        return gettext(export.advice) if export.advice else None
