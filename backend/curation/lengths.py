"""Characters and tokens: how long a record is for the base model that will learn it."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from django.conf import settings

from backend.assistants.base_models import PREFIX
from backend.assistants.models import Assistant
from ml.errors import ConfigError, MlError
from ml.messages import Person, system_message
from ml.quality import LengthLimits
from ml.tokens import Tokens

if TYPE_CHECKING:
    from ml.formats import RecordFields

# Training meets many people; one with ordinary values makes the prompt as long as it gets.
SOMEBODY: Final = Person(
    name="Maria Silva",
    department="Human Resources",
    role="employee",
    language="English",
    date="2026-12-31",
)


@dataclass(frozen=True, kw_only=True)
class TokenCounts:
    """How long a record is in tokens; every number is None where the tokenizer is not here.

    Attributes:
        model: the base model that is counted for.
        question: of the longest wording with its context.
        answer: of the answer alone.
        total: of the whole example as the model reads it, with template and system prompt.
        limit: how many the model reads.
        answer_limit: how many the assistant answers with.
    """

    model: str
    question: int | None = None
    answer: int | None = None
    total: int | None = None
    limit: int | None = None
    answer_limit: int | None = None


def assistant_counted_for() -> Assistant | None:
    """The one that people talk to: the default assistant, or the oldest in use."""
    active = Assistant.objects.filter(is_active=True).order_by("created_at", "id")
    return active.filter(slug=settings.DEFAULT_ASSISTANT).first() or active.first()


def length_limits(assistant: Assistant | None = None) -> LengthLimits | None:
    """What lengths are counted with; None where the base model's tokenizer is not on this machine.

    Nothing is fetched: a model that was never used here is not guessed at.
    """
    assistant = assistant or assistant_counted_for()
    found = tokenizer_of(assistant.base_model if assistant else settings.BASE_MODEL)
    if found is None:
        return None
    prompt = system_message(assistant.system_prompt, SOMEBODY) if assistant else ""
    return LengthLimits(
        tokens=found[0],
        system_prompt=prompt,
        max_answer=assistant.max_new_tokens if assistant else None,
    )


def limits_fingerprint(limits: LengthLimits | None) -> str:
    """Another one where lengths may be judged otherwise; empty without limits."""
    return "" if limits is None else _fingerprint(limits, _stamp(limits.tokens.folder))


def token_counts(content: "RecordFields") -> TokenCounts:
    """How long that record would be."""
    assistant = assistant_counted_for()
    model = assistant.base_model if assistant else settings.BASE_MODEL
    limits = length_limits(assistant)
    if limits is None:
        return TokenCounts(model=model)
    try:
        counts = limits.counts(content)
    except ConfigError:
        return TokenCounts(model=model)
    return TokenCounts(
        model=model,
        question=counts.question,
        answer=counts.answer,
        total=counts.total,
        limit=limits.limit,
        answer_limit=limits.max_answer,
    )


def tokenizer_of(base_model: str) -> tuple[Tokens, tuple[int, ...]] | None:
    """The base model's tokenizer, and another stamp whenever its files change.

    None where it is not on this machine or cannot be counted with: nothing is fetched for it.
    """
    folder = _folder(base_model)
    if folder is None:
        return None
    stamp = _stamp(folder)
    try:
        tokens = _tokens(folder, stamp)
        tokens.prompt_format  # noqa: B018  # a model without a template cannot be counted for
    except (MlError, OSError):
        return None
    return tokens, stamp


def _folder(base_model: str) -> Path | None:
    """Where the model's tokenizer lies on this machine."""
    if base_model.startswith(PREFIX):
        places = [Path(settings.MODELS_DIR) / base_model.removeprefix(PREFIX)]
    else:
        places = [Path(settings.BASE_DIR) / base_model, *_fetched(base_model)]
    return next((place for place in places if (place / "tokenizer.json").is_file()), None)


def _fetched(hub_id: str) -> list[Path]:
    """Where the hubs' own programs keep what they have fetched, the newest first."""
    if hub_id.count("/") != 1:
        return []
    home = Path.home() / ".cache"
    snapshots = home / "huggingface" / "hub" / f"models--{hub_id.replace('/', '--')}" / "snapshots"
    newest = sorted(snapshots.glob("*"), key=lambda folder: folder.stat().st_mtime, reverse=True)
    return [*newest, home / "modelscope" / "hub" / "models" / hub_id]


def _stamp(folder: Path) -> tuple[int, ...]:
    names = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "config.json")
    return tuple(
        (folder / name).stat().st_mtime_ns if (folder / name).is_file() else 0 for name in names
    )


@lru_cache(maxsize=2)
def _tokens(folder: Path, _stamp: tuple[int, ...]) -> Tokens:
    return Tokens(folder)


@lru_cache(maxsize=8)
def _fingerprint(limits: LengthLimits, _stamp: tuple[int, ...]) -> str:
    return limits.fingerprint()
