"""What runs: one entry for each process, in the order in which they start."""

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from backend.config.embedded.clone import Clone
from backend.config.embedded.problems import StartProblem

CELERY = [sys.executable, "-m", "celery", "-A", "backend.config.celery"]
# No other worker is there to talk to.
ALONE = ["--without-gossip", "--without-mingle"]


@dataclass(frozen=True, kw_only=True)
class Program:
    """A process under supervision; it is stopped before every one that starts earlier."""

    name: str
    command: list[str]
    stop_wait_s: int = 15
    stop_signal: Literal["TERM", "INT"] = "TERM"
    user: str | None = None
    """System account it runs under; none: that of the supervisor."""


def web(address: str, port: int) -> Program:
    # No access log: addresses such as /generate?prompt= hold what people ask.
    options = (
        f"--host {address} --port {port} --lifespan off --no-access-log "
        "--ws websockets-sansio --ws-per-message-deflate false --timeout-graceful-shutdown 5"
    )
    application = "backend.config.asgi:application"
    return Program(
        name="web", command=[sys.executable, "-m", "uvicorn", application, *options.split()]
    )


def replier() -> Program:
    return Program(name="replier", command=[sys.executable, "manage.py", "replier"])


def worker() -> Program:
    # Long work takes one process at a time, which leaves the other to the timers.
    two = ["--concurrency=2"]
    return Program(
        name="worker",
        command=[*CELERY, "worker", "-Q", "knowledge", "-n", "worker@%h", *two, *ALONE],
        stop_wait_s=30,
    )


def beat(clone: Clone) -> Program:
    schedule = clone.folder / "beat" / "schedule"
    return Program(name="beat", command=[*CELERY, "beat", "--pidfile=", f"--schedule={schedule}"])


def trainer() -> Program:
    one = ["--concurrency=1"]
    return Program(
        name="trainer",
        command=[*CELERY, "worker", "-Q", "training", "-n", "trainer@%h", *one, *ALONE],
        stop_wait_s=60,  # a run in progress writes its checkpoint
    )


def model_server(clone: Clone, base_model: str, model_hub: str, port: int) -> Program:
    options = ["--base-model", base_model, "--models-dir", str(clone.models)]
    options += ["--model-hub", model_hub]
    return Program(
        name="model-server",
        command=[
            *(sys.executable, "-m", "ml", "serve"),
            *options,
            *("--host", "127.0.0.1", "--port", str(port)),
        ],
    )


def config(
    programs: list[Program],
    *,
    clone: Clone,
    working_folder: Path,
    control_port: int,
    control_password: str,
    user: str | None,
) -> str:
    """The supervisor's configuration; ``programs`` in the order in which they start."""
    sections = [
        "[supervisord]",
        f"logfile={literal(clone.logs / 'supervisor.log')}",
        f"pidfile={literal(clone.folder / 'supervisord.pid')}",
        f"childlogdir={literal(clone.logs)}",
        "logfile_maxbytes=5MB",
        "logfile_backups=2",
        "nodaemon=true",
        "silent=true",
        *([f"user={user}"] if user else []),
        "[inet_http_server]",
        f"port=127.0.0.1:{control_port}",
        "username=loredesk",
        f"password={control_password}",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
    ]
    for position, program in enumerate(programs):
        sections += [
            f"[program:{program.name}]",
            f"command={literal(shlex.join(program.command))}",
            f"directory={literal('/' if program.user else working_folder)}",
            f"priority={10 * (position + 1)}",
            *([f"user={program.user}"] if program.user else []),
            "autostart=false",
            "autorestart=true",
            # Tried again for hours, with growing pauses: what it waits for may come back.
            "startretries=200",
            "startsecs=2",
            f"stopsignal={program.stop_signal}",
            f"stopwaitsecs={program.stop_wait_s}",
            # Asked alone, so that it can end its own children well; killed with all of them.
            "stopasgroup=false",
            "killasgroup=true",
            "redirect_stderr=true",
            f"stdout_logfile={literal(clone.logs / f'{program.name}.log')}",
            "stdout_logfile_maxbytes=10MB",
            "stdout_logfile_backups=3",
        ]
    return "\n".join(sections) + "\n"


def literal(value: object) -> str:
    """``value`` as the supervisor's configuration writes it, where % begins a replacement."""
    text = str(value)
    if " ;" in text or " #" in text or '"' in text or "\n" in text:
        raise StartProblem(
            f"The supervisor cannot handle the path {text}: choose one without quotation marks "
            f"and without a blank before ; or #."
        )
    return text.replace("%", "%%")
