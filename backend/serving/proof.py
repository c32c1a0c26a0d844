"""Proof that the model server makes the very prompts that an adapter was trained under."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.utils.translation import gettext_noop

from backend.assistants.base_models import PREFIX
from backend.common import model_server
from backend.common.errors import DomainError
from backend.serving.models import Deployment
from ml.errors import MlError
from ml.messages import Person, system_message, template_hash
from ml.tokens import Tokens

if TYPE_CHECKING:
    from backend.training.models import Adapter

# Sentences are stored in English and translated when they are told.
NO_TOKENIZER: Final = gettext_noop("The base model's tokenizer is not on this machine.")
NO_ANSWER: Final = gettext_noop("The model server does not tell its token ids.")
OTHER_IDS: Final = gettext_noop("The model server's token ids differ from ours.")

# Where a chat template may stand.
TEMPLATE_FILES: Final = ("chat_template.jinja", "tokenizer_config.json", "tokenizer.json")

# Both languages, several turns, a person, blanks at the edges. No special tokens: not every server
# takes those out of people's text, and that is no reason against an adapter.
PERSON: Final = Person(name="李伟", department="市场部 Marketing", role="employee", language="中文")
TURNS: Final = (
    {"role": "user", "content": "你是谁?"},
    {"role": "assistant", "content": "我是助手。"},
    {"role": "user", "content": "  How do I file expenses?\n\n1. 差旅 "},
)


@dataclass(frozen=True)
class Compared:
    """Whether our token ids are the server's, and what there is to say about it."""

    proof: str
    note: str = ""


def compare_prompts(*, adapter: "Adapter") -> Compared:
    """Compare our token ids of sample prompts with those of the server, which has the adapter."""
    try:
        tokens = Tokens(_tokenizer_folder(adapter))
        ours = [tokens.prompt_ids(messages) for messages in _samples(adapter)]
    except MlError:
        return Compared(Deployment.Proof.UNPROVEN, NO_TOKENIZER)
    try:
        theirs = [
            model_server.token_ids(model=adapter.name, messages=messages)
            for messages in _samples(adapter)
        ]
    except (DomainError, ValueError, KeyError):
        return Compared(Deployment.Proof.UNPROVEN, NO_ANSWER)
    if ours != theirs:
        return Compared(Deployment.Proof.DIFFERENT, OTHER_IDS)
    return Compared(Deployment.Proof.PROVEN)


def template_changed(adapter: "Adapter") -> bool:
    """Whether the base's chat template is known to be another than the adapter's card names."""
    trained_under = adapter.card.get("template_hash")
    if not trained_under:
        return False
    folder = _tokenizer_folder(adapter)
    # Where the files say nothing of themselves, nothing is known.
    written_at = tuple(
        (folder / name).stat().st_mtime_ns if (folder / name).is_file() else 0
        for name in TEMPLATE_FILES
    )
    present = _template_hash(folder, written_at)
    return present is not None and present != trained_under


@lru_cache(maxsize=32)
def _template_hash(folder: Path, written_at: tuple[int, ...]) -> str | None:  # noqa: ARG001
    """The hash of the chat template in a folder, read anew when its files were written anew."""
    try:
        return template_hash(Tokens(folder).prompt_format.chat_template)
    except MlError:
        return None


def _samples(adapter: "Adapter") -> list[list[dict[str, str]]]:
    """With the prompt that the adapter was trained under, and without any."""
    system = {"role": "system", "content": system_message(adapter.run.system_prompt, PERSON)}
    turns = [dict(turn) for turn in TURNS]
    return [[system, *turns], turns]


def _tokenizer_folder(adapter: "Adapter") -> Path:
    """Where the base's tokenizer is; a hub's model may have left a copy beside the adapter."""
    if adapter.base_model.startswith(PREFIX):
        folder: Path = settings.MODELS_DIR / adapter.base_model.removeprefix(PREFIX)
        return folder
    folder = Path(settings.BASE_DIR) / adapter.base_model
    return folder if folder.is_dir() else adapter.folder
