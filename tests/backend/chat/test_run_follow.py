"""A training run followed over the socket of a tab."""

import pytest

from backend.accounts.models import User
from backend.assistants.models import Assistant
from backend.common.realtime import publish_on_commit
from backend.curation.models import DatasetVersion
from backend.training.events import metric_event, run_group
from backend.training.models import RunMetric, TrainingRun
from tests.backend.chat.conftest import OpenTab, in_thread

pytestmark = pytest.mark.django_db(transaction=True)


def a_run(assistant: Assistant) -> TrainingRun:
    version = DatasetVersion.objects.create(number=1, sha256="0" * 64)
    run = TrainingRun.objects.create(
        number=1,
        dataset_version=version,
        assistant=assistant,
        base_model=assistant.base_model,
        state=TrainingRun.State.RUNNING,
        step=2,
    )
    for step in (1, 2):
        RunMetric.objects.create(run=run, step=step, kind="loss", value=1 / step)
    return run


async def test_a_run_is_told_from_where_one_was_and_then_live(
    tab: OpenTab, trainer: User, assistant: Assistant
) -> None:
    run = await in_thread(a_run)(assistant)
    page = await tab(trainer)
    await page.send("run.follow", run_id=str(run.pk), after_step=0)
    state, first, second = [await page.next() for _ in range(3)]
    assert (state["type"], state["run_id"], state["state"]) == ("run.state", str(run.pk), "running")
    assert [first["value"], second["value"]] == [1.0, 0.5]
    event = metric_event(run.pk, 3, "loss", 0.25)
    await in_thread(publish_on_commit)(run_group(run.pk), event)
    assert await page.next() == event


async def test_an_employee_follows_no_run(
    tab: OpenTab, employee: User, assistant: Assistant
) -> None:
    run = await in_thread(a_run)(assistant)
    page = await tab(employee)
    await page.send("run.follow", run_id=str(run.pk))
    assert (await page.next())["error"]["code"] == "not_allowed"
    await in_thread(publish_on_commit)(run_group(run.pk), metric_event(run.pk, 3, "loss", 0.25))
    assert await page.communicator.receive_nothing(0.3)
