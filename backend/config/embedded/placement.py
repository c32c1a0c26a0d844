"""Where a clone's PostgreSQL lies and which account owns it.

PostgreSQL refuses to run as root, and the account it then runs under must reach its files. A clone
below a folder that only root may enter (/root) cannot offer that, and folders that are not ours
keep their permissions: then the cluster lies below /var/lib, in a folder named by the clone's mark.
"""

import os
import pwd
from pathlib import Path
from typing import Final

from backend.config.embedded import postgres
from backend.config.embedded.account import Account, is_root, unprivileged_account
from backend.config.embedded.clone import Clone, Secrets
from backend.config.embedded.problems import StartProblem

ELSEWHERE: Final = Path("/var/lib/loredesk")


def place_cluster(clone: Clone, secrets: Secrets, port: int) -> postgres.Cluster:
    """The clone's cluster, whether it exists yet or not."""
    inside, outside = clone.folder / "postgres", ELSEWHERE / secrets.instance / "postgres"
    existing = next((folder for folder in (outside, inside) if folder.exists()), None)
    account = owner(existing) if existing else unprivileged_account()
    if account is None or account.can_traverse(clone.folder):
        folder = existing or inside
    elif existing == inside:
        raise StartProblem(
            f"PostgreSQL's account {account.name} can no longer enter {clone.folder}: move the "
            f"clone back, or open the folders above it with chmod o+x."
        )
    else:
        folder = existing or make_outside(outside.parent) / "postgres"
    return postgres.Cluster(
        folder=folder,
        port=port,
        password=secrets.postgres_password,
        bin_dir=reachable_binaries(account, folder.parent, outside.parent),
        account=account,
    )


def owner(folder: Path) -> Account | None:
    """The account that an existing cluster belongs to; none: our own."""
    uid = folder.stat().st_uid
    if uid == os.geteuid() and not is_root():
        return None
    try:
        entry = pwd.getpwuid(uid)
    except KeyError as problem:
        raise StartProblem(f"The account that owns {folder} is gone from this system.") from problem
    if not is_root() or uid == 0:
        raise StartProblem(f"{folder} belongs to {entry.pw_name}: start as the user who made it.")
    return Account(name=entry.pw_name, uid=uid, gid=entry.pw_gid)


def reachable_binaries(account: Account | None, beside: Path, outside: Path) -> Path:
    """The folder of PostgreSQL's programs, copied once where the account cannot reach it."""
    installation = postgres.packaged_installation()
    bin_dir = postgres.bin_dir_of(installation)
    if account and not account.can_traverse(bin_dir):
        target = beside if account.can_traverse(beside) else make_outside(outside)
        bin_dir = postgres.bin_dir_of(postgres.copy_installation(target / "postgresql"))
    return bin_dir


def make_outside(folder: Path) -> Path:
    """Makes a folder below /var/lib that others may pass through and only root may change."""
    try:
        for step in (folder.parent, folder):
            if not step.exists():
                step.mkdir()
                step.chmod(0o711)
    except OSError as problem:
        raise StartProblem(
            f"PostgreSQL must not run as root and needs a folder that another account can enter, "
            f"but {folder} cannot be made: set LOREDESK_DATA_DIR to such a folder, or DATABASE_URL."
        ) from problem
    return folder
