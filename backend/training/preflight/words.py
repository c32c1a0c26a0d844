"""The sentences of the pre-flight: what each caution means, in the language of the moment."""

from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.utils.functional import _StrPromise

    from ml.preflight import Caution

SENTENCES: "Final[Mapping[str, _StrPromise]]" = {
    "nothing_fits": _(
        "No example fits: all are longer than %(limit)s tokens, the longest has %(longest)s. "
        "Nothing would be trained."
    ),
    "too_long": _(
        "%(count)s examples are longer than %(limit)s tokens (the longest has %(longest)s) and "
        "will be left out. Nothing is cut."
    ),
    "cutoff_above_context": _(
        "The cutoff of %(cutoff)s tokens is more than the base model reads: %(context)s count."
    ),
    "prompts_long": _(
        "In %(share)s %% of the examples the question with its prompt takes more than %(tokens)s "
        "of the %(context)s tokens that the model reads. That leaves little room for a "
        "conversation."
    ),
    "few_steps": _(
        "%(examples)s examples give %(steps)s steps: too few to change how the model answers. "
        "The suggestion gives %(better)s."
    ),
    "many_epochs": _(
        "Every example is seen %(epochs)s times. More than %(most)s times teaches a model the "
        "words by heart rather than what they mean."
    ),
    "rate_high": _(
        "A learning rate of %(rate)s is unusually high for rank %(rank)s and alpha %(alpha)s: "
        "the run may lose its way. %(usual)s is usual."
    ),
    "rate_low": _(
        "A learning rate of %(rate)s is unusually low for rank %(rank)s and alpha %(alpha)s: "
        "the model may learn nothing. %(usual)s is usual."
    ),
    "conflicts": _(
        "When the version was frozen, the checks found %(count)s times that two records answer "
        "the same question differently. The model learns both answers."
    ),
    "duplicates": _(
        "When the version was frozen, the checks found %(count)s times that two records say the "
        "same. Such a question weighs more than others."
    ),
    "no_validation": _(
        "The version keeps no record for validation, so nothing will show whether the model "
        "learns or only repeats. Freeze one with a validation share of a tenth."
    ),
    "few_validation": _(
        "Only %(count)s examples are kept for validation: its loss will jump about. Take its "
        "general course for true, not single values."
    ),
    "few_golden": _(
        "The version holds %(count)s golden records. With fewer than %(wanted)s an evaluation "
        "depends much on luck."
    ),
}


def caution_sentence(caution: "Caution") -> str:
    """What is told of it."""
    return str(SENTENCES[caution.code]) % caution.params
