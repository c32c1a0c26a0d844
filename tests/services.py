"""The real PostgreSQL and Valkey that one run of the tests has to itself."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from secrets import token_hex

from backend.config.embedded import postgres, valkey
from backend.config.embedded.account import unprivileged_account
from backend.config.embedded.ports import free_port


class Services:
    """Ports and passwords are fixed at once, so that settings can name them; start() starts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []
        account = unprivileged_account()
        installation = postgres.packaged_installation()
        if account and not account.can_traverse(postgres.bin_dir_of(installation)):
            installation = postgres.copy_installation(self.folder / "postgresql")
        self.cluster = postgres.Cluster(
            folder=self.folder / "postgres",
            port=free_port(),
            password=token_hex(16),
            bin_dir=postgres.bin_dir_of(installation),
            account=account,
        )
        self.valkey = valkey.Server(
            folder=self.folder / "valkey",
            port=free_port(taken=frozenset({self.cluster.port})),
            password=token_hex(16),
        )

    def start(self) -> None:
        """Returns when both answer."""
        postgres.initialise(self.cluster)
        # These tests end with the machine's power cut or never: no write need reach the disk.
        fast = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
        account = self.cluster.account
        self.spawn(
            self.cluster.command(**fast),
            user=account.uid if account else None,
            group=account.gid if account else None,
        )
        valkey.write_config(self.valkey)
        self.spawn(self.valkey.command())
        postgres.wait_until_ready(self.cluster, timeout_s=30)
        postgres.create_database(self.cluster)
        valkey.wait_until_ready(self.valkey, timeout_s=30)

    def spawn(self, command: list[str], user: int | None = None, group: int | None = None) -> None:
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(  # one line of C, after the fork
                command,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=user,
                group=group,
                extra_groups=[] if user is not None else None,
                start_new_session=True,
                preexec_fn=end_with_parent(),
            )
        self.processes.append(process)

    def stop(self) -> None:
        """Returns when both have ended."""
        for process in self.processes:
            # Fast shutdown for PostgreSQL, an ordinary one for Valkey.
            process.send_signal(signal.SIGINT)
        for process in self.processes:
            process.wait(timeout=30)


def end_with_parent() -> Callable[[], None] | None:
    """Lets a test run that is killed take its services with it, where the system can."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    parent_death_signal = 1

    def run_in_child() -> None:
        libc.prctl(parent_death_signal, signal.SIGQUIT)

    return run_in_child


def environment(folder: Path, services: Services | None) -> dict[str, str]:
    """What the settings read in tests; without services of ours, those given from outside."""
    variables = {
        "LOREDESK_DATA_DIR": str(folder / "data"),
        "SECRET_KEY": token_hex(32),
        "MODEL_SERVER_URL": "http://127.0.0.1:9",  # refuses; tests that need one start a fake
        "FOUR_EYES": "true",
        "SECURE_COOKIES": "false",
        "ALLOWED_HOSTS": "localhost,127.0.0.1,testserver",
    }
    if services:
        return variables | {
            "DATABASE_URL": services.cluster.url,
            "REDIS_URL": services.valkey.url,
        }
    return variables | {name: os.environ[name] for name in ("DATABASE_URL", "REDIS_URL")}
