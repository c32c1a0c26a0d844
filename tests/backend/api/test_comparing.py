"""Any question to base, production and candidate, streamed as the model server answers."""

import json
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from backend.accounts.models import Department, User
from backend.assistants.models import Assistant
from backend.curation.models import DatasetVersion
from backend.serving.models import Deployment
from backend.training.models import Adapter, TrainingRun
from tests.backend.api.conftest import App, Key
from tests.backend.chat.conftest import in_thread
from tests.fake_model_server import BASE, FakeModelServer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def adapters(assistant: Assistant, settings: Settings, tmp_path: Path) -> list[Adapter]:
    """What is in production, and a candidate."""
    settings.DATA_DIR = tmp_path
    version = DatasetVersion.objects.create(number=1, sha256="0" * 64)
    made = []
    for number in (1, 2):
        run = TrainingRun.objects.create(
            number=number,
            dataset_version=version,
            assistant=assistant,
            base_model=assistant.base_model,
        )
        path = f"runs/{number}/adapter"
        (tmp_path / path).mkdir(parents=True)
        (tmp_path / path / "adapter_config.json").write_text("{}")
        made.append(
            Adapter.objects.create(
                name=f"abc-run-{number}",
                run=run,
                assistant=assistant,
                base_model=assistant.base_model,
                path=path,
            )
        )
    Deployment.objects.create(assistant=assistant, adapter=made[0], action="promote")
    return made


async def asked(app: App, secret: str, **body: Any) -> list[Any]:
    """The events of an answer."""
    async with app.client(secret) as client:
        answer = await client.post("/api/v1/compare", json=body)
    if answer.status_code != 200:
        return [answer.status_code, answer.json()["error"]["code"]]
    lines = [line.removeprefix("data: ") for line in answer.text.split("\n\n") if line]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


async def test_each_model_answers_for_itself_and_is_loaded_where_it_was_forgotten(
    app: App, key: Key, curator: User, adapters: list[Adapter], fake: FakeModelServer
) -> None:
    fake.answer = lambda body: [body["model"], "!"]
    secret = await in_thread(key)(curator)
    for model, name in (("base", BASE), ("production", "abc-run-1"), ("candidate", "abc-run-2")):
        events = await asked(
            app, secret, adapter=str(adapters[1].pk), model=model, question="你是谁?"
        )
        assert "".join(event["text"] for event in events) == f"{name}!"
    assert [body["lora_name"] for body in fake.loaded] == ["abc-run-1", "abc-run-2"]
    last = fake.requests[-1]
    assert last["messages"][-1] == {"role": "user", "content": "你是谁?"}
    assert last["messages"][0]["role"] == "system"
    assert (last["temperature"], last["max_tokens"]) == (0, 100)


async def test_a_server_that_breaks_off_is_told_in_the_stream(
    app: App, key: Key, curator: User, adapters: list[Adapter], fake: FakeModelServer
) -> None:
    fake.answer, fake.break_after = (lambda _body: ["one", "two", "three"]), 2
    secret = await in_thread(key)(curator)
    events = await asked(app, secret, adapter=str(adapters[1].pk), model="base", question="Hi")
    assert events[-1]["error"]["code"] == "model_server_unavailable"


async def test_who_may_not_read_runs_and_what_makes_no_sense_is_refused(
    app: App,
    key: Key,
    curator: User,
    employee: User,
    adapters: list[Adapter],
    fake: FakeModelServer,
) -> None:
    adapter = str(adapters[1].pk)
    make = in_thread(key)
    body: dict[str, Any] = {"adapter": adapter, "model": "base", "question": "Hi"}
    assert await asked(app, await make(employee), **body) == [403, "not_allowed"]
    secret = await make(curator)
    for change, expected in (
        ({"model": "other"}, [400, "invalid"]),
        ({"question": ""}, [400, "invalid"]),
        ({"adapter": "00000000-0000-4000-8000-000000000000"}, [404, "not_found"]),
    ):
        assert await asked(app, secret, **{**body, **change}) == expected
    department = await in_thread(Department.objects.create)(name="Elsewhere")
    await in_thread(adapters[1].assistant.departments.set)([department])
    assert await asked(app, secret, **body) == [404, "not_found"]
    assert fake.requests == []
