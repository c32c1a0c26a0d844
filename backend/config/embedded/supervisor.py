"""Starts the supervisor (supervisord), speaks with it and stops what it looks after."""

import http.client
import signal
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from backend.config.embedded.clone import Clone
from backend.config.embedded.problems import StartProblem
from backend.config.env import for_own_process

UNREACHABLE = (OSError, http.client.HTTPException, xmlrpc.client.ProtocolError)


@dataclass(frozen=True)
class State:
    """What the supervisor says of one process; ``pid`` is 0 where none runs."""

    name: str
    pid: int
    state: str
    description: str


class Supervisor:
    """A running supervisord in its own session, so that Ctrl-C reaches only who started it."""

    def __init__(self, process: subprocess.Popen[bytes], rpc: Any) -> None:
        self.process = process
        self.rpc = rpc  # Any: xmlrpc's proxies have no types

    @classmethod
    def start(
        cls, clone: Clone, *, port: int, password: str, environment: Mapping[str, str]
    ) -> Self:
        """Returns once it answers.

        Raises:
            StartProblem: it ended, or does not answer within 20 seconds.
        """
        with (clone.logs / "supervisor-output.log").open("wb") as log:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-W", "ignore", "-m", "supervisor.supervisord"),
                    *("-c", str(clone.supervisor_config)),
                ],
                env=for_own_process(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                umask=0o077,
            )
        url = f"http://loredesk:{password}@127.0.0.1:{port}/RPC2"
        supervisor = cls(process, xmlrpc.client.ServerProxy(url).supervisor)
        try:
            supervisor.wait_until_it_answers(timeout_s=20)
        except BaseException:
            process.kill()
            raise
        return supervisor

    def wait_until_it_answers(self, *, timeout_s: float) -> None:
        give_up_at = time.monotonic() + timeout_s
        while self.is_running() and time.monotonic() < give_up_at:
            try:
                self.rpc.getState()
            except UNREACHABLE:
                time.sleep(0.05)
            else:
                return
        raise StartProblem("The supervisor did not start: see supervisor-output.log in the logs.")

    def is_running(self) -> bool:
        return self.process.poll() is None

    def start_program(self, name: str) -> None:
        """Begins to start one program and returns at once."""
        self.rpc.startProcess(name, False)

    def states(self) -> list[State]:
        """Every program; none where the supervisor does not answer."""
        try:
            described = self.rpc.getAllProcessInfo()
        except UNREACHABLE:
            return []
        return [
            State(entry["name"], entry["pid"], entry["statename"], entry["description"])
            for entry in described
        ]

    def stop(self, names: list[str], on_stopped: Callable[[str], None]) -> None:
        """Stops the programs one after the other in the order given, then the supervisor."""
        for name in names:
            try:
                self.rpc.stopProcess(name, True)
            except xmlrpc.client.Fault:
                continue  # it did not run
            except UNREACHABLE:
                break
            on_stopped(name)
        if self.is_running():
            self.process.send_signal(signal.SIGTERM)
        self.process.wait()
