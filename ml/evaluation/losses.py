"""How surprising the expected answers are to a model: cross-entropy of exactly their tokens."""

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # everybody calls it so

from ml.encoding import IGNORED

if TYPE_CHECKING:
    from ml.encoding import Encoded
    from ml.engines.transformers import ServedModel


@torch.inference_mode()
def answer_loss(
    model: "ServedModel", encoded: "Encoded", *, adapter: str | None
) -> tuple[float, int]:
    """Sum of the cross-entropies of an example's labels in nats, and how many labels there are.

    The labels are those of training, so e to their mean is the perplexity that training lowers.
    """
    first = encoded.first_label
    # What stands at position t was predicted at t - 1.
    logits = model.all_logits(encoded.input_ids, first=first - 1, adapter=adapter)[:-1]
    labels = torch.tensor(encoded.labels[first:], device=logits.device)
    loss = F.cross_entropy(logits.float(), labels, ignore_index=IGNORED, reduction="sum")
    return float(loss), int((labels != IGNORED).sum())
