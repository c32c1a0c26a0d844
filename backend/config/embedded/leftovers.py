"""Processes of this clone that a killed start has left behind, and how they are ended."""

import os
from contextlib import suppress
from typing import Final

import psutil

# In the environment of every process of a clone, and so of what they start.
MARK: Final = "LOREDESK_INSTANCE"


def processes_of(instance: str) -> list[psutil.Process]:
    """Every process that carries the clone's mark, save this one; the oldest first."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid != os.getpid() and process.environ().get(MARK) == instance:
                found.append(process)
    return sorted(found, key=lambda process: process.create_time())


def end(processes: list[psutil.Process], *, patience_s: float) -> None:
    """Asks each to end and kills what has not after ``patience_s``."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, stubborn = psutil.wait_procs(processes, timeout=patience_s)
    for process in stubborn:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(stubborn, timeout=10)


def end_all(instance: str, *, patience_s: float) -> int:
    """Ends every process of the clone; how many there were.

    A supervisor among them is asked first: it stops the others in their order.
    """
    found = processes_of(instance)
    supervisors = [process for process in found if is_supervisor(process)]
    end(supervisors, patience_s=2 * patience_s)
    end(processes_of(instance), patience_s=patience_s)
    return len(found)


def is_supervisor(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return "supervisor.supervisord" in process.cmdline()
    return False
