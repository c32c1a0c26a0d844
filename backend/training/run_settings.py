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
from ml.combinations import combination_problems
from ml.presets import presets, scaled_defaults
from ml.settings import FIELDS, LORA_SHAPE, Field, TrainingSettings

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping

    from backend.accounts.models import User
    from backend.curation.models import DatasetVersion
    from backend.training.models import Adapter


def settings_check(
    given: "Mapping[str, Any]", *, version: "DatasetVersion", parent: "Adapter | None" = None
) -> dict[str, Any]:
    """All settings of a run: what is given over the defaults for this version.

    Args:
        given: those that were chosen.
        version: what is learnt.
        parent: the adapter that the run goes on from; the shape of its weights is the default.

    Raises:
        Invalid: ``details["settings"]`` has a list of sentences for each field that is wrong, be
            it by itself or together with others.
    """
    has_validation = version.examples["validation"] > 0
    fitting = scaled_defaults(version.examples["train"], has_validation=has_validation)
    shape = _shape_of(parent) if parent else {}
    defaults = asdict(fitting) | shape
    problems: dict[str, list[str]] = {
        name: [_("There is no such setting.")] for name in given if name not in defaults
    }
    known = {name: value for name, value in given.items() if name in defaults}
    settings = TrainingSettings(**defaults | known)
    found = settings.validate() or combination_problems(
        settings, has_validation=has_validation, is_served=True
    )
    for name, sentence in found:
        problems.setdefault(name, []).append(_(sentence))
    for name, value in shape.items():
        if name in known and _plain(known[name]) != _plain(value) and name not in problems:
            problems[name] = [_("This must be as in the adapter that the run goes on from.")]
    if problems:
        raise Invalid(
            _("Some settings cannot be used."), code="settings_invalid", settings=problems
        )
    return asdict(settings)


def _shape_of(adapter: "Adapter") -> dict[str, Any]:
    """What a run that goes on from ``adapter`` cannot choose."""
    trained_with = asdict(TrainingSettings()) | adapter.run.settings
    return {name: trained_with[name] for name in LORA_SHAPE}


def _plain(value: Any) -> Any:  # as JSON holds it
    return list(value) if isinstance(value, tuple) else value


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
    # Until then it is assumed that a freeze holds some back.
    has_validation = version is None or version.examples["validation"] > 0
    defaults = scaled_defaults(examples, has_validation=has_validation)
    values = asdict(defaults)
    return {
        "settings": values,
        "fields": [_described(field, values[field.name]) for field in FIELDS],
        "train_examples": examples,
        "validation_examples": version.examples["validation"] if version else None,
        "steps": defaults.steps(examples) if examples else None,
        "base_model": chosen.base_model,
        "presets": [
            {"name": name, "settings": asdict(preset)}
            for name, preset in presets(examples, has_validation=has_validation).items()
        ],
    }


def _described(field: Field, default: Any) -> dict[str, Any]:  # the setting's own type
    return {
        "name": field.name,
        "type": field.type,
        "min": field.min,
        "max": field.max,
        "choices": list(field.choices) if field.choices else None,
        "optional": field.optional,
        "default": default,
        "unavailable": _unavailable(field),
    }


def _unavailable(field: Field) -> str | None:
    """Why a yes-or-no setting can never be yes here."""
    if field.type != "bool":
        return None
    yes: dict[str, Any] = {field.name: True}
    chosen = TrainingSettings(**yes)
    found = dict(combination_problems(chosen, is_served=True))
    return _(found[field.name]) if field.name in found else None
