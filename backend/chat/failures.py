"""Why an answer did not come, as a code and a sentence in the language of who asked."""

import re
from typing import TYPE_CHECKING, Final

from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

if TYPE_CHECKING:
    from backend.accounts.models import User

SENTENCES: Final = {
    "context_length_exceeded": gettext_noop(
        "The question is longer than the model can read. Shorten it and ask again."
    ),
    "model_server_unavailable": gettext_noop(
        "The model server does not answer. Try again in a moment."
    ),
    "model_server_failed": gettext_noop("The model server failed at this question. Try again."),
    "model_not_found": gettext_noop(
        "The model server does not have the model of this assistant. Tell an administrator."
    ),
    "adapter_unusable": gettext_noop(
        "The model server could not load the adapter of this assistant. Tell an administrator."
    ),
    "model_server_refused": gettext_noop(
        "The model server refused the question. Tell an administrator."
    ),
    "internal_error": gettext_noop("Something went wrong here; it has been logged."),
}

_CHINESE: Final = re.compile(r"[\u4e00-\u9fff]")


def sentence(code: str, *, language: str) -> str:
    """What happened and what to do, for a person who reads ``language``."""
    with translation.override(language):
        return _(SENTENCES.get(code, SENTENCES["internal_error"]))


def language_of(*, user: "User", question: str) -> str:
    """The profile's language; without one, that of the question."""
    if user.language:
        return user.language
    return "zh-hans" if _CHINESE.search(question) else "en"
