"""What earlier runs have measured on this installation: the only speed that is told of."""

import statistics
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

from django.db.models import Exists, OuterRef

from backend.training.models import RunMetric, TrainingRun
from ml.settings import TrainingSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

LOOKED_AT: Final = 10
VALUES: Final = 600
KNOWN: Final = frozenset(setting.name for setting in fields(TrainingSettings))

Kind = RunMetric.Kind


@dataclass(frozen=True)
class Measured:
    """What one run measured.

    Attributes:
        number: the run's.
        tokens_per_second: the median of its steps, the first ones left out.
        memory_bytes: the most that it took; None where it did not say.
        settings: that it ran with.
    """

    number: int
    tokens_per_second: float
    memory_bytes: float | None
    settings: TrainingSettings


def measured_before(*, base_model: str, settings: TrainingSettings) -> Measured | None:
    """What the run says that is most like the one asked for; None without any like it.

    It has the same base model and precision; one with the same batch size goes before newer ones.
    """
    speeds = RunMetric.objects.filter(run=OuterRef("pk"), kind=Kind.TOKENS_PER_SECOND, step__gt=1)
    runs = TrainingRun.objects.filter(Exists(speeds), base_model=base_model).order_by("-number")
    alike = [
        (run, before)
        for run in runs.only("number", "settings")[:LOOKED_AT]
        if (before := settings_of(run.settings))
        and (before.precision, before.base_4bit) == (settings.precision, settings.base_4bit)
    ]
    if not alike:
        return None
    run, before = next(
        (pair for pair in alike if pair[1].batch_size == settings.batch_size), alike[0]
    )
    kinds = (Kind.TOKENS_PER_SECOND, Kind.MEMORY_BYTES)
    metrics = RunMetric.objects.filter(run=run, kind__in=kinds, step__gt=1).order_by("-step")
    values: dict[str, list[float]] = {kind.value: [] for kind in kinds}
    for kind, value in metrics.values_list("kind", "value")[:VALUES]:
        values[kind].append(value)
    memory = values[Kind.MEMORY_BYTES]
    return Measured(
        number=run.number,
        tokens_per_second=statistics.median(values[Kind.TOKENS_PER_SECOND]),
        memory_bytes=max(memory) if memory else None,
        settings=before,
    )


def settings_of(stored: "Mapping[str, Any]") -> TrainingSettings | None:
    """A run's settings as stored, perhaps by an older release; None if they are broken."""
    known = {name: value for name, value in stored.items() if name in KNOWN}
    settings = TrainingSettings(**known)
    return None if settings.validate() else settings
