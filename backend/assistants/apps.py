from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AssistantsConfig(AppConfig):
    name = "backend.assistants"
    verbose_name = _("Assistants")
