"""The data folder of one clone: its layout, its lock, its secrets and the ports it has used."""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from backend.config.embedded.ports import free_port
from backend.config.embedded.problems import StartProblem

# Readable by nobody else: they hold records, prompts, logs and passwords.
PRIVATE_FOLDERS = ("logs", "models", "runs", "static", "beat", "valkey")


@dataclass(frozen=True)
class Clone:
    """Where everything of one data folder lies."""

    folder: Path

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def models(self) -> Path:
        return self.folder / "models"

    @property
    def valkey(self) -> Path:
        return self.folder / "valkey"

    @property
    def supervisor_config(self) -> Path:
        return self.folder / "supervisord.conf"

    @property
    def prepared_stamp(self) -> Path:
        """Holds the digest of the sources that the database was last brought up to date with."""
        return self.folder / "prepared"


@dataclass(frozen=True)
class Secrets:
    """Made once for a data folder; ``instance`` is no secret but marks what belongs to it."""

    instance: str
    secret_key: str = field(repr=False)
    postgres_password: str = field(repr=False)
    valkey_password: str = field(repr=False)
    control_password: str = field(repr=False)


def make_folders(clone: Clone) -> None:
    """Makes what is missing; what exists keeps its permissions."""
    try:
        # As root, PostgreSQL's account must pass through; it can read nothing in here.
        clone.folder.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        for name in PRIVATE_FOLDERS:
            (clone.folder / name).mkdir(mode=0o700, exist_ok=True)
    except OSError as problem:
        raise StartProblem(
            f"The data folder {clone.folder} cannot be used: {problem}."
        ) from problem


@contextmanager
def held(clone: Clone, description: str) -> Iterator[None]:
    """Holds the clone's lock, so that one start at a time uses the data folder.

    Raises:
        StartProblem: another start holds it; the message says which and where.
    """
    with (clone.folder / "lock").open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as problem:
            lock.seek(0)
            holder = lock.read().strip() or "no details yet"
            raise StartProblem(f"Loredesk is already running in this clone: {holder}.") from problem
        lock.truncate(0)
        lock.write(f"process {os.getpid()}, {description}")
        lock.flush()
        try:
            yield
        finally:
            lock.truncate(0)


def secrets_of(clone: Clone) -> Secrets:
    """The clone's secrets, made at random and kept at the first call."""
    path = clone.folder / "secrets.json"
    if not path.exists():
        made = Secrets(
            instance=secrets.token_hex(8),
            secret_key=secrets.token_urlsafe(50),
            postgres_password=secrets.token_hex(24),
            valkey_password=secrets.token_hex(24),
            control_password=secrets.token_hex(24),
        )
        write_private(path, json.dumps(asdict(made), indent=2))
    try:
        return Secrets(**json.loads(path.read_text(encoding="utf-8")))
    except (TypeError, ValueError) as problem:
        raise StartProblem(
            f"{path} is damaged: restore it from a backup, or move the whole data folder away to "
            f"begin anew."
        ) from problem


def ports_of(clone: Clone, names: tuple[str, ...]) -> dict[str, int]:
    """A free port for each name, the one of last time where it is still free; remembered."""
    path = clone.folder / "ports.json"
    try:
        remembered = {str(name): int(port) for name, port in json.loads(path.read_text()).items()}
    except (OSError, ValueError, AttributeError):
        remembered = {}
    ports: dict[str, int] = {}
    for name in names:
        ports[name] = free_port(remembered.get(name), taken=frozenset(ports.values()))
    write_private(path, json.dumps(remembered | ports))
    return ports


def write_environment(path: Path, variables: Mapping[str, str]) -> None:
    """Writes what ``env.py`` reads where the environment itself says nothing."""
    lines = ["# Written by every start of the embedded services; changes here are lost."]
    lines += [f'{name}="{value}"' for name, value in variables.items()]
    write_private(path, "\n".join(lines) + "\n")


def write_private(path: Path, text: str) -> None:
    """Writes whole or not at all, readable by nobody else."""
    unfinished = path.with_name(path.name + ".new")
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=0o600)
    with unfinished.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
