"""PostgreSQL with pgvector from the binaries of the package pgserver, under our own rules.

The package's Python is never imported: it opens folders to everyone and trusts every connection.
Here every connection needs the password, the only socket is on the loopback address, and nothing
outside the cluster's own folder changes its permissions.
"""

import importlib.metadata
import locale
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from backend.config.embedded.account import Account
from backend.config.embedded.problems import StartProblem

SUPERUSER = "loredesk"
DATABASE = "loredesk"
PACKAGE_PARTS = ("pgserver/pginstall", "pgserver.libs")


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """One PostgreSQL: its files, its port and the account it runs under (none: our own)."""

    folder: Path
    port: int
    password: str
    bin_dir: Path
    account: Account | None

    @property
    def url(self) -> str:
        return self.database_url(DATABASE)

    def database_url(self, database: str) -> str:
        return f"postgres://{SUPERUSER}:{quote(self.password)}@127.0.0.1:{self.port}/{database}"

    def command(self, **settings: str) -> list[str]:
        """The server in the foreground; ``settings`` override those of ``postgresql.conf``."""
        always = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
        }
        options = [f"--{name}={value}" for name, value in {**always, **settings}.items()]
        return [str(self.bin_dir / "postgres"), "-D", str(self.folder), *options]


def packaged_installation() -> Path:
    """The folder that holds the wheel's ``pgserver/`` and ``pgserver.libs/``."""
    try:
        package = importlib.metadata.distribution("pgserver")
    except importlib.metadata.PackageNotFoundError as problem:
        raise StartProblem(
            "The package pgserver is not installed: run 'make setup' or set DATABASE_URL."
        ) from problem
    return Path(str(package.locate_file("")))


def bin_dir_of(installation: Path) -> Path:
    return installation / "pgserver" / "pginstall" / "bin"


def copy_installation(target: Path) -> Path:
    """The binaries once more in ``target``, for an account that cannot reach the environment."""
    source = packaged_installation()
    if not bin_dir_of(target).is_dir():
        unfinished = target.with_name(target.name + ".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        for part in PACKAGE_PARTS:
            if (source / part).is_dir():
                shutil.copytree(source / part, unfinished / part)
        for folder in (unfinished, *unfinished.rglob("*")):
            # Readable for the account whatever the umask; it may write none of it.
            folder.chmod(0o755 if folder.is_dir() or os.access(folder, os.X_OK) else 0o644)
        unfinished.rename(target)
    return target


def initialise(cluster: Cluster) -> None:
    """Makes the cluster's folder, whole or not at all; an existing one is checked and kept."""
    version_file = cluster.folder / "PG_VERSION"
    if version_file.exists():
        check_version(cluster, version_file.read_text(encoding="ascii").strip())
        return
    if cluster.folder.exists():
        raise StartProblem(
            f"{cluster.folder} is no PostgreSQL folder: move it away, then start again."
        )
    unfinished = cluster.folder.with_name(cluster.folder.name + ".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    password_file = unfinished.with_name(unfinished.name + ".password")
    try:
        password_file.touch(mode=0o600)
        password_file.write_text(cluster.password, encoding="ascii")
        if cluster.account:
            os.chown(unfinished, cluster.account.uid, cluster.account.gid)
            os.chown(password_file, cluster.account.uid, cluster.account.gid)
        run(
            cluster,
            "initdb",
            f"--pgdata={unfinished}",
            f"--username={SUPERUSER}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            f"--locale={cluster_locale()}",
        )
    finally:
        password_file.unlink(missing_ok=True)
    unfinished.rename(cluster.folder)


def check_version(cluster: Cluster, found: str) -> None:
    """Refuses a folder that another major version of PostgreSQL has written."""
    printed = run(cluster, "postgres", "--version")
    major = printed.split()[-1].partition(".")[0]
    if found != major:
        raise StartProblem(
            f"The database in {cluster.folder} was written by PostgreSQL {found} and this "
            f"Loredesk brings PostgreSQL {major}: restore it from a backup or upgrade it with "
            f"pg_upgrade."
        )


def cluster_locale() -> str:
    """A locale that knows upper and lower case of every script, where the system has it."""
    current = locale.setlocale(locale.LC_CTYPE)
    try:
        locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
    except locale.Error:
        return "C"
    locale.setlocale(locale.LC_CTYPE, current)
    return "C.UTF-8"


def forget_dead_server(cluster: Cluster) -> None:
    """Removes what a killed server left; only for a caller that knows none is running there.

    PostgreSQL itself would refuse to start where the number in its old pid file has since been
    given to some other process, as happens after a power cut.
    """
    (cluster.folder / "postmaster.pid").unlink(missing_ok=True)


def wait_until_ready(cluster: Cluster, *, timeout_s: float) -> None:
    """Returns once the server takes connections.

    Raises:
        TimeoutError: it does not after ``timeout_s``.
    """
    give_up_at = time.monotonic() + timeout_s
    while True:
        try:
            psycopg.connect(cluster.database_url("postgres"), connect_timeout=5).close()
            return
        except psycopg.OperationalError as problem:
            if time.monotonic() > give_up_at:
                raise TimeoutError(f"PostgreSQL does not answer: {problem}") from problem
        time.sleep(0.05)


def create_database(cluster: Cluster) -> None:
    """The database and its extension; test databases get the extension from the template."""
    enable_vectors(cluster, "template1")
    exists = "SELECT 1 FROM pg_database WHERE datname = %s"
    create = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE))
    with psycopg.connect(cluster.database_url("postgres"), autocommit=True) as connection:
        if not connection.execute(exists, [DATABASE]).fetchone():
            connection.execute(create)


def enable_vectors(cluster: Cluster, database: str) -> None:
    with psycopg.connect(cluster.database_url(database), autocommit=True) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")


def run(cluster: Cluster, program: str, *arguments: str) -> str:
    """What one of PostgreSQL's own programs prints; it runs under the cluster's account."""
    account = cluster.account
    finished = subprocess.run(
        [str(cluster.bin_dir / program), *arguments],
        cwd="/",
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode:
        last_line = (finished.stderr.strip() or finished.stdout.strip()).splitlines()[-1:]
        raise StartProblem(f"PostgreSQL's {program} failed: {' '.join(last_line)}")
    return finished.stdout
