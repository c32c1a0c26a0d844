"""The parts of the embedded start that need no running stack."""

import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from configparser import RawConfigParser
from pathlib import Path
from types import SimpleNamespace

import pytest

from backend.config import env
from backend.config.embedded import (
    clone,
    leftovers,
    placement,
    ports,
    postgres,
    preparation,
    programs,
    start,
)
from backend.config.embedded.account import is_root, unprivileged_account
from backend.config.embedded.clone import Clone
from backend.config.embedded.problems import StartProblem

as_root = pytest.mark.skipif(not is_root(), reason="only root drops to another account")


@pytest.fixture
def here(tmp_path: Path) -> Clone:
    made = Clone(tmp_path / "data")
    clone.make_folders(made)
    return made


def launch(data_dir: Path, **changes: str) -> env.Launch:
    return env.read_launch({"LOREDESK_DATA_DIR": str(data_dir), **changes})


# --- the data folder ---------------------------------------------------------------------------


def test_a_second_start_is_refused_and_told_where_the_first_is(here: Clone) -> None:
    with clone.held(here, "http://127.0.0.1:8000"):
        said = rf"already running in this clone: process {os.getpid()}, http://127.0.0.1:8000"
        with pytest.raises(StartProblem, match=said), clone.held(here, "another"):
            pytest.fail("two starts hold the lock")
    with clone.held(here, "http://127.0.0.1:9000"):
        pass


def test_secrets_are_random_kept_and_private(here: Clone, tmp_path: Path) -> None:
    other = Clone(tmp_path / "other")
    clone.make_folders(other)
    assert clone.secrets_of(here) == clone.secrets_of(here) != clone.secrets_of(other)
    assert stat.S_IMODE((here.folder / "secrets.json").stat().st_mode) == 0o600
    assert clone.secrets_of(here).secret_key not in repr(clone.secrets_of(here))


def test_damaged_secrets_are_not_replaced(here: Clone) -> None:
    (here.folder / "secrets.json").write_text("{", encoding="utf-8")
    with pytest.raises(StartProblem, match="is damaged"):
        clone.secrets_of(here)


def test_the_environment_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    variables = {"DATABASE_URL": "postgres://u:p%40%2F@127.0.0.1:5/d", "SECRET_KEY": "a-_'#x"}
    clone.write_environment(tmp_path / "file", variables)
    assert env.read_file(tmp_path / "file") == variables
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600


def test_ports_are_kept_while_they_are_free(here: Clone) -> None:
    first = clone.ports_of(here, ("one", "two"))
    assert clone.ports_of(here, ("one", "two")) == first
    with socket.create_server(("127.0.0.1", first["one"])):
        second = clone.ports_of(here, ("one", "two"))
    assert second["one"] != first["one"]
    assert second["two"] == first["two"]


# --- what keeps a start from going on ------------------------------------------------------------


def test_a_busy_port_is_named(here: Clone) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(StartProblem, match=f"^Port {port} is in use .* PORT={port + 1}"):
            start.make_plan(launch(here.folder, PORT=str(port)), here)


def test_a_full_disk_is_named(here: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    full = SimpleNamespace(free=10**8)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: full)  # its signature
    with pytest.raises(StartProblem, match=r"^The disk of .* is full: 0\.1 GB .* 2\.0 GB"):
        start.check_space(here, launch(here.folder))


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StartProblem, match="cannot be used"):
        clone.make_folders(Clone(tmp_path / "file" / "data"))


def test_a_command_that_fails_stops_the_start() -> None:
    preparation.command([sys.executable, "-c", "pass"], {})
    with pytest.raises(StartProblem, match="exit status 3"):
        preparation.command([sys.executable, "-c", "raise SystemExit(3)"], {})


def test_a_path_that_the_supervisor_cannot_write_down_is_refused() -> None:
    assert programs.literal("50% of /tmp") == "50%% of /tmp"
    for path in ("/a ;b", "/a #b", '/a"b'):
        with pytest.raises(StartProblem, match="cannot handle the path"):
            programs.literal(path)


