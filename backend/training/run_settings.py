"""The settings of a run: checked, with defaults that fit the version, and described for a form."""

from typing import TYPE_CHECKING, Any

from django.conf import settings as django_settings
from django.utils.translation import gettext as _

from backend.accounts.roles import Action, require
from backend.assistants.selectors import assistant_named
from backend.common.errors import Invalid
from backend.curation.selectors import dataset_version_get

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping

    from backend.accounts.models import User
    from backend.curation.models import DatasetVersion


def settings_check(given: "Mapping[str, Any]", *, version: "DatasetVersion") -> dict[str, Any]:
    """All settings of a run: what is given over the defaults for this version.

    Raises:
        Invalid: ``details["settings"]`` has a list of sentences for each field that is wrong.
    """
    from ml.settings import TrainingSettings, scaled_defaults

    raise NotImplementedError(TrainingSettings, scaled_defaults, given, version, Invalid, _)


def form(
    *, user: "User", version_id: "uuid.UUID | None", assistant: str | None
) -> dict[str, Any]:
    """What a form for a new run shows."""
    require(user, Action.RUNS_READ)
    raise NotImplementedError(version_id, assistant, django_settings, assistant_named, dataset_version_get)
