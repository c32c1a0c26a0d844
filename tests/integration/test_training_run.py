"""A run through the real parts: REST, Valkey, a Celery worker of its own, ``python -m ml train``.

The model is tiny and random; everything else is what runs in production.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from django.conf import settings
from django.db import connection

from backend.accounts.models import User
from backend.accounts.roles import Role
from backend.accounts.services import person_create
from backend.assistants.models import Assistant
from backend.curation.models import Record
from backend.curation.services import dataset_version_freeze, records_insert
from backend.training import process, tasks
from backend.training.models import TrainingRun
from ml.formats import RecordFields
from tests.backend.conftest import Api

pytestmark = pytest.mark.django_db(transaction=True)

# More than a run takes on a busy machine, most of it for importing torch.
PATIENCE_S = 90
LONG = {"max_steps": 100_000, "epochs": 1000}


class Trainer:
    """The Celery worker that takes the queue ``training``, as ``make run`` starts it."""

    def __init__(self, folder: Path, app: str = "backend.config.celery", at_once: int = 1) -> None:
        self.log = folder / "trainer.log"
        self.app = app
        self.at_once = at_once
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        database = urlsplit(os.environ["DATABASE_URL"])
        name = connection.settings_dict["NAME"]
        command = [sys.executable, "-m", "celery", "-A", self.app, "worker", "-l", "INFO"]
        options = f"-Q training -n trainer@%h -c {self.at_once} --without-gossip --without-mingle"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, *options.split()],
                cwd=settings.BASE_DIR,
                env={**os.environ, "DATABASE_URL": database._replace(path=f"/{name}").geturl()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        """With SIGKILL, pool and all, as a machine short of memory does."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def shut_down(self) -> None:
        """As a supervisor does; returns when it has ended in good order."""
        assert self.process is not None
        self.process.terminate()
        assert self.process.wait(timeout=PATIENCE_S) == 0


