"""What is done between the first sign of the services and the start of the processes.

The database is brought up to date and filled with the demo data, and the packaged model is made
into an ordinary folder, once. Each is a command of its own, since this process loads neither
Django's models nor torch.
"""

import hashlib
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from backend.config.embedded.clone import Clone, write_private
from backend.config.embedded.problems import StartProblem
from backend.config.env import ROOT, for_own_process

PACKAGED = "packaged:"


def prepare_database(clone: Clone, environment: Mapping[str, str], *, remember: bool) -> bool:
    """Migrates and seeds; whether there was anything to do.

    Args:
        clone: whose database; its stamp saves the work where no source has changed.
        environment: of the commands.
        remember: trust the stamp; only for a database that nobody but this clone changes.
    """
    digest = digest_of_sources()
    if remember and clone.prepared_stamp.is_file() and clone.prepared_stamp.read_text() == digest:
        return False
    command([sys.executable, "manage.py", "migrate", "--no-input", "--verbosity=0"], environment)
    command([sys.executable, "manage.py", "seed_demo"], environment)
    if remember:
        write_private(clone.prepared_stamp, digest)
    return True


def model_is_missing(clone: Clone, base_model: str) -> bool:
    """Whether ``base_model`` is a packaged one that has not been converted yet."""
    name = base_model.removeprefix(PACKAGED)
    return name != base_model and not (clone.models / name / "config.json").is_file()


def convert_model(clone: Clone, base_model: str, environment: Mapping[str, str]) -> None:
    options = ["--base-model", base_model, "--models-dir", str(clone.models)]
    # Its own lines say enough; bars are drawn over other lines here.
    quiet = {**environment, "TQDM_DISABLE": "1"}
    command([sys.executable, "-m", "ml", "convert", *options], quiet)


def command(arguments: list[str], environment: Mapping[str, str]) -> None:
    """Runs a command of this repository; what it prints goes where our own lines go.

    Raises:
        StartProblem: it failed; its own words stand above.
    """
    finished = subprocess.run(
        arguments,
        cwd=ROOT,
        env=for_own_process(environment),
        stdin=subprocess.DEVNULL,
        umask=0o077,
        check=False,
    )
    if finished.returncode:
        words = " ".join(["python", *arguments[1:4]])
        raise StartProblem(f"'{words}' failed (exit status {finished.returncode}), see above.")


def digest_of_sources() -> str:
    """Changes with any source that migrations or demo data depend on."""
    digest = hashlib.sha256()
    for path in sources():
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def sources() -> Iterator[Path]:
    yield from sorted((ROOT / "backend").rglob("*.py"))
    local = ROOT / "data" / "local"
    for path in sorted((ROOT / "data").rglob("*")):
        if path.is_file() and local not in path.parents:
            yield path
