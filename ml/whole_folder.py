"""A folder that is there whole or not at all."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ml.errors import ConfigError


@contextmanager
def whole_folder(output: Path) -> Iterator[Path]:
    """A folder beside ``output`` to write into, which takes its name when the block ends well.

    A block that raises leaves nothing; a process that is killed leaves the folder beside, which
    ``left_overs`` finds.

    Raises:
        ConfigError: ``output`` is a file, or a folder that holds something.
    """
    check_empty(output)
    output.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=_prefix(output), dir=output.parent))
    partial.chmod(0o755)
    try:
        yield partial
        partial.rename(output)  # takes the place of an empty folder
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def check_empty(output: Path) -> None:
    """Raises ConfigError unless ``output`` is not there or is an empty folder."""
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise ConfigError(f"{output} is not an empty folder; choose another.", code="not_empty")


def left_overs(output: Path) -> Iterator[Path]:
    """What killed processes left beside ``output``."""
    return output.parent.glob(f"{_prefix(output)}*")


def _prefix(output: Path) -> str:
    return f".{output.name}.partial-"
