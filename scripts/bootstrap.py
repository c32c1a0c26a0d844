"""Installs what a command of the Makefile needs and leaves alone what is in place already.

Knows only the standard library, since it runs before anything is installed. Each part has a stamp,
the digest of the files it depends on, so that a second start does nothing here.

    python scripts/bootstrap.py run     environment and pages of `make run`
    python scripts/bootstrap.py dev     the same with what the checks and tests need
"""

import fcntl
import hashlib
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
FRONTEND = ROOT / "frontend"
MODULES = FRONTEND / "node_modules"

REQUIREMENTS = {
    "run": ("requirements.txt", "requirements-embedded.txt", "requirements-ml.txt"),
    "dev": ("requirements-dev.txt",),
}
WITHOUT_DEPENDENCIES = "requirements-model.txt"
SPACE_NEEDED = 3 * 10**9
NODE_SENTENCE = "Loredesk needs Node.js 20.19 or newer (of 20), or 22.12 or newer"


class SetupProblem(Exception):
    """The set-up cannot go on; the message is one sentence that says what to do."""


def main(mode: str) -> None:
    if mode == "run":
        refuse_early()
    check_node()
    with (ROOT / ".setup.lock").open("w") as lock:
        wait_for(lock)
        install(dev=mode == "dev")


def wait_for(lock: IO[str]) -> None:
    """Returns when no other set-up is at work in this clone."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        say("Another set-up is at work in this clone; waiting for it …")
        fcntl.flock(lock, fcntl.LOCK_EX)


def install(*, dev: bool) -> None:
    steps = [lambda: install_python(dev=dev), install_pages]
    with ThreadPoolExecutor(max_workers=len(steps)) as pool:
        for done in [pool.submit(step) for step in steps]:
            done.result()


def refuse_early() -> None:
    """Says at once, not after minutes, that the port is taken; the start itself checks it again."""
    port = os.environ.get("PORT", "8000")
    lock = Path(os.environ.get("LOREDESK_DATA_DIR", "data/local"), "lock")
    running_here = (ROOT / lock).is_file() and (ROOT / lock).stat().st_size
    if port.isdigit() and int(port) < 2**16 and not running_here and not is_free(int(port)):
        raise SetupProblem(
            f"Port {port} is in use by another program: stop that one, or choose another port, "
            f"for instance with 'make run PORT={int(port) + 1}'"
        )


def is_free(port: int) -> bool:
    """Whether nobody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def check_node() -> None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        raise SetupProblem(f"{NODE_SENTENCE}, with npm, and the path has none: install it")
    printed = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    found = re.match(r"v(\d+)\.(\d+)", printed.stdout)
    version = (int(found[1]), int(found[2])) if found else (0, 0)
    if not (version >= (22, 12) or (20, 19) <= version < (21, 0)):
        raise SetupProblem(f"{NODE_SENTENCE}, and this is {printed.stdout.strip() or node}")


def install_python(*, dev: bool) -> None:
    """The virtual environment with the pinned packages; the tools of the checks where ``dev``."""
    mode = "dev" if dev else "run"
    # What the checks need includes what a start needs.
    enough = ("dev",) if dev else ("run", "dev")
    if all_runs(VENV) and any(stamp_holds(VENV / f".{m}", python_digest(m)) for m in enough):
        return
    check_space()
    if not all_runs(VENV):
        say("Making the virtual environment .venv …")
        shutil.rmtree(VENV, ignore_errors=True)
        run([sys.executable, "-m", "venv", str(VENV)], "venv")
    say("Installing the Python packages (a few minutes the first time) …")
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "install"]
    pip += ["--disable-pip-version-check", "--no-input", "-c", "constraints.txt"]
    requirements = [part for name in REQUIREMENTS[mode] for part in ("-r", name)]
    run([*pip, *requirements], "pip", progress=package_name)
    run([*pip, "--no-deps", "-r", WITHOUT_DEPENDENCIES], "pip", progress=package_name)
    (VENV / f".{mode}").write_text(python_digest(mode))
    say("The Python packages are in place.")


