"""The whole product as ``make run`` starts it, for tests that need all of its processes.

Imports neither Django nor Playwright, so that any kind of test may use it.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
import xmlrpc.client
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
COMMAND = [sys.executable, "-m", "backend.config.embedded"]
READY_WITHIN_S = 240  # a first start converts the packaged model


class NotReady(AssertionError):
    """The stack ended, or did not become ready; the message holds what it printed."""


@dataclass
class Stack:
    """One start with its own data folder and port."""

    data_dir: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self) -> str:
        return output_file(self.data_dir).read_text(encoding="utf-8")

    @property
    def instance(self) -> str:
        """The mark that every process of this data folder carries in its environment."""
        return str(kept(self.data_dir, "secrets")["instance"])

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=10):
                return True
        except OSError:
            return False

    def wait_until_ready(self, *, timeout_s: float) -> float:
        """Seconds until ``/readyz`` said 200."""
        started = time.monotonic()
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > started + timeout_s:
                raise NotReady(self.output)
            time.sleep(0.2)
        return time.monotonic() - started

    def running(self) -> dict[str, int]:
        """Process id of every program that the supervisor calls running."""
        password = kept(self.data_dir, "secrets")["control_password"]
        port = kept(self.data_dir, "ports")["supervisor"]
        with xmlrpc.client.ServerProxy(f"http://loredesk:{password}@127.0.0.1:{port}/RPC2") as rpc:
            described: Any = rpc.supervisor.getAllProcessInfo()  # xmlrpc has no types
        return {
            program["name"]: program["pid"]
            for program in described
            if program["statename"] == "RUNNING"
        }

    def stop(self, *, timeout_s: float = 120) -> int:
        """Ctrl-C; the exit status once everything has ended."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=timeout_s)


def output_file(data_dir: Path) -> Path:
    return data_dir.with_name(f"{data_dir.name}.output")


def kept(data_dir: Path, name: str) -> dict[str, Any]:
    """One of the JSON files that the start keeps in its data folder."""
    content: dict[str, Any] = json.loads((data_dir / f"{name}.json").read_text(encoding="utf-8"))
    return content


def environment(data_dir: Path, port: int, **more: str) -> dict[str, str]:
    """That of this process without anything of ours, so that every part is the embedded one."""
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    ours = set(re.findall(r"^([A-Z_]+)=", example, re.MULTILINE)) | {"DJANGO_SETTINGS_MODULE"}
    plain = {name: value for name, value in os.environ.items() if name not in ours}
    return {**plain, "LOREDESK_DATA_DIR": str(data_dir), "PORT": str(port), **more}


def launch(data_dir: Path, port: int, **more: str) -> Stack:
    """Begins a start and returns at once."""
    with output_file(data_dir).open("wb") as output:
        process = subprocess.Popen(
            COMMAND,
            cwd=ROOT,
            env=environment(data_dir, port, **more),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Stack(data_dir, port, process)


def lend_model(data_dir: Path) -> None:
    """Saves the new data folder the conversion of the packaged model, where it is done already."""
    converted = ROOT / "data" / "local" / "models"
    if converted.is_dir():
        shutil.copytree(converted, data_dir / "models", copy_function=os.link)


@contextmanager
def running_stack(data_dir: Path, port: int, **more: str) -> Iterator[Stack]:
    """A stack that is ready, stopped at the end if the test has not done it."""
    lend_model(data_dir)
    stack = launch(data_dir, port, **more)
    try:
        stack.wait_until_ready(timeout_s=READY_WITHIN_S)
        yield stack
    finally:
        if stack.process.poll() is None:
            stack.stop()
