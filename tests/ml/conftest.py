from pathlib import Path

import pytest

from tests.ml.tiny import build_adapter, build_model


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
