"""Blind votes over HTTP."""

from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.access import acting_user
from backend.serving.evaluation_selectors import evaluation_get
from backend.serving.models import BlindVote
from backend.serving.votes import Pair, blind_vote_cast, blind_vote_next

if TYPE_CHECKING:
    import uuid

    from rest_framework.request import Request


class PairOutput(serializers.Serializer[Pair]):
    id = serializers.UUIDField(source="vote.id")
    question = serializers.CharField()
    first = serializers.CharField()
    second = serializers.CharField()
    choice = serializers.CharField(source="vote.choice", help_text="Empty before the vote.")
    candidate = serializers.SerializerMethodField(
        help_text="Which of both is the candidate's: `first` or `second`; empty before the vote."
    )

    def get_candidate(self, pair: Pair) -> str:
        if not pair.vote.choice:
            return ""
        return "first" if pair.vote.candidate_first else "second"


class ChoiceInput(serializers.Serializer[Any]):
    choice = serializers.ChoiceField([choice for choice in BlindVote.Choice.values if choice])


class EvaluationVotesView(APIView):
    @extend_schema(
        operation_id="evaluations_votes_next",
        request=None,
        responses={200: PairOutput, 204: None},
    )
    def post(self, request: "Request", evaluation_id: "uuid.UUID") -> Response:
        """Two answers to vote on; 204 where nothing is left."""
        user = acting_user(request)
        evaluation = evaluation_get(user=user, evaluation_id=evaluation_id)
        pair = blind_vote_next(user=user, evaluation=evaluation)
        if pair is None:
            return Response(status=status.HTTP_204_NO_CONTENT)
        return Response(PairOutput(pair).data)


class BlindVoteView(APIView):
    @extend_schema(operation_id="blind_votes_cast", request=ChoiceInput, responses=PairOutput)
    def post(self, request: "Request", vote_id: "uuid.UUID") -> Response:
        given = ChoiceInput(data=request.data)
        given.is_valid(raise_exception=True)
        pair = blind_vote_cast(
            user=acting_user(request), vote_id=vote_id, choice=given.validated_data["choice"]
        )
        return Response(PairOutput(pair).data)
