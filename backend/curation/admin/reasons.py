"""What reviewers say most often when they send a record back."""

from typing import Final

from django.utils.translation import gettext_lazy

REASONS: Final = (
    gettext_lazy("The answer is wrong or out of date."),
    gettext_lazy("The answer is incomplete."),
    gettext_lazy("The question can be understood in several ways."),
    gettext_lazy("It is there already."),
    gettext_lazy("It holds personal or confidential data."),
)