def python_digest(mode: str) -> str:
    names = {*REQUIREMENTS["run"], *REQUIREMENTS[mode], WITHOUT_DEPENDENCIES, "constraints.txt"}
    return digest(ROOT / name for name in sorted(names))


def all_runs(venv: Path) -> bool:
    """Whether the environment is there and its Python is one that Loredesk supports."""
    check = "import sys, pip; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))"
    python = venv / "bin" / "python"
    return (
        python.exists() and not subprocess.run([str(python), "-c", check], check=False).returncode
    )


def install_pages() -> None:
    """The packages of the pages, and the pages built from their sources."""
    lock = [FRONTEND / "package.json", FRONTEND / "package-lock.json"]
    if not stamp_holds(MODULES / ".installed", digest(lock)):
        check_space()
        say("Installing the packages of the pages …")
        run(["npm", "ci", "--no-audit", "--no-fund"], "npm", folder=FRONTEND)
        (MODULES / ".installed").write_text(digest(lock))
    sources = digest(page_sources())
    if not (FRONTEND / "dist" / "index.html").is_file() or not stamp_holds(
        MODULES / ".built", sources
    ):
        say("Building the pages …")
        run(["npm", "run", "build"], "vite", folder=FRONTEND)
        (MODULES / ".built").write_text(sources)
        say("The pages are built.")


def page_sources() -> Iterator[Path]:
    skipped = {MODULES, FRONTEND / "dist"}
    for entry in sorted(FRONTEND.iterdir()):
        if entry not in skipped:
            yield from sorted(entry.rglob("*")) if entry.is_dir() else [entry]


def check_space() -> None:
    free = shutil.disk_usage(ROOT).free
    if free < SPACE_NEEDED:
        raise SetupProblem(
            f"The disk is full: the first set-up needs {SPACE_NEEDED / 1e9:.0f} GB and "
            f"{free / 1e9:.1f} GB are free"
        )


def run(
    command: list[str],
    name: str,
    *,
    folder: Path = ROOT,
    progress: Callable[[str], str | None] | None = None,
) -> None:
    """Runs one step; a sign of life every fifteen seconds, its last lines where it fails."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    started, lines, now = time.monotonic(), [], [""]
    finished = threading.Event()

    def sign_of_life() -> None:
        while not finished.wait(15):
            say(f"  {name}: {now[0] or 'still at work'} ({time.monotonic() - started:.0f} s)")

    threading.Thread(target=sign_of_life, daemon=True).start()
    try:
        assert process.stdout is not None  # noqa: S101  # a pipe, as asked for above
        for line in process.stdout:
            lines.append(line)
            now[0] = (progress(line) if progress else None) or now[0]
        status = process.wait()
    finally:
        finished.set()
    if status:
        sys.stderr.write("".join(lines[-25:]))
        if shutil.disk_usage(folder).free < 50 * 10**6 or "No space left" in "".join(lines):
            raise SetupProblem("The disk is full")
        raise SetupProblem(f"'{' '.join(command[:5])} …' failed, see above")


def package_name(line: str) -> str | None:
    """What pip is at, from a line that it prints."""
    if line.startswith("Installing collected packages"):
        return "unpacking everything"
    found = re.match(r"\s*(Collecting|Downloading|Building wheel for|Using cached) (\S+)", line)
    return f"{found[1].lower()} {found[2].rpartition('/')[2]}" if found else None


def digest(paths: Iterable[Path]) -> str:
    """Changes with any of the files."""
    total = hashlib.sha256()
    for path in paths:
        if path.is_file():
            total.update(str(path.relative_to(ROOT)).encode() + b"\0")
            total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def stamp_holds(stamp: Path, wanted: str) -> bool:
    return stamp.is_file() and stamp.read_text() == wanted


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    try:
        main(sys.argv[1] if len(sys.argv) > 1 else "run")
    except SetupProblem as problem:
        sys.exit(f"\nLoredesk cannot be set up. {problem}.")
    except KeyboardInterrupt:
        sys.exit(130)
