"""Which system account PostgreSQL runs under: it refuses to run as root."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

from backend.config.embedded.problems import StartProblem

CANDIDATES = ("postgres", "nobody", "daemon")


@dataclass(frozen=True)
class Account:
    """A system account with as few rights as there is; it gets no supplementary groups."""

    name: str
    uid: int
    gid: int

    def can_traverse(self, folder: Path) -> bool:
        """Whether a process of this account reaches what lies in ``folder``."""
        test = subprocess.run(
            ["/bin/sh", "-c", 'cd -- "$1"', "sh", str(folder)],
            cwd="/",
            user=self.uid,
            group=self.gid,
            extra_groups=[],
            stderr=subprocess.DEVNULL,
            check=False,
        )
        return test.returncode == 0


def is_root() -> bool:
    return os.geteuid() == 0


def unprivileged_account() -> Account | None:
    """The account to drop to; none where this process is not root and simply stays itself."""
    if not is_root():
        return None
    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(name=name, uid=entry.pw_uid, gid=entry.pw_gid)
    raise StartProblem(
        f"PostgreSQL must not run as root and this system has none of the accounts "
        f"{', '.join(CANDIDATES)}: run as another user or set DATABASE_URL."
    )
