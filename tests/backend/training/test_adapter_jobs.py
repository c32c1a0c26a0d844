"""Evaluations and exports wait in the queue of the runs, one piece of work on each device."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from django.utils import timezone
from pytest_django import Settings

from backend.accounts.models import User
from backend.common.errors import Conflict, NotAllowed
from backend.common.models import AuditEntry
from backend.training import queueing, supervision
from backend.training.events import run_fields
from backend.training.jobs import adapter_job_start, adapter_job_stop
from backend.training.models import Adapter, AdapterJob, TrainingRun
from backend.training.selectors import training_run_list
from backend.training.supervision import Continue, Ended, job_slice

pytestmark = pytest.mark.django_db
Kind, State = AdapterJob.Kind, AdapterJob.State
MakeRun = Callable[..., TrainingRun]
Behave = Callable[..., None]


@pytest.fixture(autouse=True)
def look_often(monkeypatch: pytest.MonkeyPatch, behave: Behave) -> None:
    monkeypatch.setattr(supervision, "TICK_S", 0.02)


@pytest.fixture
def adapter(make_run: MakeRun, data_dir: Path) -> Adapter:
    run = make_run(state=State.SUCCEEDED)
    return Adapter.objects.create(
        name="abc-run-1",
        run=run,
        assistant=run.assistant,
        base_model=run.base_model,
        path="runs/1/adapter",
    )


@pytest.fixture
def job(adapter: Adapter, trainer: User) -> AdapterJob:
    return adapter_job_start(
        user=trainer, adapter=adapter, kind=Kind.EVALUATE, request={"question": "你是谁?"}
    )


def claimed() -> queueing.Turn:
    turn = queueing.claim_next()
    assert turn is not None
    return turn


@pytest.mark.django_db(transaction=True)
def test_a_job_gets_the_adapter_and_its_data_and_leaves_its_result(
    job: AdapterJob, data_dir: Path
) -> None:
    pk, watch = claimed()
    assert pk == job.pk
    assert isinstance(job_slice(job_id=job.pk, watch=watch, seconds=30), Ended)
    job.refresh_from_db()
    assert (job.state, job.step, job.total_steps, job.pid) == (State.SUCCEEDED, 3, 3, None)
    assert job.result == {"asked": "你是谁?"}
    given = json.loads((job.folder / "job.json").read_text("utf-8"))
    assert given["adapter_dir"] == str(data_dir / "runs/1/adapter")
    assert given["system_prompt"] == job.adapter.run.system_prompt
    assert given["golden_file"] is None  # the version has none
    left = {path.name for path in job.folder.iterdir()}
    assert left.isdisjoint({"train.jsonl", "validation.jsonl", "golden.jsonl", "result.json"})
    assert AuditEntry.objects.filter(action="adapter.evaluate", data__number=1).count() == 1


def test_a_process_that_leaves_no_result_has_failed(job: AdapterJob, behave: Behave) -> None:
    behave("steps=1", "empty")
    _pk, watch = claimed()
    job_slice(job_id=job.pk, watch=watch, seconds=30)
    job.refresh_from_db()
    assert (job.state, (job.error or {}).get("code")) == (State.FAILED, "no_result")


def test_who_has_waited_longest_is_first_and_a_device_is_taken_by_one(
    job: AdapterJob, make_run: MakeRun, behave: Behave
) -> None:
    behave("steps=1000", "pause=0.05")
    older = make_run(created_at=timezone.now() - timedelta(minutes=5))
    pk, watch = claimed()
    assert pk == older.pk
    job_slice(job_id=older.pk, watch=watch, seconds=0)
    assert queueing.claim_next() is None
    job.refresh_from_db()
    assert job.state == State.QUEUED


def test_a_waiting_run_counts_the_jobs_before_it(
    job: AdapterJob, make_run: MakeRun, trainer: User
) -> None:
    make_run(created_at=timezone.now() - timedelta(minutes=5))
    make_run()
    shown = training_run_list(user=trainer).filter(state=State.QUEUED).order_by("number")
    assert [run_fields(row)["position"] for row in shown] == [1, 3]


def test_each_device_works_on_one_and_sees_no_other(
    job: AdapterJob, make_run: MakeRun, behave: Behave, settings: Settings
) -> None:
    behave("steps=1000", "pause=0.05")
    settings.TRAINING_DEVICES = ["0", "3"]
    run, third = make_run(), make_run()
    for turn in (claimed(), claimed()):
        assert isinstance(job_slice(job_id=turn[0], watch=turn[1], seconds=0), Continue)
    assert queueing.claim_next() is None
    run.refresh_from_db()
    third.refresh_from_db()
    job.refresh_from_db()
    assert (job.device, run.device, third.state) == ("0", "3", State.QUEUED)
    for work in (job, run):
        environment = psutil.Process(work.pid).environ()
        assert environment["CUDA_VISIBLE_DEVICES"] == work.device


def test_only_an_evaluation_knows_the_judges_key_and_no_file_does(
    job: AdapterJob, adapter: Adapter, trainer: User, behave: Behave, settings: Settings
) -> None:
    behave("steps=1000", "pause=0.05")
    settings.JUDGE_API_KEY = "a judge's key"
    settings.TRAINING_DEVICES = ["0", "1"]
    export = adapter_job_start(user=trainer, adapter=adapter, kind=Kind.EXPORT, request={})
    for turn in (claimed(), claimed()):
        job_slice(job_id=turn[0], watch=turn[1], seconds=0)
    known = []
    for work in (job, export):
        work.refresh_from_db()
        known.append(psutil.Process(work.pid).environ().get("LOREDESK_JUDGE_KEY"))
        written = [path.read_bytes() for path in work.folder.iterdir() if path.is_file()]
        assert not any(b"a judge's key" in content for content in written)
    assert known == ["a judge's key", None]


def test_a_job_is_stopped_waiting_or_running(
    job: AdapterJob, adapter: Adapter, trainer: User, behave: Behave
) -> None:
    assert adapter_job_stop(user=trainer, job=job).state == State.STOPPED
    behave("steps=1000", "pause=0.02")
    second = adapter_job_start(user=trainer, adapter=adapter, kind=Kind.EVALUATE, request={})
    _pk, watch = claimed()
    outcome = job_slice(job_id=second.pk, watch=watch, seconds=0)
    assert isinstance(outcome, Continue)
    assert adapter_job_stop(user=trainer, job=second).state == State.STOPPING
    assert adapter_job_stop(user=trainer, job=second).state == State.STOPPING
    assert isinstance(job_slice(job_id=second.pk, watch=outcome.watch, seconds=30), Ended)
    second.refresh_from_db()
    assert (second.state, second.result) == (State.STOPPED, None)


def test_a_trainer_that_shuts_down_hands_the_job_back(job: AdapterJob, behave: Behave) -> None:
    behave("steps=1000", "pause=0.02")
    _pk, watch = claimed()
    job_slice(job_id=job.pk, watch=watch, seconds=0)
    assert supervision.hand_back()
    job.refresh_from_db()
    assert (job.state, job.host, job.finished_at) == (State.QUEUED, "", None)


def test_the_same_is_not_done_twice_at_once(
    job: AdapterJob, adapter: Adapter, trainer: User
) -> None:
    with pytest.raises(Conflict) as refused:
        adapter_job_start(user=trainer, adapter=adapter, kind=Kind.EVALUATE, request={})
    assert refused.value.code == "already_under_way"
    adapter_job_start(user=trainer, adapter=adapter, kind=Kind.EXPORT, request={})


def test_only_who_may_asks_for_it_and_stops_it(
    job: AdapterJob, adapter: Adapter, approver: User, curator: User
) -> None:
    adapter_job_start(user=approver, adapter=adapter, kind=Kind.EXPORT, request={})
    for person in (approver, curator):
        with pytest.raises(NotAllowed):
            adapter_job_stop(user=person, job=job)
    with pytest.raises(NotAllowed):
        adapter_job_start(user=curator, adapter=adapter, kind=Kind.EXPORT, request={})
