"""The whole product under its supervisor: what is killed comes back, what is stopped is gone.

One stack for all of these, in the order in which they stand. A run trains while its surroundings
are killed one by one.
"""

import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psutil
import psycopg
import pytest
import redis

from backend.config import env
from backend.config.embedded import leftovers
from backend.config.embedded.ports import free_port
from tests import stack as stacks
from tests.stack import Stack

STOP_ORDER = [
    "web",
    "replier",
    "worker",
    "beat",
    "trainer",
    "model-server",
    "valkey",
    "postgres",
]
HEALED_WITHIN_S = 60  # a few seconds where the machine does nothing else
TOLD_WITHIN_S = 30  # from then on until a run's state is right
PASSWORD = "a-Long-enough-1"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="loredesk-supervision-"))
    path.chmod(0o711)  # PostgreSQL's account must get through to its own folder
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def stack(folder: Path) -> Iterator[Stack]:
    with stacks.running_stack(
        folder / "data", free_port(), LOREDESK_ADMIN_PASSWORD=PASSWORD
    ) as stack:
        yield stack


@pytest.fixture(scope="module")
def api(stack: Stack) -> Iterator[httpx2.Client]:
    """The REST API as the administrator uses it."""
    with httpx2.Client(base_url=f"{stack.url}/api/v1", timeout=30) as client:
        client.get("/session")
        client.headers |= {"X-CSRFToken": client.cookies["csrftoken"], "Referer": stack.url}
        client.post("/session", json={"username": "admin", "password": PASSWORD})
        client.headers["X-CSRFToken"] = client.cookies["csrftoken"]
        yield client


@pytest.fixture(scope="module")
def run(api: httpx2.Client) -> str:
    """The address of a run that has begun to train, and goes on longer than these tests."""
    version = api.post("/dataset-versions", json={}).raise_for_status().json()
    wanted = {"max_steps": 100_000, "batch_size": 1, "lora_layer_share": 0.1}
    started = api.post(
        "/training-runs", json={"dataset_version": version["id"], "settings": wanted}
    )
    address = f"/training-runs/{started.raise_for_status().json()['id']}"
    give_up_at = time.monotonic() + 2 * HEALED_WITHIN_S
    while api.get(address).json()["step"] < 1:
        assert time.monotonic() < give_up_at, api.get(address).json()
        time.sleep(0.5)
    return address


def wait_for_progress(api: httpx2.Client, run: str) -> None:
    """Returns when the run is shown at a later step than now."""
    before = api.get(run).raise_for_status().json()
    give_up_at = time.monotonic() + TOLD_WITHIN_S
    while True:
        now = api.get(run).raise_for_status().json()
        if now["state"] == "running" and now["step"] > before["step"]:
            return
        assert time.monotonic() < give_up_at, (before, now)
        time.sleep(0.5)


def wait_for_another(stack: Stack, name: str, old: int) -> None:
    """Returns when the program runs again as another process and everything is ready."""
    give_up_at = time.monotonic() + HEALED_WITHIN_S
    while time.monotonic() < give_up_at:
        if stack.running().get(name, old) != old and stack.is_ready():
            return
        time.sleep(0.2)
    pytest.fail(f"{name} was not started again, or /readyz did not recover")


def test_everything_runs_as_a_process_of_its_own(stack: Stack) -> None:
    give_up_at = time.monotonic() + HEALED_WITHIN_S
    while len(stack.running()) < len(STOP_ORDER) and time.monotonic() < give_up_at:
        time.sleep(0.2)  # ready, but not yet for as long as the supervisor wants to see
    running = stack.running()
    assert sorted(running) == sorted(STOP_ORDER)
    assert len({psutil.Process(pid).pid for pid in running.values()}) == len(STOP_ORDER)


@pytest.mark.parametrize(
    "name", [name for name in STOP_ORDER if name not in {"postgres", "valkey"}]
)
def test_a_killed_process_is_started_again_and_a_run_goes_on(
    stack: Stack, name: str, api: httpx2.Client, run: str
) -> None:
    killed = stack.running()[name]
    psutil.Process(killed).kill()
    wait_for_another(stack, name, killed)
    wait_for_progress(api, run)


