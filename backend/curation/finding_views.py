"""Findings and lengths over HTTP."""

from typing import TYPE_CHECKING

from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.access import acting_user
from backend.accounts.roles import Action, require
from backend.curation.finding_serializers import (
    FindingOutput,
    FixInput,
    IgnoreInput,
    LengthInput,
    LengthOutput,
    SummaryOutput,
)
from backend.curation.findings.kinds import fixes_of
from backend.curation.findings.selectors import finding_get, findings_summary, record_findings
from backend.curation.findings.services import finding_fix, finding_ignore
from backend.curation.lengths import token_counts
from backend.curation.models import Finding
from backend.curation.serializers import RecordOutput
from backend.curation.views import json_object
from ml.formats import RecordFields

if TYPE_CHECKING:
    import uuid

    from rest_framework.request import Request


class RecordFindingsView(GenericAPIView[Finding]):
    serializer_class = FindingOutput
    filter_backends = ()
    pagination_class = None

    @extend_schema(operation_id="records_findings_list", responses=FindingOutput(many=True))
    def get(self, request: "Request", record_id: "uuid.UUID") -> Response:
        findings = record_findings(user=acting_user(request), record_id=record_id)
        return Response(FindingOutput(findings, many=True).data)


class FindingFixView(APIView):
    @extend_schema(operation_id="records_findings_fix", request=FixInput, responses=RecordOutput)
    def post(self, request: "Request", record_id: "uuid.UUID", finding_id: "uuid.UUID") -> Response:
        user = acting_user(request)
        given = FixInput(data=json_object(request))
        given.is_valid(raise_exception=True)
        finding = finding_get(user=user, record_id=record_id, finding_id=finding_id)
        first = next(iter(fixes_of(finding)), "")
        record = finding_fix(
            actor=user,
            finding=finding,
            fix=given.validated_data.get("fix", first),
            revision=given.validated_data.get("revision"),
        )
        return Response(RecordOutput(record).data)


class FindingIgnoreView(APIView):
    @extend_schema(
        operation_id="records_findings_ignore", request=IgnoreInput, responses=FindingOutput
    )
    def post(self, request: "Request", record_id: "uuid.UUID", finding_id: "uuid.UUID") -> Response:
        user = acting_user(request)
        given = IgnoreInput(data=json_object(request))
        given.is_valid(raise_exception=True)
        finding = finding_get(user=user, record_id=record_id, finding_id=finding_id)
        ignored = finding_ignore(
            actor=user, finding=finding, ignored=given.validated_data["ignored"]
        )
        return Response(FindingOutput(ignored).data)


class FindingsSummaryView(APIView):
    @extend_schema(operation_id="findings_summary", responses=SummaryOutput)
    def get(self, request: "Request") -> Response:
        return Response(SummaryOutput(findings_summary(user=acting_user(request))).data)


class RecordLengthView(APIView):
    @extend_schema(operation_id="records_length", request=LengthInput, responses=LengthOutput)
    def post(self, request: "Request") -> Response:
        require(acting_user(request), Action.RECORDS_READ)
        given = LengthInput(data=json_object(request))
        given.is_valid(raise_exception=True)
        texts = given.validated_data
        content = RecordFields(
            instruction=texts.get("instruction", ""),
            output=texts.get("output", ""),
            input=texts.get("input", ""),
            system=texts.get("system", ""),
            phrasings=tuple(texts.get("phrasings", ())),
            history=tuple((asked, said) for asked, said in texts.get("history", ())),
        )
        return Response(LengthOutput(token_counts(content)).data)
