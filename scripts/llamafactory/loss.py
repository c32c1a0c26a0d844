"""What adapters have learnt, measured the same way for all.

The losses that the two trainers print are not of the same tokens (LLaMA-Factory counts the line
break after an answer), so both adapters are asked in float32 for the answers that they trained on.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F  # everybody calls it so

from ml.adapter_files import read_adapter
from ml.merging import attach
from ml.parity import load
from ml.tokens import Tokens


def answer_loss(base: Path, adapter: Path, data: Path, system_prompt: str) -> float:
    """Mean cross-entropy of the answers' tokens, their end included, in nats."""
    tokens = Tokens(base)
    model = attach(load(base, dtype=torch.float32), read_adapter(adapter))
    total, count = 0.0, 0
    for line in data.read_text("utf-8").splitlines():
        *asked, answer = json.loads(line)["messages"]
        system = {"role": "system", "content": system_prompt}
        prompt = tokens.prompt_ids([system, *(turn for turn in asked if turn["role"] != "system")])
        labels = [*tokens.ids(answer["content"]), min(tokens.eos_ids)]
        total += _sum(model, prompt, labels)
        count += len(labels)
    return total / count


@torch.inference_mode()
def _sum(model: torch.nn.Module, prompt: Sequence[int], labels: Sequence[int]) -> float:
    ids = torch.tensor([[*prompt, *labels]])
    logits = model(input_ids=ids).logits[0, len(prompt) - 1 : -1]  # (labels, V)
    return float(F.cross_entropy(logits, torch.tensor(labels), reduction="sum"))


def main() -> None:
    """Prints one loss for each adapter, in the order given."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--system-prompt", required=True)
    parser.add_argument("adapters", type=Path, nargs="+")
    given = parser.parse_args()
    for adapter in given.adapters:
        print(answer_loss(given.base, adapter, given.data, given.system_prompt), flush=True)


if __name__ == "__main__":
    main()
