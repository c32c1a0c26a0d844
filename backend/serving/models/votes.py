"""What people think of two answers when they do not know whose they are."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from backend.common.models import BaseModel
from backend.serving.models.evaluations import Evaluation, EvaluationAnswer


class BlindVote(BaseModel):
    """One person's choice between the candidate's answer to a question and the reference's."""

    class Choice(models.TextChoices):
        NONE = "", _("not yet")
        FIRST = "first", _("the first")
        SECOND = "second", _("the second")
        TIE = "tie", _("both alike")

    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="votes")
    kind = models.CharField(max_length=10, choices=EvaluationAnswer.Kind.choices)
    example = models.CharField(max_length=80)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    # Drawn by lot; told only after the vote.
    candidate_first = models.BooleanField()
    choice = models.CharField(max_length=6, choices=Choice.choices, blank=True)

    class Meta:
        verbose_name = _("blind vote")
        verbose_name_plural = _("blind votes")
        ordering = ("-created_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=["evaluation", "kind", "example", "by"], name="voted_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.by_id} on {self.kind} {self.example}"
