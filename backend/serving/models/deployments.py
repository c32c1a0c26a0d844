"""What is live, and why."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from backend.assistants.models import Assistant
from backend.common.models import BaseModel
from backend.serving.models.evaluations import Evaluation
from backend.training.models import Adapter


class Deployment(BaseModel):
    """One switch of what answers for an assistant; the newest one is in production.

    ``adapter`` empty means the base model alone.
    """

    class Action(models.TextChoices):
        PROMOTE = "promote", _("promoted")
        ROLLBACK = "rollback", _("rolled back")

    class Proof(models.TextChoices):
        PROVEN = "proven", _("the server makes the same prompt")
        UNPROVEN = "unproven", _("not compared")
        DIFFERENT = "different", _("the server makes another prompt")

    assistant = models.ForeignKey(Assistant, on_delete=models.CASCADE, related_name="deployments")
    adapter = models.ForeignKey(
        Adapter, null=True, on_delete=models.PROTECT, related_name="deployments"
    )
    action = models.CharField(max_length=10, choices=Action.choices)
    # Where a rollback from here goes; empty means to the base model. A promotion sets it to what
    # it replaced, a rollback to what stood before its target, so that a second rollback goes
    # one further and not forth again.
    previous = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="+")
    is_current = models.BooleanField(default=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    override_reason = models.CharField(max_length=500, blank=True)
    # What it rests on, and what the gate said of that then: {passed, reasons, thresholds}.
    evaluation = models.ForeignKey(
        Evaluation, null=True, on_delete=models.PROTECT, related_name="deployments"
    )
    gate = models.JSONField(null=True)
    # Whether our token ids of a sample prompt are the server's.
    proof = models.CharField(max_length=10, choices=Proof.choices, default=Proof.UNPROVEN)
    proof_note = models.CharField(max_length=300, blank=True)

    class Meta:
        verbose_name = _("deployment")
        verbose_name_plural = _("deployments")
        ordering = ("-created_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=["assistant"],
                condition=models.Q(is_current=True),
                name="one_deployment_in_production",
            ),
        )

    def __str__(self) -> str:
        return f"{self.assistant_id} {self.action} {self.adapter_id}"
