"""Logits -> the next token of one answer."""

import torch

from ml.engines.generation import Sampling


class Sampler:
    """Chooses the tokens of one answer; the same seed and logits give the same tokens."""

    def __init__(self, sampling: Sampling) -> None:
        self.is_greedy = sampling.temperature == 0
        self._sampling = sampling
        self._generator = torch.Generator()
        if sampling.seed is None:
            self._generator.seed()
        else:
            self._generator.manual_seed(sampling.seed)

    def next_token(self, logits: torch.Tensor) -> int:
        """One token from ``logits`` of shape (V,).

        Nucleus sampling: the smallest set of likeliest tokens whose probability reaches
        ``top_p``. Source: Holtzman et al. 2019, https://arxiv.org/abs/1904.09751.
        """
        if self.is_greedy:
            return int(logits.argmax())
        scaled = logits.float().cpu() / self._sampling.temperature
        probabilities, tokens = scaled.softmax(dim=-1).sort(descending=True)  # (V,)
        before = probabilities.cumsum(dim=-1) - probabilities
        # The likeliest one has nothing before it and always stays.
        probabilities[before >= max(self._sampling.top_p, 1e-9)] = 0
        place = torch.multinomial(probabilities, 1, generator=self._generator)
        return int(tokens[place])
