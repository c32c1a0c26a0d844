"""llama.cpp answers through the exported adapter as peft does: the tiny models, in float32."""

from pathlib import Path
from typing import Any

import pytest
import torch
import xllamacpp
from peft import PeftModel
from transformers import AutoModelForCausalLM

from ml.adapter_files import read_adapter
from ml.export.adapter_gguf import write_adapter_gguf
from tests.ml.tiny import build_adapter, build_model
from tests.ml.tiny_gguf import write_gguf

PROMPT = [1, 40, 41, 42, 43, 44, 2, 50]
LIKELIEST = 20


def export(adapter: Path, base: Path, path: Path) -> Path:
    write_adapter_gguf(read_adapter(adapter), path, base=base)
    return path


def peft_expects(base: Path, adapter: Path | None) -> dict[int, float]:
    """The likeliest next tokens with the logarithms of their probabilities."""
    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    if adapter:
        model = PeftModel.from_pretrained(model, str(adapter))
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([PROMPT])).logits[0, -1]
    likeliest = logits.log_softmax(-1).topk(LIKELIEST)
    return dict(zip(likeliest.indices.tolist(), likeliest.values.tolist(), strict=True))


def llama_cpp_expects(base: Path, adapter: Path | None) -> dict[int, float]:
    params = xllamacpp.CommonParams()
    params.model.path = str(base)
    params.n_ctx, params.n_parallel, params.cpuparams.n_threads = 128, 1, 1
    params.warmup, params.verbosity = False, -1
    # Both would round to 16 bit.
    params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    if adapter:
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(adapter), 1.0)]
    request = {"prompt": PROMPT, "n_predict": 1, "temperature": 0, "logprobs": LIKELIEST}
    answered = xllamacpp.Server(params).handle_completions(request)
    (first,) = answered["choices"][0]["logprobs"]["content"]
    return {each["id"]: each["logprob"] for each in first["top_logprobs"]}


@pytest.mark.parametrize("kind", ["llama", "qwen2"])
@pytest.mark.parametrize("lora", [{}, {"use_rslora": True}, {"alpha_pattern": {"q_proj": 30}}])
def test_llama_cpp_answers_as_peft_does(kind: str, lora: dict[str, Any], tmp_path: Path) -> None:
    base = build_model(tmp_path / "base", kind=kind)
    adapter = build_adapter(tmp_path / "adapter", base=base, seed=3, lora=lora)
    base_file = write_gguf(base, tmp_path / "base.gguf")
    adapter_file = export(adapter, base, tmp_path / "adapter.gguf")
    bare, tuned = peft_expects(base, None), peft_expects(base, adapter)
    assert llama_cpp_expects(base_file, None) == pytest.approx(bare, abs=1e-4)
    assert llama_cpp_expects(base_file, adapter_file) == pytest.approx(tuned, abs=1e-4)
    assert tuned != pytest.approx(bare, abs=0.1)
