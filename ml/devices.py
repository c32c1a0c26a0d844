"""Where a model computes, and how precisely: chosen by the machine, never left to fail."""

from importlib.util import find_spec

import torch

from ml.errors import ConfigError


def best_device(number: int = 0) -> torch.device:
    """The graphics card of that number where there are any, else the processor."""
    return torch.device("cuda", number) if torch.cuda.is_available() else torch.device("cpu")


def has_bitsandbytes() -> bool:
    """Whether the package that holds a model in 4 bits is there."""
    return find_spec("bitsandbytes") is not None


def serving_dtype(device: torch.device) -> torch.dtype:
    """The precision in which a model answers on ``device``.

    bfloat16 where there are instructions for it, float16 on older graphics cards, else float32:
    a processor that only imitates bfloat16 is slower with it.
    """
    if device.type == "cuda":
        is_native = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if is_native else torch.float16
    if computes_bf16_natively():
        return torch.bfloat16
    return torch.float32


def computes_bf16_natively() -> bool:
    """Whether this processor multiplies bfloat16 numbers itself."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def training_dtype(precision: str, device: torch.device) -> torch.dtype:
    """The precision in which a run computes on ``device``; ``auto`` takes the native one.

    Raises:
        ConfigError: float16 without a graphics card.
    """
    match precision:
        case "auto":
            return serving_dtype(device)
        case "bf16":
            return torch.bfloat16
        case "fp16" if device.type != "cuda":
            raise ConfigError(
                "Precision fp16 needs a graphics card; choose auto.", code="precision_impossible"
            )
        case "fp16":
            return torch.float16
        case _:
            return torch.float32
