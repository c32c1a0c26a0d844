"""NEFTune: noise on the embeddings while training, so that answers are not learnt by heart.

Source: Jain et al. 2023, https://arxiv.org/abs/2310.05914.
"""

import math
from typing import Any

import torch


class EmbeddingNoise:
    """Adds noise to what ``embedding`` gives, as long as it trains.

    Args:
        embedding: of the base model.
        alpha: the noise is drawn evenly from ±alpha / sqrt(L·D), for the longest example's L
            tokens and D dimensions, as if the batch were padded.
    """

    def __init__(self, embedding: torch.nn.Module, alpha: float) -> None:
        self.alpha = alpha
        self.length = 1
        if alpha > 0:
            embedding.register_forward_hook(self._add)

    # Any: the hook's signature is torch's.
    def _add(self, module: torch.nn.Module, inputs: Any, output: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        if not module.training:
            return output
        limit = self.alpha / math.sqrt(self.length * output.shape[-1])
        return output + torch.empty_like(output).uniform_(-limit, limit)
