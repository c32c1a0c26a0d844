"""What is live, what it was measured by, and what a candidate must reach."""

from backend.serving.models.deployments import Deployment
from backend.serving.models.evaluations import Evaluation, EvaluationAnswer, GateThresholds
from backend.serving.models.votes import BlindVote

__all__ = ["BlindVote", "Deployment", "Evaluation", "EvaluationAnswer", "GateThresholds"]
