"""How much memory this process has taken, and how it keeps what it has freed."""

import ctypes
import resource
import sys

import torch


def peak_memory_bytes(device: torch.device) -> int:
    """The most that was in use so far: of the graphics card where there is one, else in all."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def keep_freed_memory() -> None:
    """Let glibc keep freed blocks instead of giving each back to the system.

    Every step asks for the same large blocks again; without this a fifth of its time goes into
    page faults. Elsewhere than under glibc nothing is done.
    """
    if not sys.platform.startswith("linux"):
        return
    trim_threshold, top_pad, mmap_threshold = -1, -2, -3  # from malloc.h
    try:
        libc = ctypes.CDLL(None)
        libc.mallopt(mmap_threshold, 1 << 30)
        libc.mallopt(trim_threshold, (1 << 31) - 1)
        libc.mallopt(top_pad, 1 << 28)
    except AttributeError:  # musl has no mallopt
        return


def is_out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` tells of too little; torch has no class for it on the processor."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    said = str(error).lower()
    return isinstance(error, RuntimeError) and (
        "can't allocate memory" in said or "out of memory" in said
    )
