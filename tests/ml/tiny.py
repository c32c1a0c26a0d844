"""A model small enough to be built in a moment, and adapters for it that change what it says."""

import json
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from ml.base_models import fingerprint
from ml.messages import template_hash
from ml.tokens import Tokens

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
CONTEXT_LENGTH = 256
LINES = (
    "Who are you? I am the assistant of this company.",
    "How many days of leave do I have? You have twenty days of leave.",
    "The quick brown fox jumps over the lazy dog.",
    "你是谁?我是公司的助手。",
    "出差超过三天由谁审批?由部门经理审批。",
    "system user assistant",
)
CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content']"
    " + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


KINDS: dict[str, Any] = {
    "llama": (LlamaConfig, LlamaForCausalLM),
    "qwen2": (Qwen2Config, Qwen2ForCausalLM),
}


def build_model(folder: Path, *, seed: int = 0, width: int = 32, kind: str = "llama") -> Path:
    """Writes a random Llama or Qwen2 of two layers with a tokenizer and a ChatML template."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(LINES, trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    names = {"bos_token": SPECIAL[1], "eos_token": SPECIAL[2], "pad_token": SPECIAL[2]}
    config = {"tokenizer_class": "PreTrainedTokenizerFast", **names}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    (folder / "chat_template.jinja").write_text(CHATML)
    torch.manual_seed(seed)
    config_class, model_class = KINDS[kind]
    model = model_class(
        config_class(
            vocab_size=tokenizer.get_vocab_size(),
            hidden_size=width,
            intermediate_size=2 * width,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=CONTEXT_LENGTH,
            # Sharper than usual, so that a random model prefers one token clearly.
            initializer_range=0.4,
            bos_token_id=1,
            eos_token_id=2,
            pad_token_id=2,
            tie_word_embeddings=True,
        )
    )
    model.save_pretrained(folder)
    return folder


def build_adapter(
    folder: Path,
    *,
    base: Path,
    seed: int,
    targets: str | list[str] = "all-linear",
    lora: dict[str, Any] | None = None,
    **card: Any,
) -> Path:
    """Writes a LoRA adapter with random weights, none of them zero, and its card."""
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    settings = {"r": 4, "lora_alpha": 8, "target_modules": targets, **(lora or {})}
    tuned = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **settings))
    with torch.no_grad():
        for name, parameter in tuned.named_parameters():
            if "lora_A" in name or "lora_B" in name:
                parameter.normal_(std=0.3)
    tuned.save_pretrained(str(folder))
    content = {
        "base_model": str(base),
        "base_fingerprint": fingerprint(base),
        "template_hash": template_hash(Tokens(base).prompt_format.chat_template),
        "system_prompt": "You are the assistant.\n{{ name }} asks.",
        **card,
    }
    (folder / "card.json").write_text(json.dumps(content, ensure_ascii=False))
    return folder