@pytest.fixture
def worker(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Trainer]:
    one = Trainer(tmp_path, **getattr(request, "param", {}))
    one.start()
    yield one
    one.kill()
    for pid, _folder in process.all_in(settings.RUNS_DIR):
        process.kill(pid)


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a random model with two layers of width 32."""
    from tests.ml.tiny import build_model  # torch, which other tests of this run do without

    return build_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def trainer() -> User:
    return person_create(username="trainer", password="a-Long-enough-1", role=Role.TRAINER)


@pytest.fixture
def start(trainer: User, tiny_model: Path) -> Callable[..., TrainingRun]:
    """Starts a run over REST on two records, with the tiny model as base."""
    Assistant.objects.create(
        slug="abc", name="ABC", system_prompt="You help.", base_model=str(tiny_model)
    )
    records_insert(
        contents=[
            RecordFields(instruction="Who are you?", output="I am ABC."),
            RecordFields(instruction="怎么报销?", output="在系统里提交。"),
        ],
        author=None,
        status=Record.Status.APPROVED,
    )
    version = dataset_version_freeze(actor=trainer, validation_share=0)

    def post(**chosen: Any) -> TrainingRun:
        body = {"dataset_version": str(version.pk), "settings": {"batch_size": 1, **chosen}}
        answer = Api(trainer).post("/training-runs", body)
        assert answer.status_code == 201, answer.content
        return TrainingRun.objects.get(pk=answer.json()["id"])

    return post


def until(run: TrainingRun, condition: Callable[[TrainingRun], bool]) -> None:
    """Returns when the row is as it should be."""
    give_up_at = time.monotonic() + PATIENCE_S
    while True:
        run.refresh_from_db()
        if condition(run):
            return
        log = run.folder / "run.log"
        assert time.monotonic() < give_up_at, (
            run.state,
            run.error,
            log.read_text("utf-8") if log.exists() else "no log",
        )
        time.sleep(0.1)


def test_a_run_succeeds_although_its_trainer_is_killed_and_a_message_comes_twice(
    worker: Trainer, start: Callable[..., TrainingRun], trainer: User
) -> None:
    run = start(max_steps=12)
    until(run, lambda run: run.pid is not None)
    trained_by = run.pid
    worker.kill()
    assert psutil.pid_exists(trained_by or 0)
    worker.start()
    until(run, lambda run: run.step >= 1)
    tasks.watch_ask(run.pk, run.watch - 1)
    tasks.watch_ask(run.pk, run.watch)
    tasks.watch_ask(run.pk, run.watch)
    until(run, lambda run: run.state == "succeeded")
    shown = Api(trainer).get(f"/training-runs/{run.pk}").json()
    assert (shown["step"], shown["total_steps"], shown["progress"]) == (12, 12, 1.0)
    assert shown["error"] is None
    metrics = Api(trainer).get(f"/training-runs/{run.pk}/metrics").json()
    losses = [metric for metric in metrics if metric["kind"] == "loss"]
    assert [metric["step"] for metric in losses] == list(range(1, 13))
    assert losses[-1]["value"] < losses[0]["value"]
    assert Api(trainer).get(f"/training-runs/{run.pk}/log").content
    adapter = run.adapter
    assert adapter.name == f"abc-run-{run.number}"
    assert (adapter.folder / "adapter_model.safetensors").is_file()
    assert adapter.card["dataset_sha256"] == run.dataset_version.sha256
    assert run.watch >= 4  # several slices, each a message of its own


def test_a_stop_keeps_a_checkpoint_and_a_killed_process_is_told_as_such(
    worker: Trainer, start: Callable[..., TrainingRun], trainer: User
) -> None:
    run = start(**LONG)
    waiting = start(**LONG)
    until(run, lambda run: run.step >= 3)
    waiting.refresh_from_db()
    assert waiting.state == "queued"
    assert Api(trainer).get(f"/training-runs/{waiting.pk}").json()["position"] == 1
    assert Api(trainer).post(f"/training-runs/{run.pk}/stop").json()["state"] == "stopping"
    until(run, lambda run: run.state == "stopped")
    assert run.resumable
    assert not Api(trainer).get(f"/training-runs/{run.pk}").json()["adapter"]

    until(waiting, lambda run: run.step >= 1)
    os.kill(waiting.pid or 0, signal.SIGKILL)
    until(waiting, lambda run: run.state == "failed")
    shown = Api(trainer).get(f"/training-runs/{waiting.pk}").json()
    assert shown["error"]["code"] == "process_lost"
    assert shown["advice"]


def test_a_trainer_that_is_shut_down_checkpoints_and_the_next_one_goes_on(
    worker: Trainer, start: Callable[..., TrainingRun], trainer: User
) -> None:
    run = start(**LONG)
    until(run, lambda run: run.step >= 3)
    worker.shut_down()
    run.refresh_from_db()
    assert (run.state, run.resumable) == ("queued", True)
    assert list(process.all_in(settings.RUNS_DIR)) == []
    done = run.step
    worker.start()
    until(run, lambda run: run.step > done)
    assert Api(trainer).post(f"/training-runs/{run.pk}/stop").status_code == 200
    until(run, lambda run: run.state == "stopped")
    steps = list(run.metrics.filter(kind="loss").values_list("step", flat=True))
    assert steps == list(range(1, run.step + 1))


@pytest.mark.parametrize(
    "worker", [{"app": "tests.integration.impatient_celery", "at_once": 2}], indirect=True
)
def test_a_broker_that_delivers_after_five_seconds_again_does_no_harm(
    worker: Trainer, start: Callable[..., TrainingRun], trainer: User
) -> None:
    run = start(**LONG)
    until(run, lambda _run: delivered_most_often(worker) >= 2)
    until(run, lambda run: run.state == "running" and run.step >= 3)
    assert len(list(process.all_in(settings.RUNS_DIR))) == 1
    assert Api(trainer).post(f"/training-runs/{run.pk}/stop").status_code == 200
    until(run, lambda run: run.state == "stopped")
    steps = list(run.metrics.filter(kind="loss").values_list("step", flat=True))
    assert steps == list(range(1, run.step + 1))
    assert list(process.all_in(settings.RUNS_DIR)) == []


def delivered_most_often(worker: Trainer) -> int:
    """How often the message came that came most often."""
    received = re.findall(r"training_\w+\[([\w-]+)\] received", worker.log.read_text("utf-8"))
    return max(Counter(received).values(), default=0)
