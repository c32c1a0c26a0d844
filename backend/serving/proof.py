"""Proof that the model server makes the prompt that the adapter was trained under."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from backend.serving.models import Deployment

if TYPE_CHECKING:
    from backend.training.models import Adapter


@dataclass(frozen=True)
class Compared:
    """Whether our token ids are the server's, and what there is to say about it."""

    proof: str
    note: str = ""


def compare_prompts(*, adapter: "Adapter") -> Compared:
    """Compare our token ids of a sample prompt with the server's."""
    del adapter
    return Compared(Deployment.Proof.UNPROVEN)