def test_a_killed_database_loses_nothing_that_it_acknowledged(
    stack: Stack, api: httpx2.Client, run: str
) -> None:
    url = env.read_file(stack.data_dir / env.EMBEDDED_FILE)["DATABASE_URL"]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (value text)")
        connection.execute("INSERT INTO kept VALUES ('acknowledged')")
        killed = stack.running()["postgres"]
        psutil.Process(killed).kill()
    wait_for_another(stack, "postgres", killed)
    with psycopg.connect(url, autocommit=True) as connection:
        assert connection.execute("SELECT value FROM kept").fetchall() == [("acknowledged",)]
        connection.execute("DROP TABLE kept")
    wait_for_progress(api, run)


def test_a_killed_valkey_loses_nothing_that_it_acknowledged(
    stack: Stack, api: httpx2.Client, run: str
) -> None:
    url = env.read_file(stack.data_dir / env.EMBEDDED_FILE)["REDIS_URL"]
    with redis.Redis.from_url(url) as client:
        entries = [client.xadd("test:kept", {"n": str(n)}) for n in range(100)]
        killed = stack.running()["valkey"]
        psutil.Process(killed).kill()
    wait_for_another(stack, "valkey", killed)
    with redis.Redis.from_url(url) as client:
        assert [entry for entry, _ in client.xrange("test:kept")] == entries
        client.delete("test:kept")
    wait_for_progress(api, run)


def test_the_run_has_lost_no_step_and_stops_with_a_checkpoint(api: httpx2.Client, run: str) -> None:
    api.post(f"{run}/stop").raise_for_status()
    give_up_at = time.monotonic() + HEALED_WITHIN_S
    while (ended := api.get(run).json())["state"] == "stopping":
        assert time.monotonic() < give_up_at, ended
        time.sleep(0.5)
    assert (ended["state"], ended["resumable"]) == ("stopped", True)
    metrics = api.get(f"{run}/metrics").json()
    steps = [metric["step"] for metric in metrics if metric["kind"] == "loss"]
    assert steps == list(range(1, ended["step"] + 1))


def test_a_second_start_in_the_clone_says_where_the_first_is(stack: Stack, folder: Path) -> None:
    before = stack.output
    second = stacks.launch(stack.data_dir, free_port())
    assert second.process.wait(timeout=30) == 1
    said = second.output
    stacks.output_file(stack.data_dir).write_text(before, encoding="utf-8")
    assert said == (
        "\nLoredesk cannot start. Loredesk is already running in this clone: "
        f"process {stack.process.pid}, {stack.url}.\n"
    )
    assert stack.is_ready()


def test_a_busy_port_is_said_in_one_sentence(stack: Stack, folder: Path) -> None:
    other = stacks.launch(folder / "other", stack.port)
    assert other.process.wait(timeout=30) == 1
    assert other.output == (
        f"\nLoredesk cannot start. Port {stack.port} is in use by another program: stop that one, "
        f"or choose another port, for instance with 'make run PORT={stack.port + 1}'.\n"
    )


def test_a_start_after_everything_was_killed_heals(stack: Stack) -> None:
    everyone = leftovers.processes_of(stack.instance)
    # Each of them can be told from the programs of another clone, Valkey and PostgreSQL too.
    assert set(stack.running().values()) <= {process.pid for process in everyone}
    supervisor = next(process for process in everyone if leftovers.is_supervisor(process))
    stack.process.kill()
    stack.process.wait()
    supervisor.kill()
    orphans = [process for process in everyone if process != supervisor and process.is_running()]
    assert len(orphans) >= len(STOP_ORDER)
    stack.process = stacks.launch(stack.data_dir, stack.port).process
    # Until the new start has ended the orphans, they answer /readyz as before.
    give_up_at = time.monotonic() + 120
    while "Loredesk is ready" not in stack.output and time.monotonic() < give_up_at:
        time.sleep(0.2)
    assert "that an interrupted start had left behind" in stack.output
    assert stack.is_ready()
    assert not [process for process in orphans if process.is_running()]


def test_ctrl_c_stops_everything_in_order(stack: Stack) -> None:
    assert stack.stop() == 0
    said = [line.split()[0] for line in stack.output.splitlines() if line.endswith(" stopped")]
    assert said == STOP_ORDER
    assert leftovers.processes_of(stack.instance) == []


def test_a_start_that_is_interrupted_leaves_nothing(stack: Stack) -> None:
    stack.process = stacks.launch(stack.data_dir, stack.port).process
    give_up_at = time.monotonic() + 60
    while "starting the processes" not in stack.output and time.monotonic() < give_up_at:
        time.sleep(0.1)
    stack.process.send_signal(signal.SIGTERM)
    assert stack.process.wait(timeout=120) == 0
    assert leftovers.processes_of(stack.instance) == []
