"""The tiny models as llama.cpp reads them: float32, with the turned rows of llama-type models."""

import json
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import load_file

from ml.export.adapter_gguf import turn

ARCHITECTURES = {
    "LlamaForCausalLM": gguf.MODEL_ARCH.LLAMA,
    "Qwen2ForCausalLM": gguf.MODEL_ARCH.QWEN2,
}


def write_gguf(folder: Path, path: Path) -> Path:
    """Writes the whole model in ``folder`` into one file, weights untouched but for their order."""
    config = json.loads((folder / "config.json").read_text())
    name = config["architectures"][0]
    arch = ARCHITECTURES[name]
    writer = gguf.GGUFWriter(path, gguf.MODEL_ARCH_NAMES[arch])
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    writer.add_rope_dimension_count(config["hidden_size"] // heads)
    writer.add_vocab_size(config["vocab_size"])
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    _tokenizer(writer, folder)
    names = gguf.get_tensor_name_map(arch, config["num_hidden_layers"])
    for key, tensor in load_file(folder / "model.safetensors").items():
        if arch == gguf.MODEL_ARCH.LLAMA and key.endswith("q_proj.weight"):
            tensor = turn(tensor, heads)
        if arch == gguf.MODEL_ARCH.LLAMA and key.endswith("k_proj.weight"):
            tensor = turn(tensor, kv_heads)
        target = names.get_name(key, try_suffixes=(".weight", ".bias"))
        assert target, key
        writer.add_tensor(target, tensor.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _tokenizer(writer: gguf.GGUFWriter, folder: Path) -> None:
    content = json.loads((folder / "tokenizer.json").read_text())
    vocabulary = content["model"]["vocab"]
    special = {token["id"] for token in content["added_tokens"]}
    tokens = sorted(vocabulary, key=vocabulary.get)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    kinds = [
        gguf.TokenType.CONTROL if place in special else gguf.TokenType.NORMAL
        for place in range(len(tokens))
    ]
    writer.add_token_types(kinds)
    writer.add_token_merges([" ".join(pair) for pair in content["model"]["merges"]])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(False)
