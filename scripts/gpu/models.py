"""Random models for a card: a tiny one, and one of DeepSeek-R1-Distill-Qwen-1.5B's shape."""

import json
import shutil
from pathlib import Path
from typing import Any, Final

import torch
from transformers import AutoModelForCausalLM, Qwen2Config

from ml.tokens import Tokens
from tests.ml.tiny import build_model

# Its config.json, save for the tokenizer: texts are of the tiny model's tokens.
SHAPE_1_5B: Final[dict[str, Any]] = {
    "vocab_size": 151_936,
    "hidden_size": 1536,
    "intermediate_size": 8960,
    "num_hidden_layers": 28,
    "num_attention_heads": 12,
    "num_key_value_heads": 2,
    "max_position_embeddings": 131_072,
    "rope_theta": 10_000.0,
    "rms_norm_eps": 1e-6,
    "tie_word_embeddings": False,
}
# For a rehearsal without a card.
SHAPE_SMALL: Final[dict[str, Any]] = SHAPE_1_5B | {
    "vocab_size": 2048,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}


def shaped_model(folder: Path, shape: dict[str, Any]) -> Path:
    """Writes a random Qwen2 of that shape in bfloat16, with the tiny model's tokenizer."""
    build_model(folder)
    torch.manual_seed(0)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]  # has no types
            Qwen2Config(**shape, eos_token_id=2, pad_token_id=2), dtype=torch.bfloat16
        )
    model.save_pretrained(folder)
    del model
    return folder


def linear_parameters(shape: dict[str, Any]) -> int:
    """Weights that a token is multiplied with in the layers, the head left out."""
    width, inner = shape["hidden_size"], shape["intermediate_size"]
    head = width // shape["num_attention_heads"]
    attention = 2 * width * width + 2 * width * head * shape["num_key_value_heads"]
    return int(shape["num_hidden_layers"] * (attention + 3 * width * inner))


def examples_of_length(model: Path, length: int, count: int) -> list[dict[str, Any]]:
    """Questions whose prompt with its answer takes ``length`` tokens, half of them learnt."""
    tokens = Tokens(model)
    # Digits are tokens of their own in the tiny vocabulary, so lengths can be had exactly.
    rows = []
    for number in range(count):
        digits = "".join(str((number + place) % 10) for place in range(length))
        asked = [{"role": "user", "content": digits[: length // 2]}]
        rest = length - len(tokens.prompt_ids(asked)) - 1
        turns = [*asked, {"role": "assistant", "content": digits[:rest]}]
        rows.append({"id": f"example#{number}", "messages": turns})
    return rows


def write_lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def fresh(folder: Path) -> Path:
    """An empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
