"""The process of a job on this machine: started apart, found again, asked to end, ended.

It lives in a session of its own, so it survives whoever started it. Process ids are used again,
so one counts only together with a command line that names the job's own configuration.
"""

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil
from django.conf import settings

from backend.config import env
from backend.training import files
from backend.training.models import AdapterJob

if TYPE_CHECKING:
    from collections.abc import Iterator

    from backend.training.models import AnyJob

# Whoever chats goes first.
NICENESS: Final = 10
# What a process of ours may be at, as its command line says.
COMMANDS: Final = frozenset({"train", *AdapterJob.Kind.values})

# Those that this very process started: only a parent learns how its child ended.
_children: dict[int, subprocess.Popen[bytes]] = {}


def this_host() -> str:
    """The name under which this machine holds jobs."""
    return socket.gethostname()[:120]


def command(what: str, config: Path) -> list[str]:
    """What does it; ``torchrun`` where several processes are to share a run's work."""
    ours = ["-m", "ml", what, "--config", str(config)]
    if what == "train" and settings.TRAINING_PROCESSES > 1:
        count = str(settings.TRAINING_PROCESSES)
        torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", count]
        return [sys.executable, *torchrun, *ours]
    return [sys.executable, *ours]


def start(job: "AnyJob") -> int:
    """Start what a job's own folder describes and return the process id.

    Its output goes to the end of the job's log; it knows no database, key or secret of ours (but
    an evaluation knows the judge's key), and of the graphics cards only the job's own device,
    where it has one.

    Raises:
        OSError: it cannot be started.
    """
    folder = job.folder
    device = {"CUDA_VISIBLE_DEVICES": job.device} if job.device else {}
    # The one secret that a process may know, where it needs it: in its environment, on no disk.
    judges = job.command == AdapterJob.Kind.EVALUATE and settings.JUDGE_API_KEY
    judge = {"LOREDESK_JUDGE_KEY": settings.JUDGE_API_KEY} if judges else {}
    with (folder / files.LOG).open("ab") as log:
        child = subprocess.Popen(
            command(job.command, folder / job.config_name),
            cwd=settings.BASE_DIR,
            env={**env.for_foreign_process(), **device, **judge, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _children[child.pid] = child
    psutil.Process(child.pid).nice(min(os.nice(0) + NICENESS, 19))
    return child.pid


def find(folder: Path, pid: int | None) -> int | None:
    """The id of the process that works in ``folder``, where it lives on this machine.

    Args:
        folder: the job's.
        pid: where it is expected; None looks at every process, for a starter that was killed
            before it could note the id.
    """
    if pid is not None and (child := _children.get(pid)) is not None:
        # No need of the command line, which is empty for a moment after the start.
        return pid if child.poll() is None else None
    candidates = [pid] if pid is not None else psutil.pids()
    return next((found for found in candidates if _folder_of(found) == folder), None)


def all_in(runs_dir: Path) -> "Iterator[tuple[int, Path]]":
    """Every process on this machine whose job lies in ``runs_dir``, with its folder."""
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
    """End the process and whatever it started, now; ``torchrun`` puts each into its own group."""
    try:
        started = psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        started = []
    _signal_group(pid, signal.SIGKILL)
    for child in started:
        with suppress(psutil.NoSuchProcess):
            child.kill()


def _signal_group(pid: int, number: signal.Signals) -> None:
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return  # it ended meanwhile


def _folder_of(pid: int) -> Path | None:
    """Where the process with that id works; None where it is none of ours, or helps one of ours."""
    try:
        process = psutil.Process(pid)
        folder, parent = _named_by(process), process.parent()
        return None if folder and parent and _named_by(parent) == folder else folder
    except psutil.Error:
        return None


def _named_by(process: psutil.Process) -> Path | None:
    """The job's folder in a command line."""
    words = process.cmdline()  # empty for a zombie
    if not COMMANDS.isdisjoint(words) and "--config" in words[:-1]:
        return Path(words[words.index("--config") + 1]).parent
    return None
