"""Names of base models, checked as far as that goes without loading one."""

import re
from pathlib import Path
from typing import Final

from django.conf import settings
from django.utils.translation import gettext as _

from backend.common.errors import Invalid

PREFIX: Final = "packaged:"
PACKAGED: Final = frozenset({"smollm2-135m-instruct"})
HUB_ID: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+", re.ASCII)


def base_model_check(base_model: str) -> str:
    """The name as it is kept: a packaged model, a folder on this machine or a hub id.

    Whether a hub has the id shows only when it is fetched.

    Raises:
        Invalid: it names nothing that can be a model; ``details["base_model"]`` says why.
    """
    name = base_model.strip()
    if problem := _problem_of(name):
        raise Invalid(problem, code="base_model_unknown", base_model=[problem])
    return name


def served_name(base_model: str) -> str:
    """What a model server calls the base model: the last path part of its id."""
    return base_model.removeprefix(PREFIX).rstrip("/").rpartition("/")[2]


def _problem_of(name: str) -> str:
    """One sentence; empty where there is none."""
    if name.startswith(PREFIX):
        if name.removeprefix(PREFIX) in PACKAGED:
            return ""
        known = ", ".join(PREFIX + packaged for packaged in sorted(PACKAGED))
        return _("No model “%(name)s” is packaged; there is %(known)s.") % {
            "name": name,
            "known": known,
        }
    folder = Path(settings.BASE_DIR) / name
    if name and folder.is_dir():
        if (folder / "config.json").is_file():
            return ""
        return _("The folder “%(name)s” holds no model: it has no config.json.") % {"name": name}
    if HUB_ID.fullmatch(name):
        return ""
    if "/" in name:
        return _("There is no folder “%(name)s” on this machine.") % {"name": name}
    return _(
        "“%(name)s” is no base model: give a packaged one, a hub id such as "
        "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B, or a folder."
    ) % {"name": name}