# --- PostgreSQL's place --------------------------------------------------------------------------


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Stands for /var/lib/loredesk: a place that every account can enter."""
    base = Path(tempfile.mkdtemp(prefix="loredesk-elsewhere-"))
    base.chmod(0o711)
    monkeypatch.setattr(placement, "ELSEWHERE", base / "loredesk")
    yield base / "loredesk"
    shutil.rmtree(base)


@as_root
def test_root_places_the_cluster_where_its_account_can_go(here: Clone, elsewhere: Path) -> None:
    # pytest's own folders are closed to everyone but root, like a clone below /root.
    closed = {folder: folder.stat().st_mode for folder in here.folder.parents}
    secrets = clone.secrets_of(here)
    cluster = placement.place_cluster(here, secrets, ports.free_port())
    assert cluster.folder == elsewhere / secrets.instance / "postgres"
    assert cluster.account is not None
    assert cluster.account.can_traverse(cluster.bin_dir)
    postgres.initialise(cluster)
    assert cluster.folder.stat().st_uid == cluster.account.uid
    assert stat.S_IMODE(cluster.folder.stat().st_mode) == 0o700
    assert {folder: folder.stat().st_mode for folder in here.folder.parents} == closed
    # The second start finds it there and keeps the account that owns it.
    assert placement.place_cluster(here, secrets, cluster.port) == cluster


@as_root
def test_the_cluster_stays_in_the_data_folder_where_its_account_can_go(elsewhere: Path) -> None:
    open_folder = elsewhere.parent / "data"
    made = Clone(open_folder)
    clone.make_folders(made)
    cluster = placement.place_cluster(made, clone.secrets_of(made), ports.free_port())
    assert cluster.folder == open_folder / "postgres"
    assert not elsewhere.exists()


@as_root
def test_a_clone_that_moved_behind_a_closed_folder_says_so(here: Clone, elsewhere: Path) -> None:
    account = unprivileged_account()
    assert account is not None
    (here.folder / "postgres").mkdir()
    os.chown(here.folder / "postgres", account.uid, account.gid)
    with pytest.raises(StartProblem, match=rf"{account.name} can no longer enter"):
        placement.place_cluster(here, clone.secrets_of(here), ports.free_port())
    assert not elsewhere.exists()


def test_a_database_of_another_version_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "postgres"
    folder.mkdir()
    (folder / "PG_VERSION").write_text("15\n", encoding="ascii")
    cluster = postgres.Cluster(
        folder=folder,
        port=1,
        password="unused",
        bin_dir=postgres.bin_dir_of(postgres.packaged_installation()),
        account=None,
    )
    with pytest.raises(StartProblem, match=r"PostgreSQL 15 .* brings PostgreSQL 16"):
        postgres.initialise(cluster)


# --- processes -----------------------------------------------------------------------------------


def test_the_supervisor_stops_in_the_reverse_order_of_the_start(here: Clone) -> None:
    planned = [programs.Program(name=name, command=["x", name]) for name in ("first", "second")]
    written = programs.config(
        planned,
        clone=here,
        working_folder=env.ROOT,
        control_port=1,
        control_password="p",
        user=None,
    )
    parser = RawConfigParser()
    parser.read_string(written)
    priorities = {
        name: parser.getint(f"program:{name}", "priority") for name in ("first", "second")
    }
    assert priorities["first"] < priorities["second"]
    assert parser["program:first"]["command"] == "x first"
    assert parser["inet_http_server"]["port"] == "127.0.0.1:1"


def test_leftovers_are_ended_however_stubborn_and_others_are_left_alone() -> None:
    waits = "print(1); __import__('time').sleep(60)"
    deaf = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {waits}"
    processes = [
        subprocess.Popen(
            [sys.executable, "-uc", code],
            env={**os.environ, leftovers.MARK: mark},
            stdout=subprocess.PIPE,
        )
        for code, mark in (
            (deaf, "test-a"),
            (waits, "test-a"),
            (waits, "test-b"),
        )
    ]
    try:
        for process in processes:
            assert process.stdout
            process.stdout.readline()  # it runs, and is deaf where it wants to be
        started = time.monotonic()
        assert leftovers.end_all("test-a", patience_s=1) == 2
        assert time.monotonic() - started < 20
        assert [process.poll() is None for process in processes] == [False, False, True]
    finally:
        for process in processes:
            process.kill()
            process.communicate()


# --- what is done only once --------------------------------------------------------------------


def test_a_database_is_prepared_again_only_when_a_source_has_changed(
    here: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []
    monkeypatch.setattr(
        preparation, "command", lambda arguments, environment: ran.append(arguments[2])
    )
    assert preparation.prepare_database(here, {}, remember=True)
    assert ran == ["migrate", "seed_demo"]
    assert not preparation.prepare_database(here, {}, remember=True)
    assert preparation.prepare_database(here, {}, remember=False)
    monkeypatch.setattr(preparation, "digest_of_sources", lambda: "another")
    assert preparation.prepare_database(here, {}, remember=True)
    assert ran == ["migrate", "seed_demo"] * 3


def test_the_model_server_looks_where_model_hub_says(here: Clone) -> None:
    plan = start.make_plan(launch(here.folder, MODEL_HUB="modelscope", BASE_MODEL="org/name"), here)
    assert plan.model_server is not None
    command = plan.model_server.command
    assert command[command.index("--model-hub") + 1] == "modelscope"
    assert command[command.index("--base-model") + 1] == "org/name"


def test_only_a_packaged_model_is_converted_and_only_once(here: Clone) -> None:
    assert preparation.model_is_missing(here, "packaged:small")
    assert not preparation.model_is_missing(here, "org/name")
    (here.models / "small").mkdir()
    (here.models / "small" / "config.json").write_text("{}", encoding="utf-8")
    assert not preparation.model_is_missing(here, "packaged:small")
