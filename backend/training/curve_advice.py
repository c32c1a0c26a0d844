"""What a run's own curves advise, in the language of the moment."""

import math
from typing import TYPE_CHECKING, Any, Final, TypedDict

from django.db.models import F, Q
from django.db.models.functions import Mod
from django.utils.translation import gettext_lazy as _

from backend.training.models import RunMetric
from backend.training.past_runs import settings_of
from ml.curve_advice import Advice, Point, best_step, curve_advice

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.utils.functional import _StrPromise

    from backend.training.models import TrainingRun

# Of a longer curve every n-th step tells the same.
POINTS: Final = 2000

Kind = RunMetric.Kind

SENTENCES: "Final[Mapping[str, _StrPromise]]" = {
    "loss_rises": _(
        "The training loss rises, from %(start).2f to %(end).2f: the steps are too large. Lower "
        "the learning rate to about %(learning_rate)s."
    ),
    "spikes": _(
        "The training loss jumps up %(count)s times: single steps are too large. Lower the "
        "learning rate to about %(learning_rate)s."
    ),
    "validation_rises": _(
        "The validation loss was lowest at step %(step)s (%(best).3f) and has risen to %(last).3f "
        "since: from there on the model learns by heart. Train for fewer epochs, or add records."
    ),
    "learnt_early": _(
        "The training loss was below %(limit)s at step %(step)s already: after that there was "
        "nothing left to learn. Fewer epochs give the same."
    ),
    "falls_slowly": _(
        "The training loss hardly falls, from %(start).2f to %(end).2f. Raise the learning rate."
    ),
    "still_falls": _(
        "The training loss was still falling at the end. More epochs would teach the model more."
    ),
}


class AdviceFields(TypedDict):
    """One piece of advice; ``fix`` holds settings for the next run."""

    code: str
    message: str
    fix: dict[str, Any]  # Any: a setting's own type


def training_run_advice(*, run: "TrainingRun") -> tuple[list[AdviceFields], int | None]:
    """What the curves so far advise, and the step with the lowest validation loss.

    The caller has been let in to the run.
    """
    losses, validation = _curves(run)
    settings = settings_of(run.settings)
    if settings is None:
        return [], best_step(validation)
    found = curve_advice(losses, validation, settings=settings, total_steps=run.total_steps)
    return [_told(advice) for advice in found], best_step(validation)


def _told(advice: Advice) -> AdviceFields:
    message = str(SENTENCES[advice.code]) % advice.params
    return {"code": advice.code, "message": message, "fix": dict(advice.fix)}


def _curves(run: "TrainingRun") -> tuple[list[Point], list[Point]]:
    every = max(1, math.ceil(run.step / POINTS))
    thin = Q(kind=Kind.EVAL_LOSS) | Q(kind=Kind.LOSS, rest=0)
    metrics = run.metrics.alias(rest=Mod(F("step"), every)).filter(thin).order_by("step")
    curves: dict[str, list[Point]] = {Kind.LOSS: [], Kind.EVAL_LOSS: []}
    for kind, step, value in metrics.values_list("kind", "step", "value"):
        curves[kind].append((step, value))
    return curves[Kind.LOSS], curves[Kind.EVAL_LOSS]
