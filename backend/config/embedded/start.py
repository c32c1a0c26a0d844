"""The whole start in its order, the watch over it, and the whole stop."""

import json
import shutil
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field

from backend.config import env
from backend.config.embedded import (
    leftovers,
    placement,
    postgres,
    preparation,
    programs,
    valkey,
)
from backend.config.embedded.account import is_root
from backend.config.embedded.clone import (
    Clone,
    Secrets,
    held,
    make_folders,
    ports_of,
    secrets_of,
    write_environment,
    write_private,
)
from backend.config.embedded.ports import is_free
from backend.config.embedded.problems import StartProblem
from backend.config.embedded.programs import Program
from backend.config.embedded.supervisor import Supervisor

READY_WITHIN_S = 180
LEFTOVERS_PATIENCE_S = 30
SPACE_FOR_MODEL = 2 * 10**9
SPACE_TO_RUN = 300 * 10**6


@dataclass
class Plan:
    """What this start brings up: the parts that the environment does not name."""

    launch: env.Launch
    clone: Clone
    secrets: Secrets
    ports: dict[str, int]
    cluster: postgres.Cluster | None = None
    cache: valkey.Server | None = None
    services: list[Program] = field(default_factory=list)
    model_server: Program | None = None
    processes: list[Program] = field(default_factory=list)

    @property
    def programs(self) -> list[Program]:
        """All, in the order in which they start; they are stopped in the opposite one."""
        model_server = [self.model_server] if self.model_server else []
        return [*self.services, *model_server, *self.processes]

    @property
    def address(self) -> str:
        host = self.launch.bind_address
        shown = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104
        return f"http://{f'[{shown}]' if ':' in shown else shown}:{self.launch.port}"

    @property
    def environment(self) -> dict[str, str]:
        """Added to our own for everything that is started."""
        return {
            "LOREDESK_DATA_DIR": str(self.clone.folder),
            leftovers.MARK: self.secrets.instance,
            "PYTHONUNBUFFERED": "1",
        }


def run() -> None:
    """Starts everything, watches until Ctrl-C, stops everything.

    Raises:
        StartProblem: it cannot start or go on; what had started is stopped.
    """
    launch = env.read_launch()
    clone = Clone(launch.data_dir)
    make_folders(clone)
    with held(clone, f"http://{launch.bind_address}:{launch.port}"):
        plan = make_plan(launch, clone)
        with supervised(plan) as supervisor:
            bring_up(plan, supervisor)
            wait_until_ready(plan, supervisor)
            say(f"\nLoredesk is ready: {plan.address}")
            say(f"Sign in as admin. Logs: {clone.logs}. Ctrl-C stops everything.\n")
            watch(supervisor)


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def make_plan(launch: env.Launch, clone: Clone) -> Plan:
    """Everything decided and every file written that the processes read; nothing runs yet."""
    secrets = secrets_of(clone)
    if left := leftovers.end_all(secrets.instance, patience_s=LEFTOVERS_PATIENCE_S):
        say(f"Ended {left} processes that an interrupted start had left behind.")
    if not is_free(launch.port, launch.bind_address):
        raise StartProblem(
            f"Port {launch.port} is in use by another program: stop that one, or choose another "
            f"port, for instance with 'make run PORT={launch.port + 1}'."
        )
    check_space(clone, launch)
    names = ("supervisor", "postgres", "valkey", "model-server")
    plan = Plan(launch, clone, secrets, ports_of(clone, names))
    variables = {"SECRET_KEY": secrets.secret_key}
    if not launch.database_url:
        variables["DATABASE_URL"] = plan_postgres(plan)
    if not launch.redis_url:
        variables["REDIS_URL"] = plan_valkey(plan)
    if not launch.model_server_url:
        port = plan.ports["model-server"]
        plan.model_server = programs.model_server(clone, launch.base_model, launch.model_hub, port)
        variables["MODEL_SERVER_URL"] = f"http://127.0.0.1:{port}"
    plan.processes = [
        programs.trainer(),
        programs.beat(clone),
        programs.worker(),
        programs.replier(),
        programs.web(launch.bind_address, launch.port),
    ]
    write_environment(clone.folder / env.EMBEDDED_FILE, variables)
    configuration = programs.config(
        plan.programs,
        clone=clone,
        working_folder=env.ROOT,
        control_port=plan.ports["supervisor"],
        control_password=secrets.control_password,
        user="root" if is_root() else None,
    )
    write_private(clone.supervisor_config, configuration)
    return plan


def plan_postgres(plan: Plan) -> str:
    """Adds PostgreSQL to the plan, its cluster made if need be; the address of the database."""
    cluster = placement.place_cluster(plan.clone, plan.secrets, plan.ports["postgres"])
    if cluster.account:
        where = "" if plan.clone.folder in cluster.folder.parents else f" in {cluster.folder}"
        say(f"PostgreSQL must not run as root: it runs as {cluster.account.name}{where}.")
    if not cluster.folder.exists():
        plan.clone.prepared_stamp.unlink(missing_ok=True)
    postgres.initialise(cluster)
    postgres.forget_dead_server(cluster)
    plan.cluster = cluster
    plan.services.append(
        Program(
            name="postgres",
            command=cluster.command(),
            stop_signal="INT",  # PostgreSQL's fast shutdown
            stop_wait_s=60,
            user=cluster.account.name if cluster.account else None,
        )
    )
    return cluster.url


