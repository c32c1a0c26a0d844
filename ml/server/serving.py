"""``python -m ml serve``: loads a model, warms it up and serves until it is told to end."""

import logging
import os
import threading
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

import torch
import uvicorn

from ml.base_models import ModelHub, fingerprint, folder_of, served_name
from ml.devices import best_device, serving_dtype
from ml.engines.generation import Piece, Sampling
from ml.engines.rolling import Engine
from ml.engines.transformers import ServedModel
from ml.memory import keep_freed_memory
from ml.server.app import create_app

if TYPE_CHECKING:
    from ml.errors import MlError

logger = logging.getLogger(__name__)

# How long answers in progress may go on after SIGTERM; then they are broken off.
GRACE_S: Final = 1


def default_threads() -> int:
    """Half of the processors, at least one.

    Every operation waits for the slowest thread. Where other processes want the same processors,
    as the trainer and the web do, one thread for each of them made answers five times slower than
    one thread for half of them; alone on the machine the other half won hardly anything.
    """
    available = getattr(os, "sched_getaffinity", None)  # not on macOS
    processors = len(available(0)) if available else os.cpu_count() or 1
    return max(1, processors // 2)


def load_engine(folder: Path, *, name: str, max_batch: int, threads: int | None = None) -> Engine:
    """An engine that has answered once, so that the first person need not wait longer."""
    torch.set_num_threads(threads or default_threads())
    device = best_device()
    dtype = serving_dtype(device)
    fingerprint(folder)  # remembered; loading an adapter compares it
    engine = Engine(ServedModel(folder, device=device, dtype=dtype), name=name, max_batch=max_batch)
    ended = threading.Event()
    failures: list[MlError] = []

    def take(piece: Piece) -> None:
        if piece.error is not None:
            failures.append(piece.error)
        if piece.is_last:
            ended.set()

    engine.submit(
        model=name,
        prompt_ids=engine.tokens.prompt_ids([{"role": "user", "content": "Hi"}]),
        max_tokens=2,
        sampling=Sampling(),
        stop=(),
        on_piece=take,
    )
    ended.wait()
    if failures:
        raise failures[0]
    logger.info("%s answers on %s in %s", name, device, dtype)
    return engine


def serve(
    *,
    base_model: str,
    models_dir: Path,
    host: str,
    port: int,
    model_hub: ModelHub = "huggingface",
    threads: int | None = None,
    max_batch: int = 8,
) -> int:
    """Serves until SIGTERM or SIGINT; the exit status.

    Raises:
        MlError: the model cannot be had or loaded.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    keep_freed_memory()
    folder = folder_of(base_model, models_dir=models_dir, model_hub=model_hub)
    engine = load_engine(folder, name=served_name(base_model), max_batch=max_batch, threads=threads)
    # The first adapter need not wait for it, nor the start.
    threading.Thread(target=import_module, args=("peft",), name="peft", daemon=True).start()
    try:
        uvicorn.run(
            create_app(engine),
            host=host,
            port=port,
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=GRACE_S,
        )
    finally:
        engine.close()
    return 0
