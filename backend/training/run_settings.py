"""The settings of a run: checked, with defaults that fit the version, and described for a form.

What they are, their ranges and their defaults stand in ``ml.settings``; this translates.
"""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from django.conf import settings as django_settings
from django.utils.translation import gettext as _

from backend.accounts.roles import Action, require
from backend.assistants.selectors import assistant_get, assistant_named
from backend.common.errors import Invalid
from backend.curation.selectors import approved_wordings, dataset_version_get
from ml import settings as ml_settings

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
    defaults = asdict(ml_settings.scaled_defaults(version.examples["train"]))
    problems: dict[str, list[str]] = {
        name: [_("There is no such setting.")] for name in given if name not in defaults
    }
    known = {name: value for name, value in given.items() if name in defaults}
    settings = ml_settings.TrainingSettings(**defaults | known)
    for name, sentence in settings.validate():
        problems.setdefault(name, []).append(_(sentence))
    if problems:
        raise Invalid(
            _("Some settings cannot be used."), code="settings_invalid", settings=problems
        )
    return asdict(settings)


def form(*, user: "User", version_id: "uuid.UUID | None", assistant: str | None) -> dict[str, Any]:
    """What a form for a new run shows, scaled to the version where one is chosen.

    Raises:
        NotAllowed: the person may not read runs.
        NotFound: no such version or assistant, or not for this person.
    """
    require(user, Action.RUNS_READ)
    version = dataset_version_get(user=user, version_id=version_id) if version_id else None
    chosen = (
        assistant_named(user=user, reference=assistant)
        if assistant
        else assistant_get(user=user, slug=django_settings.DEFAULT_ASSISTANT)
    )
    # Without a version the form offers to freeze one now, of what is approved.
    examples = version.examples["train"] if version else approved_wordings(user=user)
    defaults = ml_settings.scaled_defaults(examples)
    values = asdict(defaults)
    return {
        "settings": values,
        "fields": [
            {
                "name": field.name,
                "type": field.type,
                "min": field.min,
                "max": field.max,
                "choices": list(field.choices) if field.choices else None,
                "optional": field.optional,
                "default": values[field.name],
            }
            for field in ml_settings.FIELDS
        ],
        "train_examples": examples,
        "validation_examples": version.examples["validation"] if version else None,
        "steps": defaults.steps(examples) if examples else None,
        "base_model": chosen.base_model,
        "presets": [
            {"name": name, "settings": asdict(preset)}
            for name, preset in ml_settings.presets(examples).items()
        ],
    }