def plan_valkey(plan: Plan) -> str:
    """Adds Valkey to the plan; its address."""
    server = valkey.Server(
        folder=plan.clone.valkey,
        port=plan.ports["valkey"],
        password=plan.secrets.valkey_password,
    )
    valkey.write_config(server)
    plan.cache = server
    plan.services.append(Program(name="valkey", command=server.command(), stop_wait_s=30))
    return server.url


def check_space(clone: Clone, launch: env.Launch) -> None:
    first_time = preparation.model_is_missing(clone, launch.base_model)
    needed = SPACE_FOR_MODEL if first_time else SPACE_TO_RUN
    free = shutil.disk_usage(clone.folder).free
    if free < needed:
        raise StartProblem(
            f"The disk of {clone.folder} is full: {free / 1e9:.1f} GB are free and "
            f"{needed / 1e9:.1f} GB are needed."
        )


@contextmanager
def supervised(plan: Plan) -> Iterator[Supervisor]:
    """The supervisor, stopped at the end with everything it looks after, last started first."""
    supervisor = Supervisor.start(
        plan.clone,
        port=plan.ports["supervisor"],
        password=plan.secrets.control_password,
        environment=plan.environment,
    )
    try:
        yield supervisor
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not break the order
        say("\nStopping, the last started first.")
        names = [program.name for program in reversed(plan.programs)]
        supervisor.stop(names, on_stopped=lambda name: say(f"  {name} stopped"))
        leftovers.end_all(plan.secrets.instance, patience_s=LEFTOVERS_PATIENCE_S)
        say("Everything has stopped.")


def bring_up(plan: Plan, supervisor: Supervisor) -> None:
    """Starts every program as soon as what it needs is there."""
    for program in plan.services:
        supervisor.start_program(program.name)
    # Not as a context: after Ctrl-C nothing waits here; the commands have got it too.
    pool = ThreadPoolExecutor(max_workers=2)
    try:
        steps: dict[Future[None], list[Program]] = {
            pool.submit(ready_database, plan): plan.processes,
            pool.submit(ready_model, plan): [plan.model_server] if plan.model_server else [],
        }
        waiting = set(steps)
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for step in done:
                step.result()
                for program in steps[step]:
                    supervisor.start_program(program.name)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def ready_database(plan: Plan) -> None:
    started = time.monotonic()
    try:
        if plan.cluster:
            postgres.wait_until_ready(plan.cluster, timeout_s=60)
            postgres.create_database(plan.cluster)
        if plan.cache:
            valkey.wait_until_ready(plan.cache, timeout_s=60)
    except TimeoutError as problem:
        raise StartProblem(f"{problem}; see {plan.clone.logs}.") from problem
    if plan.services:
        names = " and ".join(program.name for program in plan.services)
        say(f"  {names} ready ({time.monotonic() - started:.1f} s)")
    started = time.monotonic()
    if preparation.prepare_database(
        plan.clone, plan.environment, remember=plan.cluster is not None
    ):
        say(f"  database migrated, demo data in place ({time.monotonic() - started:.1f} s)")


def ready_model(plan: Plan) -> None:
    base_model = plan.launch.base_model
    if preparation.model_is_missing(plan.clone, base_model):
        say("  converting the packaged model, once (about half a minute) …")
        started = time.monotonic()
        preparation.convert_model(plan.clone, base_model, plan.environment)
        say(f"  model converted ({time.monotonic() - started:.1f} s)")


def wait_until_ready(plan: Plan, supervisor: Supervisor) -> None:
    """Returns when ``/readyz`` answers 200, and says meanwhile what is awaited."""
    give_up_at = time.monotonic() + READY_WITHIN_S
    said: list[str] = []
    say("  starting the processes …")
    while time.monotonic() < give_up_at:
        if not supervisor.is_running():
            raise StartProblem(f"The supervisor has ended; see {plan.clone.logs}.")
        missing = missing_parts(plan.address)
        if not missing:
            return
        if missing != said:
            say(f"  waiting for {', '.join(missing)}")
            said = missing
        time.sleep(0.25)
    raise StartProblem(
        f"After {READY_WITHIN_S} seconds there is still no sign of {', '.join(said)}; "
        f"see {plan.clone.logs}."
    )


def missing_parts(address: str) -> list[str]:
    """The parts that ``/readyz`` names as not ready; ``web`` where it does not answer at all."""
    try:
        with urllib.request.urlopen(f"{address}/readyz", timeout=10):  # noqa: S310
            return []
    except urllib.error.HTTPError as answer:
        try:
            parts: dict[str, str] = json.load(answer)["parts"]
        except (ValueError, KeyError):
            return ["web"]
        return [name for name, state in parts.items() if state != "ok"]
    except OSError:
        return ["web"]


def watch(supervisor: Supervisor) -> None:
    """Says which processes were started again, until the supervisor ends or Ctrl-C comes."""
    known: dict[str, int] = {}
    while supervisor.is_running():
        for state in supervisor.states():
            if state.pid and known.get(state.name, state.pid) != state.pid:
                say(f"  {state.name} had ended and was started again (process {state.pid})")
            if state.pid:
                known[state.name] = state.pid
        time.sleep(2)
    raise StartProblem("The supervisor has ended.")
