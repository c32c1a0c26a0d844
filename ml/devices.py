"""Where a model computes, and how precisely: chosen by the machine, never left to fail."""

import torch


def best_device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def serving_dtype(device: torch.device) -> torch.dtype:
    """The precision in which a model answers on ``device``.

    bfloat16 where there are instructions for it, float16 on older graphics cards, else float32:
    a processor that only imitates bfloat16 is slower with it.
    """
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    if computes_bf16_natively():
        return torch.bfloat16
    return torch.float32


def computes_bf16_natively() -> bool:
    """Whether this processor multiplies bfloat16 numbers itself."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
