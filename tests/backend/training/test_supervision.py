"""Whoever watches a run: one at a time, again and again, and never believing a dead process."""

import json
import os
import signal
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from django.utils import timezone

from backend.training import ending, process, queueing, supervision, watching
from backend.training.models import Adapter, RunMetric, TrainingRun
from backend.training.supervision import Continue, Elsewhere, Ended, Superseded, job_slice

pytestmark = pytest.mark.django_db
State = TrainingRun.State
MakeRun = Callable[..., TrainingRun]
Behave = Callable[..., None]


@pytest.fixture(autouse=True)
def look_often(monkeypatch: pytest.MonkeyPatch, behave: Behave) -> None:
    monkeypatch.setattr(supervision, "TICK_S", 0.02)


def claim() -> int:
    """Claims the next run; the number of its first slice."""
    claimed = queueing.claim_next()
    assert claimed is not None
    return claimed[1]


def started(run: TrainingRun) -> int:
    """The run, claimed and with a living process; the number of the slice to come."""
    outcome = job_slice(job_id=run.pk, watch=claim(), seconds=0)
    assert isinstance(outcome, Continue)
    run.refresh_from_db()
    assert run.pid is not None
    assert psutil.pid_exists(run.pid)
    return outcome.watch


def wait_for(condition: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < give_up_at, "nothing happened for 20 s"
        time.sleep(0.02)


def test_a_run_is_trained_measured_and_leaves_an_adapter(make_run: MakeRun, data_dir: Path) -> None:
    run = make_run()
    assert isinstance(job_slice(job_id=run.pk, watch=claim(), seconds=30), Ended)
    run.refresh_from_db()
    assert (run.state, run.step, run.total_steps, run.pid) == (State.SUCCEEDED, 3, 3, None)
    assert run.started_at is not None
    assert run.finished_at is not None
    assert run.dropped == [{"id": "r#0", "reason": "long"}]
    losses = run.metrics.filter(kind="loss").values_list("step", "value")
    assert list(losses) == [(1, 3.0), (2, 1.5), (3, 1.0)]
    assert set(run.metrics.values_list("kind", flat=True)) == {
        "loss",
        "learning_rate",
        "tokens_per_second",
    }
    adapter = Adapter.objects.get()
    assert (adapter.name, adapter.run, adapter.base_model) == ("abc-run-1", run, run.base_model)
    assert not Path(adapter.path).is_absolute()
    assert (data_dir / adapter.path / "adapter_model.safetensors").is_file()
    assert adapter.card["dataset_sha256"] == run.dataset_version.sha256
    assert adapter.card["trained_by"] == "trainer"


def test_the_process_gets_the_version_the_prompt_and_the_settings(make_run: MakeRun) -> None:
    run = make_run()
    job_slice(job_id=run.pk, watch=claim(), seconds=30)
    config = json.loads((run.folder / "run.json").read_text("utf-8"))
    assert config["system_prompt"] == run.system_prompt
    assert config["settings"] == {"seed": 7}
    assert config["validation_file"] is None
    assert config["resume"] is False
    lines = Path(config["train_file"]).read_text("utf-8").splitlines()
    assert len(lines) == 3
    assert {json.loads(line)["messages"][-1]["content"] for line in lines} == {
        "I am ABC.",
        "在系统里提交。",
    }


def test_the_process_knows_no_secret_and_gives_way_to_others(
    make_run: MakeRun, behave: Behave, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.invalid")
    behave("steps=1000", "pause=0.05")
    run = make_run()
    started(run)
    trained = psutil.Process(run.pid)
    given = trained.environ()
    assert given["HF_ENDPOINT"] == "https://mirror.invalid"
    ours = {"DATABASE_URL", "REDIS_URL", "SECRET_KEY", "DJANGO_SETTINGS_MODULE"}
    assert ours <= os.environ.keys()
    assert ours & given.keys() == set()
    assert trained.nice() == min(os.nice(0) + 10, 19)
    assert os.getsid(trained.pid) == trained.pid


def test_a_message_that_comes_twice_does_nothing(make_run: MakeRun, behave: Behave) -> None:
    behave("steps=1000", "pause=0.05")
    run = make_run()
    watch = started(run)
    again = job_slice(job_id=run.pk, watch=watch, seconds=0)
    before = TrainingRun.objects.values().get()
    for old in (watch, watch - 1):
        assert isinstance(job_slice(job_id=run.pk, watch=old, seconds=0), Superseded)
    assert TrainingRun.objects.values().get() == before
    assert isinstance(again, Continue)
    assert len(list(process.all_in(run.folder.parent))) == 1


def test_only_one_run_at_a_time_and_by_number(make_run: MakeRun, behave: Behave) -> None:
    behave("steps=1000", "pause=0.05")
    first, second = make_run(number=1), make_run(number=2)
    started(first)
    assert queueing.claim_next() is None
    second.refresh_from_db()
    assert second.state == State.QUEUED


def test_another_watcher_finds_the_process_again(
    make_run: MakeRun, behave: Behave, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after ``kill -9`` of the trainer: nothing is known but the row and the process table."""
    behave("steps=30", "pause=0.05")
    run = make_run()
    started(run)
    first_pid = run.pid
    monkeypatch.setattr(process, "_children", {})
    ((run_id, watch),) = queueing.unwatched(host=process.this_host())
    assert run_id == run.pk
    assert isinstance(job_slice(job_id=run.pk, watch=watch, seconds=0), Continue)
    run.refresh_from_db()
    assert run.pid == first_pid
    watch = run.watch
    outcome = job_slice(job_id=run.pk, watch=watch, seconds=30)
    assert isinstance(outcome, Ended)
    assert run.metrics.filter(kind="loss").count() == 30
    assert TrainingRun.objects.get().state == State.SUCCEEDED


def test_a_process_whose_id_nobody_noted_is_found_and_not_started_twice(
    make_run: MakeRun, behave: Behave
) -> None:
    behave("steps=1000", "pause=0.05")
    run = make_run()
    watch = started(run)
    pid = run.pid
    TrainingRun.objects.update(pid=None)
    job_slice(job_id=run.pk, watch=watch, seconds=0)
    run.refresh_from_db()
    assert run.pid == pid
    assert len(list(process.all_in(run.folder.parent))) == 1


def test_a_foreign_process_with_the_noted_id_is_not_taken_for_ours(make_run: MakeRun) -> None:
    run = make_run()
    watch = claim()
    TrainingRun.objects.update(pid=os.getpid())
    assert isinstance(job_slice(job_id=run.pk, watch=watch, seconds=0), Ended)
    run.refresh_from_db()
    assert (run.state, run.error and run.error["code"]) == (State.FAILED, "process_lost")


@pytest.mark.parametrize(
    ("words", "kill", "code", "resumable"),
    [
        (("steps=1000", "pause=0.05"), True, "process_lost", False),
        (("steps=1000", "pause=0.05", "keep"), True, "process_lost", True),
        (("steps=2", "vanish"), False, "process_lost", False),
        (("refuse",), False, "not_started", False),
        (("steps=2", "fail"), False, "diverged", False),
    ],
)
def test_a_run_without_a_process_has_failed_and_says_how(
    make_run: MakeRun,
    behave: Behave,
    words: tuple[str, ...],
    kill: bool,
    code: str,
    resumable: bool,
) -> None:
    behave(*words)
    run = make_run()
    outcome = job_slice(job_id=run.pk, watch=claim(), seconds=0.5 if kill else 30)
    if kill:
        assert isinstance(outcome, Continue)
        run.refresh_from_db()
        os.kill(run.pid or 0, signal.SIGKILL)
        outcome = job_slice(job_id=run.pk, watch=outcome.watch, seconds=30)
    assert isinstance(outcome, Ended)
    run.refresh_from_db()
    assert (run.state, run.resumable, run.pid) == (State.FAILED, resumable, None)
    assert run.error is not None
    assert run.error["code"] == code
    assert run.error["message"].endswith(".")
    assert not Adapter.objects.exists()
    if kill:
        assert run.error["message"] == ending.KILLED


def test_a_stop_ends_the_process_with_a_checkpoint_and_the_run_goes_on_from_there(
    make_run: MakeRun, behave: Behave
) -> None:
    behave("steps=20", "pause=0.05")
    run = make_run()
    watch = started(run)
    wait_for(lambda: "3" in (run.folder / "run.log").read_text("utf-8"))
    TrainingRun.objects.transition(
        run.pk, State.RUNNING, State.STOPPING, stop_asked_at=timezone.now()
    )
    assert isinstance(job_slice(job_id=run.pk, watch=watch, seconds=30), Ended)
    run.refresh_from_db()
    assert (run.state, run.resumable, run.error) == (State.STOPPED, True, None)
    assert 3 <= run.step < 20
    stopped_at = run.step

    TrainingRun.objects.transition(run.pk, State.STOPPED, State.QUEUED)
    assert isinstance(job_slice(job_id=run.pk, watch=claim(), seconds=30), Ended)
    run.refresh_from_db()
    assert (run.state, run.step) == (State.SUCCEEDED, 20)
    assert json.loads((run.folder / "run.json").read_text())["resume"] is True
    steps = list(run.metrics.filter(kind="loss").values_list("step", flat=True))
    assert steps == list(range(1, 21))
    lines = (run.folder / "trainer_log.jsonl").read_text().splitlines()
    assert json.loads(lines[stopped_at])["current_steps"] == stopped_at + 1


def test_a_process_that_does_not_obey_is_killed(
    make_run: MakeRun, behave: Behave, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "STOP_GRACE_S", 0.1)
    monkeypatch.setattr(watching, "TERM_GRACE_S", 0.2)
    behave("steps=1000", "pause=0.05", "deaf")
    run = make_run()
    watch = started(run)
    TrainingRun.objects.transition(
        run.pk, State.RUNNING, State.STOPPING, stop_asked_at=timezone.now()
    )
    assert isinstance(job_slice(job_id=run.pk, watch=watch, seconds=30), Ended)
    run.refresh_from_db()
    assert (run.state, run.resumable) == (State.STOPPED, False)


def test_a_trainer_that_shuts_down_hands_its_run_back(make_run: MakeRun, behave: Behave) -> None:
    behave("steps=20", "pause=0.05")
    run = make_run()
    started(run)
    assert supervision.hand_back()
    run.refresh_from_db()
    assert (run.state, run.resumable, run.host) == (State.QUEUED, True, "")
    assert (run.advice, run.error, run.finished_at) == (ending.HANDED_BACK, None, None)
    assert list(process.all_in(run.folder.parent)) == []
    done = run.step

    assert isinstance(job_slice(job_id=run.pk, watch=claim(), seconds=30), Ended)
    run.refresh_from_db()
    assert (run.state, run.step, run.advice) == (State.SUCCEEDED, 20, "")
    assert 1 <= done < 20
    assert run.metrics.filter(kind="loss").count() == 20


def test_a_run_that_people_stopped_is_not_handed_back(make_run: MakeRun, behave: Behave) -> None:
    behave("steps=1000", "pause=0.05")
    run = make_run()
    started(run)
    TrainingRun.objects.transition(
        run.pk, State.RUNNING, State.STOPPING, stop_asked_at=timezone.now()
    )
    assert supervision.hand_back()
    run.refresh_from_db()
    assert run.state == State.STOPPED


def test_a_run_handed_back_before_its_checkpoint_begins_anew(
    make_run: MakeRun, behave: Behave
) -> None:
    run = make_run()
    claim()
    RunMetric.objects.create(run=run, step=9, kind="loss", value=9.0)
    assert supervision.hand_back()
    run.refresh_from_db()
    assert (run.state, run.resumable) == (State.QUEUED, False)
    assert isinstance(job_slice(job_id=run.pk, watch=claim(), seconds=30), Ended)
    assert set(run.metrics.values_list("step", flat=True)) == {1, 2, 3}


def test_a_run_whose_checkpoint_is_gone_does_not_silently_begin_anew(make_run: MakeRun) -> None:
    run = make_run(resumable=True)
    assert isinstance(job_slice(job_id=run.pk, watch=claim(), seconds=30), Ended)
    run.refresh_from_db()
    assert run.state == State.FAILED
    assert run.error is not None
    assert run.error["code"] == "checkpoint_missing"
    assert run.resumable is False


def test_a_folder_that_cannot_be_written_fails_the_run(make_run: MakeRun, data_dir: Path) -> None:
    (data_dir / "runs").write_text("in the way")
    run = make_run()
    assert isinstance(job_slice(job_id=run.pk, watch=claim(), seconds=30), Ended)
    run.refresh_from_db()
    assert run.state == State.FAILED
    assert run.error is not None
    assert run.error["code"] == "not_started"


def test_nobody_watches_so_somebody_is_asked_and_at_last_the_machine_is_given_up(
    make_run: MakeRun,
) -> None:
    run = make_run()
    watch = claim()
    assert queueing.unwatched() == []
    long_ago = timezone.now() - timedelta(seconds=queueing.STALE_AFTER_S + 1)
    TrainingRun.objects.update(heartbeat_at=long_ago, host="elsewhere")
    assert queueing.unwatched() == [(run.pk, watch + 1)]
    assert queueing.unwatched() == [(run.pk, watch + 2)]
    assert job_slice(job_id=run.pk, watch=watch + 2, seconds=0) == Elsewhere("elsewhere")

    waited = timezone.now() - timedelta(seconds=queueing.LOST_AFTER_S + 1)
    TrainingRun.objects.update(asked_at=waited)
    assert queueing.unwatched() == []
    run.refresh_from_db()
    assert run.state == State.FAILED
    assert run.error is not None
    assert run.error["code"] == "machine_lost"


def test_a_process_whose_run_no_longer_counts_is_ended(make_run: MakeRun, behave: Behave) -> None:
    behave("steps=1000", "pause=0.05")
    run = make_run()
    started(run)
    queueing.end_strays()
    assert process.find(run.folder, run.pid) == run.pid
    TrainingRun.objects.update(state=State.FAILED)
    queueing.end_strays()
    wait_for(lambda: process.find(run.folder, run.pid) is None)
