"""What is live, what it was measured by, and what a candidate must reach."""

from backend.serving.models.deployments import Deployment
from backend.serving.models.evaluations import Evaluation, EvaluationAnswer, GateThresholds

__all__ = ["Deployment", "Evaluation", "EvaluationAnswer", "GateThresholds"]
