"""Filters of the record list that people keep under a name."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from backend.common.models import BaseModel


class SavedFilter(BaseModel):
    """Search, filters and order of the list, as the query string that the list's address has."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("owner"),
        on_delete=models.CASCADE,
        related_name="saved_filters",
    )
    name = models.CharField(_("name"), max_length=60)
    query = models.CharField(_("filter"), max_length=2000)
    shared = models.BooleanField(
        _("shared"), default=False, help_text=_("Everybody who works with records sees it.")
    )

    class Meta:
        verbose_name = _("saved filter")
        verbose_name_plural = _("saved filters")
        ordering = ("name", "created_at")
        constraints = (
            models.UniqueConstraint(fields=["owner", "name"], name="saved_filter_name_once"),
        )

    def __str__(self) -> str:
        return self.name
