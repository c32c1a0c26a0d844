"""Following a run: what comes first, what comes after, and nothing twice or lost between."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from channels.layers import get_channel_layer

from backend.accounts.models import User
from backend.common.errors import NotAllowed, NotFound
from backend.training import queueing, selectors, supervision
from backend.training.events import run_group
from backend.training.models import RunMetric, TrainingRun
from backend.training.selectors import run_follow_snapshot

MakeRun = Callable[..., TrainingRun]
Behave = Callable[..., None]


def snapshot(**asked: Any) -> list[dict[str, Any]]:
    """What a follower is sent first, as the JSON that it gets."""
    return [dict(event) for event in run_follow_snapshot(**asked)]


@contextmanager
def listening(group: str) -> Iterator[list[dict[str, Any]]]:
    """Everything sent to the group meanwhile, as a consumer would get it."""
    heard: list[dict[str, Any]] = []
    ready, done = threading.Event(), threading.Event()

    async def listen() -> None:
        layer = get_channel_layer()
        assert layer is not None
        channel = await layer.new_channel()
        await layer.group_add(group, channel)
        ready.set()
        while True:
            try:
                message = await asyncio.wait_for(layer.receive(channel), 0.5)
            except TimeoutError:
                if done.is_set():
                    break
                continue
            heard.append(message["event"])
        await layer.group_discard(group, channel)

    thread = threading.Thread(target=asyncio.run, args=(listen(),))
    thread.start()
    assert ready.wait(10)
    yield heard
    done.set()
    thread.join(20)


@pytest.mark.django_db(transaction=True)
def test_events_and_snapshot_together_tell_the_whole_run(
    make_run: MakeRun, behave: Behave, trainer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "TICK_S", 0.02)
    behave("steps=12", "pause=0.03")
    run = make_run()
    claimed = queueing.claim_next()
    assert claimed is not None
    outcome = supervision.job_slice(job_id=run.pk, watch=claimed[1], seconds=0.3)
    assert isinstance(outcome, supervision.Continue)

    with listening(run_group(run.pk)) as live:
        first = snapshot(user=trainer, run_id=run.pk)
        supervision.job_slice(job_id=run.pk, watch=outcome.watch, seconds=30)

    assert first[0]["type"] == "run.state"
    assert first[0]["run_id"] == str(run.pk)
    metrics = {
        (event["step"], event["kind"]): event["value"]
        for event in [*first, *live]
        if event["type"] == "run.metric"
    }
    stored = {(m.step, m.kind): m.value for m in run.metrics.all()}
    assert metrics == stored
    assert len(stored) == 36

    text, offset = "", 0
    for event in [*first, *live]:
        if event["type"] == "run.log" and event["offset"] > offset:
            text, offset = text + event["text"], event["offset"]
    assert text == (run.folder / "run.log").read_text("utf-8")

    states = [event for event in live if event["type"] == "run.state"]
    assert states[-1]["state"] == "succeeded"
    assert states[-1]["adapter_name"] == "abc-run-1"
    assert all(event["run_id"] == str(run.pk) for event in live)
    assert all(isinstance(event["step"], int) for event in live)


@pytest.mark.django_db
def test_a_follower_gets_only_what_it_has_not(make_run: MakeRun, trainer: User) -> None:
    run = make_run(step=3, log_offset=9)
    run.folder.mkdir(parents=True)
    (run.folder / "run.log").write_text("训练中 and more that was not told yet", encoding="utf-8")
    for step in (1, 2, 3):
        RunMetric.objects.create(run=run, step=step, kind="loss", value=step)
    events = snapshot(user=trainer, run_id=run.pk, after_step=2, after_offset=3)
    assert [event["type"] for event in events] == [
        "run.state",
        "run.metric",
        "run.metric",
        "run.log",
    ]
    # Step 2 again: its validation loss may have come after its loss.
    assert [event["step"] for event in events[1:3]] == [2, 3]
    assert events[3]["text"] == "练中"
    assert events[3]["offset"] == 9
    again = snapshot(user=trainer, run_id=run.pk, after_step=3, after_offset=9)
    assert [event["type"] for event in again] == ["run.state", "run.metric"]


@pytest.mark.django_db
def test_a_long_curve_is_thinned_but_keeps_its_end_and_its_validation_losses(
    make_run: MakeRun, trainer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selectors, "REPLAY_METRICS", 100)
    monkeypatch.setattr(selectors, "REPLAY_RECENT_STEPS", 20)
    run = make_run(step=1000)
    RunMetric.objects.bulk_create(
        RunMetric(run=run, step=step, kind="loss", value=1.0) for step in range(1, 1001)
    )
    RunMetric.objects.create(run=run, step=333, kind="eval_loss", value=2.0)
    events = snapshot(user=trainer, run_id=run.pk)
    steps = [event["step"] for event in events if event["type"] == "run.metric"]
    assert len(steps) < 130
    assert steps[-20:] == list(range(981, 1001))
    assert 333 in steps


@pytest.mark.django_db
def test_only_who_may_read_runs_follows_one(
    make_run: MakeRun, employee: User, curator: User
) -> None:
    run = make_run()
    with pytest.raises(NotAllowed):
        run_follow_snapshot(user=employee, run_id=run.pk)
    for unknown in (run.dataset_version_id, "no id at all"):
        with pytest.raises(NotFound):
            run_follow_snapshot(user=curator, run_id=unknown)
    assert run_follow_snapshot(user=curator, run_id=run.pk)
