"""Proof that the model server makes the very prompts that an adapter was trained under."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.utils.translation import gettext_noop

from backend.assistants.base_models import PREFIX
from backend.common import model_server
from backend.common.errors import DomainError
from backend.serving.models import Deployment
from ml.errors import MlError
from ml.messages import Person, system_message
from ml.tokens import Tokens

if TYPE_CHECKING:
    from backend.training.models import Adapter

# Sentences are stored in English and translated when they are told.
NO_TOKENIZER: Final = gettext_noop("The base model's tokenizer is not on this machine.")
NO_ANSWER: Final = gettext_noop("The model server does not tell its token ids.")
OTHER_IDS: Final = gettext_noop("The model server's token ids differ from ours.")

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
