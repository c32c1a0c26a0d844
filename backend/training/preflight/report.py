"""The whole pre-flight of one run: what goes in, what is left out, what it will take, and cautions.

Everything here is read: a frozen version, settings that are not stored, and earlier runs.
"""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings as django_settings
from django.utils.translation import gettext as _

from backend.accounts.roles import Action, require
from backend.assistants.base_models import base_model_check
from backend.assistants.selectors import assistant_get, assistant_named
from backend.curation.findings.kinds import kind_name
from backend.curation.frozen_sample import dropped_by_reason
from backend.curation.lengths import tokenizer_of
from backend.curation.selectors import dataset_version_get
from backend.training.preflight.expected import Expected, expected_costs
from backend.training.preflight.lengths import VersionLengths, version_lengths
from backend.training.preflight.words import caution_sentence
from backend.training.run_settings import settings_check
from ml.errors import ConfigError
from ml.lengths import histogram
from ml.preflight import Facts, cautions
from ml.settings import TrainingSettings

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping

    from backend.accounts.models import User
    from backend.curation.models import DatasetVersion

Json = dict[str, Any]  # Any: JSON of the shape that is built here

# So many of the examples that are too long are named one by one.
TOO_LONG_SHOWN: Final = 100


def training_preflight(
    *,
    user: "User",
    version_id: "uuid.UUID",
    assistant: str | None = None,
    base_model: str | None = None,
    settings: "Mapping[str, Any] | None" = None,  # Any: checked one by one
) -> Json:
    """What ``PreflightOutput`` describes, for a run that would be started like this.

    Raises:
        NotAllowed: the person may not read runs.
        NotFound: no such version or assistant, or not for this person.
        Invalid: a setting out of range, or a base model that cannot be one.
    """
    require(user, Action.RUNS_READ)
    version = dataset_version_get(user=user, version_id=version_id)
    chosen = (
        assistant_named(user=user, reference=assistant)
        if assistant
        else assistant_get(user=user, slug=django_settings.DEFAULT_ASSISTANT)
    )
    model = base_model_check(base_model or chosen.base_model)
    checked = TrainingSettings(**settings_check(settings or {}, version=version))
    lengths, unknown = _lengths(version, model, chosen.system_prompt)
    told = _Told(version, model, checked, lengths)
    return {
        "version": {"id": str(version.pk), "number": version.number},
        "base_model": model,
        "settings": asdict(checked),
        "records": version.counts,
        "examples": version.examples,
        "left_out": [
            {"reason": reason, "count": count}
            for reason, count in dropped_by_reason(version=version)
        ],
        "findings": [
            {"code": code, "name": kind_name(code), "count": count}
            for code, count in version.findings.items()
        ],
        "tokens": told.tokens(),
        "tokens_unknown": unknown,
        **told.course(),
        "warnings": told.cautions(),
    }


def _lengths(
    version: "DatasetVersion", base_model: str, system_prompt: str
) -> tuple[VersionLengths | None, str | None]:
    """The lengths, or the sentence that says why they are not known."""
    try:
        lengths = version_lengths(
            version=version, base_model=base_model, system_prompt=system_prompt
        )
    except ConfigError as error:
        return None, _("The examples cannot be counted with this base model: %(reason)s") % {
            "reason": error.message
        }
    if lengths is None:
        return None, _(
            "The base model's tokenizer is not on this machine yet. Lengths, time and memory are "
            "known once a trainer has loaded the model."
        )
    return lengths, None


class _Told:
    """One version under one set of settings, told part by part."""

    def __init__(
        self,
        version: "DatasetVersion",
        base_model: str,
        settings: TrainingSettings,
        lengths: VersionLengths | None,
    ) -> None:
        self.version, self.base_model = version, base_model
        self.settings, self.lengths = settings, lengths
        context = lengths.context if lengths else settings.cutoff_tokens
        self.limit = min(settings.cutoff_tokens, context)
        sizes = lengths.train.sizes if lengths else ()
        self.kept = [size for size in sizes if size.tokens <= self.limit]
        self.too_long = [size for size in sizes if size.tokens > self.limit]

    @property
    def train_kept(self) -> int:
        """How many examples would be trained on; from a sample where not all were measured."""
        if self.lengths is None:
            return int(self.version.examples["train"])
        part = self.lengths.train
        return round(part.total * len(self.kept) / len(part.sizes)) if part.sizes else 0

    @property
    def validation_kept(self) -> int:
        if self.lengths is None:
            return int(self.version.examples["validation"])
        part = self.lengths.validation
        fit = sum(size.tokens <= self.limit for size in part.sizes)
        return round(part.total * fit / len(part.sizes)) if part.sizes else 0

    def tokens(self) -> Json | None:
        """What only the tokenizer tells."""
        if self.lengths is None:
            return None
        part = self.lengths.train
        counts = [size.tokens for size in part.sizes]
        shown = next((each for each in self.lengths.shown if each.size.tokens <= self.limit), None)
        return {
            "measured": len(counts),
            "total": part.total,
            "sampled": part.is_sampled,
            "limit": self.limit,
            "context": self.lengths.context,
            "shortest": min(counts, default=0),
            "longest": max(counts, default=0),
            "mean": sum(counts) / len(counts) if counts else 0.0,
            "histogram": [asdict(bar) for bar in histogram(counts)],
            "too_long": part.total - self.train_kept,
            "too_long_validation": self.lengths.validation.total - self.validation_kept,
            "too_long_examples": [
                {"id": size.id, "record": size.id.partition("#")[0], "tokens": size.tokens}
                for size in sorted(self.too_long, key=lambda size: -size.tokens)[:TOO_LONG_SHOWN]
            ],
            "sample": shown
            and {
                "id": shown.size.id,
                "tokens": shown.size.tokens,
                "pieces": [asdict(piece) for piece in shown.pieces],
            },
        }

    def course(self) -> Json:
        """Steps, epochs, time and memory."""
        kept, settings = self.train_kept, self.settings
        steps = settings.steps(kept) if kept else 0
        mixed = kept + settings.general_examples(kept)
        time, memory = Expected(), Expected()
        found = tokenizer_of(self.base_model)
        if self.lengths is not None and found is not None:
            time, memory = expected_costs(
                lengths=self.lengths,
                kept=self.kept,
                kept_total=kept,
                limit=self.limit,
                base_model=self.base_model,
                folder=found[0].folder,
                settings=settings,
            )
        return {
            "train_examples": kept,
            "validation_examples": self.validation_kept,
            "steps": steps,
            "epochs": steps * settings.examples_per_step / mixed if mixed else 0.0,
            "time": asdict(time),
            "memory": asdict(memory),
        }

    def cautions(self) -> list[Json]:
        """What speaks against starting like this, in the language of the moment."""
        lengths = self.lengths
        facts = Facts(
            settings=self.settings,
            train=self.train_kept,
            validation=self.validation_kept,
            golden=int(self.version.counts["golden"]),
            findings=self.version.findings,
            context=lengths.context if lengths else None,
            sizes=lengths.train.sizes if lengths else (),
            too_long=lengths.train.total - self.train_kept if lengths else 0,
        )
        return [
            {
                "code": caution.code,
                "message": caution_sentence(caution),
                "params": dict(caution.params),
                "fix": dict(caution.fix),
            }
            for caution in cautions(facts)
        ]
