"""Who answers: an assistant's name, prompt, base model and audience."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from backend.accounts.models import Department
from backend.common.models import BaseModel


class Assistant(BaseModel):
    """One voice of the company. What is live for it stands in ``serving.Deployment``."""

    slug = models.SlugField(_("short name"), max_length=60, unique=True)
    name = models.CharField(_("name"), max_length=80)
    description = models.CharField(_("description"), max_length=300, blank=True)
    system_prompt = models.TextField(
        _("system prompt"),
        blank=True,
        max_length=8000,
        help_text=_(
            "May use {{ name }}, {{ department }}, {{ role }}, {{ language }} and {{ date }}. "
            "A line that mentions one without a value is left out."
        ),
    )
    base_model = models.CharField(_("base model"), max_length=300)
    departments = models.ManyToManyField(
        Department,
        verbose_name=_("who may use it"),
        blank=True,
        help_text=_("Empty: everybody."),
    )
    suggested_questions = models.JSONField(
        _("suggested questions"), default=dict, blank=True
    )  # {"zh": [...], "en": [...]}
    temperature = models.FloatField(
        _("temperature"),
        default=0.0,
        validators=[MinValueValidator(0.0), MaxValueValidator(2.0)],
    )
    max_new_tokens = models.PositiveIntegerField(
        _("longest answer, in tokens"),
        default=400,
        validators=[MinValueValidator(1), MaxValueValidator(8192)],
    )
    is_active = models.BooleanField(_("in use"), default=True)

    class Meta:
        verbose_name = _("assistant")
        verbose_name_plural = _("assistants")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name
