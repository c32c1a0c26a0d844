"""The training process on this machine: started apart, found again, asked to end, ended.

It lives in a session of its own, so it survives whoever started it. Process ids are used again,
so one counts only together with a command line that names the run's own configuration.
"""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil
from django.conf import settings

from backend.config import env
from backend.training import files

if TYPE_CHECKING:
    from collections.abc import Iterator

# Whoever chats goes first.
NICENESS: Final = 10

# Those that this very process started: only a parent learns how its child ended.
_children: dict[int, subprocess.Popen[bytes]] = {}


def this_host() -> str:
    """The name under which this machine holds runs."""
    return socket.gethostname()[:120]


def command(config: Path) -> list[str]:
    """What trains."""
    return [sys.executable, "-m", "ml", "train", "--config", str(config)]


def start(folder: Path) -> int:
    """Start training as ``folder/run.json`` says and return the process id.

    Its output goes to the end of the run's log; it knows no database, key or secret of ours.

    Raises:
        OSError: it cannot be started.
    """
    with (folder / files.LOG).open("ab") as log:
        child = subprocess.Popen(
            command(folder / files.CONFIG),
            cwd=settings.BASE_DIR,
            env={**env.for_foreign_process(), "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _children[child.pid] = child
    psutil.Process(child.pid).nice(min(os.nice(0) + NICENESS, 19))
    return child.pid


def find(folder: Path, pid: int | None) -> int | None:
    """The id of the process that trains in ``folder``, where it lives on this machine.

    Args:
        folder: the run's.
        pid: where it is expected; None looks at every process, for a starter that was killed
            before it could note the id.
    """
    if pid is not None and (child := _children.get(pid)) is not None:
        # No need of the command line, which is empty for a moment after the start.
        return pid if child.poll() is None else None
    candidates = [pid] if pid is not None else psutil.pids()
    return next((found for found in candidates if _folder_of(found) == folder), None)


def all_in(runs_dir: Path) -> "Iterator[tuple[int, Path]]":
    """Every training process on this machine whose run lies in ``runs_dir``, with its folder."""
    for pid in psutil.pids():
        folder = _folder_of(pid)
        if folder is not None and folder.parent == runs_dir:
            yield pid, folder


def exit_code(pid: int | None) -> int | None:
    """How a child of this very process ended; None where that cannot be known."""
    child = _children.pop(pid, None) if pid is not None else None
    return child.wait() if child is not None else None


def terminate(pid: int) -> None:
    """Ask with SIGTERM, which means: checkpoint and end."""
    _signal_group(pid, signal.SIGTERM)


def kill(pid: int) -> None:
    """End the process and whatever it started, now."""
    _signal_group(pid, signal.SIGKILL)


def _signal_group(pid: int, number: signal.Signals) -> None:
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return  # it ended meanwhile


def _folder_of(pid: int) -> Path | None:
    """Where the process with that id trains; None where it is none of ours."""
    try:
        words = psutil.Process(pid).cmdline()  # empty for a zombie
    except psutil.Error:
        return None
    if "train" in words and "--config" in words[:-1]:
        return Path(words[words.index("--config") + 1]).parent
    return None
