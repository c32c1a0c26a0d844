"""The set-up says in one sentence what a machine lacks, before it changes anything."""

import os
import re
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from backend.config.env import ROOT

BOOTSTRAP = [sys.executable, "scripts/bootstrap.py"]
TOOLS = ("sh", "env", "grep", "mktemp", "rm", "tail")


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A path that holds a shell's bare tools and what a test adds."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in TOOLS:
        found = next(
            place / name for place in (Path("/usr/bin"), Path("/bin")) if (place / name).exists()
        )
        (folder / name).symlink_to(found)
    return folder


def add(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def outcome(command: list[str], path: Path, **variables: str) -> tuple[int, str]:
    """Exit status and everything that was printed."""
    plain = {k: v for k, v in os.environ.items() if k not in {"CHROMIUM", "PORT"}}
    finished = subprocess.run(
        command,
        cwd=ROOT,
        env={**plain, "PATH": str(path), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=60,
        check=False,
    )
    return finished.returncode, finished.stdout.strip()


def test_a_supported_python_is_found_behind_one_that_refuses_to_run(programs: Path) -> None:
    add(programs, "python3.11", "exit 127")
    add(programs, "python3", f'exec {sys.executable} "$@"')
    status, said = outcome(["sh", "scripts/python.sh", "-c", "print('it runs')"], programs)
    assert (status, said) == (0, "it runs")


def test_an_unsupported_python_is_named(programs: Path) -> None:
    add(programs, "python3", 'if [ "$1" = --version ]; then echo Python 3.9.1; else exit 1; fi')
    status, said = outcome(["sh", "scripts/python.sh", "-c", "print('it runs')"], programs)
    assert status == 1
    assert said == (
        "Loredesk needs Python 3.11 or 3.12, and the path has neither (Python 3.9.1): "
        "install one of them."
    )


def test_a_missing_node_is_named(programs: Path) -> None:
    status, said = outcome([*BOOTSTRAP, "dev"], programs)
    assert status == 1
    assert re.fullmatch(r"Loredesk cannot be set up\. .*Node\.js 20\.19.*the path has none.*", said)


@pytest.mark.parametrize("version", ["v18.20.1", "v20.18.0", "v21.7.0", "v22.11.0"])
def test_an_old_node_is_named(programs: Path, version: str) -> None:
    add(programs, "node", f"echo {version}")
    add(programs, "npm", "exit 1")
    status, said = outcome([*BOOTSTRAP, "dev"], programs)
    assert status == 1
    assert said.endswith(f"and this is {version}.")


def test_a_busy_port_is_named_before_anything_is_installed(programs: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        status, said = outcome(
            [*BOOTSTRAP, "run"], programs, PORT=port, LOREDESK_DATA_DIR=str(tmp_path)
        )
    assert status == 1
    assert said.startswith(f"Loredesk cannot be set up. Port {port} is in use")


def test_a_browser_that_may_not_be_installed_is_named(programs: Path) -> None:
    add(programs, "id", "echo 1000")
    add(programs, "apt-get", "exit 1")
    status, said = outcome(["sh", "scripts/browser.sh"], programs)
    assert status == 1
    assert re.fullmatch(
        r"The browser tests need .*fonts-noto-cjk.*may not install packages.*", said
    )


def test_a_browser_that_is_not_there_is_named(programs: Path) -> None:
    status, said = outcome(["sh", "scripts/browser.sh"], programs, CHROMIUM="/no/chromium")
    assert status == 1
    assert said == (
        "CHROMIUM names /no/chromium, which cannot be run: give the path of a Chromium."
    )


def test_ci_runs_the_tests_and_nothing_else() -> None:
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert lines == ["#!/bin/bash", "set -e", 'cd "$(dirname "$0")/.."', "make test"]
