import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import uvicorn

from ml.engines.rolling import Engine
from ml.engines.transformers import ServedModel
from ml.server.app import create_app
from tests.ml.tiny import build_adapter, build_model

# So small a model is slower with more of them, most of all on a busy machine.
torch.set_num_threads(1)


@pytest.fixture
def own_signals() -> Iterator[None]:
    """A job's process takes the signals; pytest wants them back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a random Llama with two layers of width 32."""
    return build_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def tiny_adapters(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> list[Path]:
    """Folders of two adapters of the tiny model that answer unlike it and unlike each other."""
    folder = tmp_path_factory.mktemp("adapters")
    return [
        build_adapter(folder / f"adapter-{seed}", base=tiny_model, seed=seed) for seed in (1, 2)
    ]


@pytest.fixture(scope="session")
def engine(tiny_model: Path, tiny_adapters: list[Path]) -> Iterator[Engine]:
    """The tiny model under the name ``tiny``, and its adapters as ``first`` and ``second``."""
    model = ServedModel(tiny_model, device=torch.device("cpu"), dtype=torch.float32)
    engine = Engine(model, name="tiny", max_batch=8, max_waiting=16)
    for name, folder in zip(("first", "second"), tiny_adapters, strict=True):
        engine.load_adapter(name, folder)
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def server(engine: Engine) -> Iterator[str]:
    """Address of a model server in front of ``engine``."""
    config = uvicorn.Config(create_app(engine), port=0, log_level="warning")
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    while not running.started:
        assert thread.is_alive(), "the server ended"
        time.sleep(0.01)
    port = running.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    running.should_exit = True
    thread.join(10)
