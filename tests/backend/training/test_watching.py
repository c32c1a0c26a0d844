"""What a run's page is told beside its numbers: advice from the curve, and when a run begins."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from backend.accounts.models import User
from backend.training.models import Adapter, AdapterJob, RunMetric, TrainingRun
from tests.backend.conftest import Api

pytestmark = pytest.mark.django_db
As = Callable[[User | None], Api]
MakeRun = Callable[..., TrainingRun]
State = TrainingRun.State
SETTINGS = {"learning_rate": 1e-3, "epochs": 4, "batch_size": 4}


def measured(run: TrainingRun, *, steps: int, kind: str = "loss", rises: float = 0.0) -> None:
    RunMetric.objects.bulk_create(
        RunMetric(run=run, step=step, kind=kind, value=3 + rises * step / steps)
        for step in range(1, steps + 1)
    )


def test_a_runs_curves_are_read_in_ones_language(api: As, curator: User, make_run: MakeRun) -> None:
    run = make_run(state=State.SUCCEEDED, settings=SETTINGS, step=40, total_steps=40)
    measured(run, steps=40)
    for step, value in ((10, 2.5), (20, 2.0), (30, 2.4), (40, 2.6)):
        RunMetric.objects.create(run=run, step=step, kind="eval_loss", value=value)

    told = api(curator).get(f"/training-runs/{run.pk}").json()

    assert told["best_step"] == 20
    (advice,) = told["curve_advice"]
    assert (advice["code"], advice["fix"]) == ("validation_rises", {"epochs": 2.0})
    assert "step 20 (2.000)" in advice["message"]
    assert "2.600" in advice["message"]
    curator.language = "zh-hans"
    curator.save()
    (advice,) = api(curator).get(f"/training-runs/{run.pk}").json()["curve_advice"]
    assert "验证损失" in advice["message"]


def test_a_long_curve_is_read_in_part(
    api: As,
    curator: User,
    make_run: MakeRun,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    run = make_run(state=State.RUNNING, settings=SETTINGS, step=6000, total_steps=6000)
    measured(run, steps=6000, rises=2)
    caller = api(curator)
    with django_assert_max_num_queries(5):  # session, person, roles, run, curves
        told = caller.get(f"/training-runs/{run.pk}").json()
    assert [advice["code"] for advice in told["curve_advice"]] == ["loss_rises"]


def test_a_run_with_little_or_broken_behind_it_is_given_no_advice(
    api: As, curator: User, make_run: MakeRun
) -> None:
    for run in (make_run(), make_run(settings={"epochs": "many"}), make_run(settings={"x": 1})):
        told = api(curator).get(f"/training-runs/{run.pk}").json()
        assert (told["curve_advice"], told["best_step"]) == ([], None)


def starts(api: Api) -> dict[int, datetime | None]:
    rows = api.get("/training-runs").json()["results"]
    return {
        row["number"]: datetime.fromisoformat(row["expected_start"])
        if row["expected_start"]
        else None
        for row in rows
        if row["state"] == "queued"
    }


def test_waiting_runs_begin_after_the_running_one_and_each_other(
    api: As, curator: User, make_run: MakeRun
) -> None:
    now = timezone.now()
    make_run(
        state=State.SUCCEEDED,
        settings=SETTINGS,
        step=10,
        started_at=now - timedelta(seconds=400),
        finished_at=now,
    )  # ten seconds an example
    make_run(state=State.RUNNING, host="one", remaining_s=600.0)
    for _run in range(2):
        make_run(settings=SETTINGS)  # three examples: three steps of four

    found = starts(api(curator))

    assert found[3] is not None
    assert found[4] is not None
    assert 590 < (found[3] - now).total_seconds() < 620
    assert (found[4] - found[3]).total_seconds() == pytest.approx(3 * 4 * 10)
    one = TrainingRun.objects.get(number=4)
    shown = api(curator).get(f"/training-runs/{one.pk}").json()
    assert (shown["position"], shown["expected_start"] is not None) == (2, True)


def test_a_start_that_nothing_is_known_of_is_not_made_up(
    api: As, curator: User, make_run: MakeRun
) -> None:
    make_run()
    assert starts(api(curator)) == {1: None}  # nobody trains
    make_run(state=State.RUNNING, host="one", remaining_s=None)
    assert starts(api(curator)) == {1: None}  # it has not measured yet
    make_run(state=State.RUNNING, host="two", remaining_s=60.0)
    make_run()
    found = starts(api(curator))
    assert found[1] is not None
    assert found[4] is None  # no run has shown yet how long the first one takes


def test_two_machines_take_waiting_runs_in_turn(api: As, curator: User, make_run: MakeRun) -> None:
    make_run(state=State.RUNNING, host="one", remaining_s=600.0)
    make_run(state=State.RUNNING, host="two", remaining_s=60.0)
    make_run()
    make_run()
    found = starts(api(curator))
    assert found[3] is not None
    assert found[4] is not None
    assert (found[4] - found[3]).total_seconds() == pytest.approx(540)


def test_a_job_on_an_adapter_takes_its_turn_in_between(
    api: As, curator: User, make_run: MakeRun
) -> None:
    now = timezone.now()
    done = make_run(state=State.SUCCEEDED)
    adapter = Adapter.objects.create(
        name="abc-run-1", run=done, assistant=done.assistant, base_model=done.base_model, path="x"
    )
    make_run(state=State.RUNNING, host="one", remaining_s=60.0)
    evaluation = {"adapter": adapter, "kind": AdapterJob.Kind.EVALUATE}
    ended = {"started_at": now, "finished_at": now + timedelta(seconds=90)}
    AdapterJob.objects.create(number=1, state=State.SUCCEEDED, **evaluation, **ended)
    AdapterJob.objects.create(number=2, **evaluation)
    make_run()
    (start,) = starts(api(curator)).values()
    assert start is not None
    assert 140 < (start - now).total_seconds() < 165
