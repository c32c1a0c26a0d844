"""Promote and roll back: one switch, seen at once, by the right people only."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from pytest_django import DjangoAssertNumQueries, Settings

from backend.accounts.models import User
from backend.assistants.models import Assistant
from backend.common.errors import Conflict
from backend.common.models import AuditEntry
from backend.serving import services
from backend.serving.models import Deployment
from backend.serving.selectors import production
from backend.training.models import Adapter
from tests.backend.conftest import Api
from tests.backend.serving.conftest import ModelServer

pytestmark = pytest.mark.django_db
As = Callable[[User | None], Api]
MakeAdapter = Callable[..., Adapter]
REASON = "It is only a test."


def promote(
    api: Api, adapter: Adapter, assistant: str = "abc", **more: object
) -> Any:  # the test client's answer
    """Past the gate, which has tests of its own."""
    given = {"assistant": assistant, "override_reason": REASON, **more}
    return api.post(f"/adapters/{adapter.pk}/promote", given)


def live(assistant: Assistant) -> str:
    return production(assistant=assistant).served_name


def test_a_promoted_adapter_answers_from_then_on(
    api: As,
    approver: User,
    assistant: Assistant,
    make_adapter: MakeAdapter,
    model_server: ModelServer,
) -> None:
    adapter = make_adapter(1)
    assert live(assistant) == "smollm2-135m-instruct"
    answer = promote(api(approver), adapter, str(assistant.pk))
    assert answer.status_code == 200, answer.content
    assert answer.json()["production_adapter"] == {"id": str(adapter.pk), "name": "abc-run-1"}
    assert model_server.loaded == {"abc-run-1": str(adapter.folder)}
    now = production(assistant=assistant)
    assert (now.adapter, now.served_name, now.path) == (adapter, "abc-run-1", adapter.folder)
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action) == (approver, "assistant.promote")
    assert entry.data["adapter"] == "abc-run-1"
    shown = api(approver).get(f"/adapters/{adapter.pk}").json()
    assert shown["live_in"] == [str(assistant.pk)]
    assert shown["card"] == {"steps": 12}
    assert shown["run"] == str(adapter.run_id)


def test_promoting_what_is_live_changes_nothing(
    api: As, approver: User, make_adapter: MakeAdapter, model_server: ModelServer
) -> None:
    adapter = make_adapter(1)
    first = promote(api(approver), adapter)
    second = promote(api(approver), adapter)
    assert first.json() == second.json()
    assert Deployment.objects.count() == 1


def test_each_rollback_goes_one_step_further_back(
    api: As,
    approver: User,
    assistant: Assistant,
    make_adapter: MakeAdapter,
    model_server: ModelServer,
) -> None:
    for number in (1, 2, 3):
        promote(api(approver), make_adapter(number))
    model_server.loaded.clear()  # the server was started anew
    seen = []
    for _time in range(3):
        answer = api(approver).post(f"/assistants/{assistant.pk}/rollback")
        assert answer.status_code == 200, answer.content
        seen.append((answer.json()["production_adapter"] or {}).get("name"))
    assert seen == ["abc-run-2", "abc-run-1", None]
    assert list(model_server.loaded) == ["abc-run-2", "abc-run-1"]
    assert live(assistant) == "smollm2-135m-instruct"

    answer = api(approver).post(f"/assistants/{assistant.pk}/rollback")
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "nothing_to_roll_back"

    history = api(approver).get(f"/assistants/{assistant.pk}/history").json()["results"]
    names = [(step["adapter"] or {}).get("name") for step in history]
    assert names == [None, "abc-run-1", "abc-run-2", "abc-run-3", "abc-run-2", "abc-run-1"]
    assert [step["action"] for step in history] == ["rollback"] * 3 + ["promote"] * 3
    assert history[0]["by"]["name"] == "approver"


def test_a_promotion_after_a_rollback_is_rolled_back_to_what_stood_before_it(
    api: As,
    approver: User,
    assistant: Assistant,
    make_adapter: MakeAdapter,
    model_server: ModelServer,
) -> None:
    one, two, three = make_adapter(1), make_adapter(2), make_adapter(3)
    promote(api(approver), one)
    promote(api(approver), two)
    api(approver).post(f"/assistants/{assistant.pk}/rollback")
    promote(api(approver), three)
    answer = api(approver).post(f"/assistants/{assistant.pk}/rollback")
    assert answer.json()["production_adapter"]["name"] == "abc-run-1"
    answer = api(approver).post(f"/assistants/{assistant.pk}/rollback")
    assert answer.json()["production_adapter"] is None


@pytest.mark.parametrize("who", ["employee", "curator", "reviewer", "trainer"])
def test_only_approvers_and_administrators_switch(
    request: pytest.FixtureRequest,
    api: As,
    approver: User,
    assistant: Assistant,
    make_adapter: MakeAdapter,
    model_server: ModelServer,
    who: str,
) -> None:
    adapter, person = make_adapter(1), request.getfixturevalue(who)
    promote(api(approver), make_adapter(2))
    for answer in (
        promote(api(person), adapter),
        api(person).post(f"/assistants/{assistant.pk}/rollback"),
    ):
        assert answer.status_code == 403, answer.content
        assert answer.json()["error"]["code"] == "not_allowed"
    assert live(assistant) == "abc-run-2"


def test_nobody_not_signed_in_switches(api: As, make_adapter: MakeAdapter) -> None:
    assert promote(api(None), make_adapter(1)).status_code in {401, 403}
    assert not Deployment.objects.exists()


def test_nobody_promotes_their_own_run_under_four_eyes(
    api: As, admin: User, make_adapter: MakeAdapter, model_server: ModelServer, settings: Settings
) -> None:
    adapter = make_adapter(1, started_by=admin)
    answer = promote(api(admin), adapter)
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "four_eyes"
    assert api(admin).get(f"/adapters/{adapter.pk}").json()["may_promote"] is False
    settings.FOUR_EYES = False
    assert promote(api(admin), adapter).status_code == 200
    assert api(admin).get(f"/adapters/{adapter.pk}").json()["may_promote"] is True


def test_nobody_rolls_back_to_their_own_run_under_four_eyes(
    api: As,
    admin: User,
    approver: User,
    assistant: Assistant,
    make_adapter: MakeAdapter,
    model_server: ModelServer,
) -> None:
    promote(api(approver), make_adapter(1, started_by=admin))
    promote(api(approver), make_adapter(2))
    address = f"/assistants/{assistant.pk}/rollback"
    refused = api(admin).post(address)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "four_eyes")
    assert live(assistant) == "abc-run-2"
    assert api(approver).post(address).status_code == 200
    assert live(assistant) == "abc-run-1"


def test_an_adapter_of_another_base_is_refused(
    api: As, approver: User, make_adapter: MakeAdapter, model_server: ModelServer
) -> None:
    answer = promote(api(approver), make_adapter(1, base_model="other/base"))
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "base_mismatch"
    assert not Deployment.objects.exists()


def test_an_adapter_whose_base_no_server_has_is_refused(
    api: As, approver: User, make_adapter: MakeAdapter, model_server: ModelServer
) -> None:
    model_server.models = ["something-else"]
    answer = promote(api(approver), make_adapter(1))
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "base_not_served"
    assert not Deployment.objects.exists()


def test_a_server_that_refuses_the_adapter_or_is_away_leaves_everything_as_it_was(
    api: As,
    approver: User,
    assistant: Assistant,
    make_adapter: MakeAdapter,
    model_server: ModelServer,
    settings: Settings,
) -> None:
    promote(api(approver), make_adapter(1))
    adapter = make_adapter(2)
    model_server.refusal = "This adapter was made for another base."
    answer = promote(api(approver), adapter)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == model_server.refusal
    settings.MODEL_SERVER_URL = "http://127.0.0.1:9"
    assert promote(api(approver), adapter).status_code == 503
    assert live(assistant) == "abc-run-1"
    assert Deployment.objects.count() == 1


def test_files_that_are_gone_are_told(
    api: As, approver: User, make_adapter: MakeAdapter, model_server: ModelServer
) -> None:
    adapter = make_adapter(1)
    (adapter.folder / "adapter_config.json").unlink()
    answer = promote(api(approver), adapter)
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "adapter_missing"


def test_of_two_switches_at_the_same_moment_one_is_refused(
    approver: User,
    assistant: Assistant,
    make_adapter: MakeAdapter,
    model_server: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, two, three = make_adapter(1), make_adapter(2), make_adapter(3)

    def switch(adapter: Adapter) -> Deployment:
        return services.adapter_promote(
            user=approver, adapter=adapter, assistant=assistant, override_reason=REASON
        )

    def both_saw(current: Deployment | None) -> None:
        monkeypatch.setattr(services, "deployment_current", lambda **_: current)

    both_saw(None)
    first = switch(one)
    with pytest.raises(Conflict, match="just switched"), transaction.atomic():
        switch(two)
    both_saw(first)
    switch(two)
    with pytest.raises(Conflict, match="just switched"), transaction.atomic():
        switch(three)
    assert live(assistant) == "abc-run-2"
    assert Deployment.objects.filter(is_current=True).count() == 1


def test_the_database_allows_one_in_production_only(assistant: Assistant) -> None:
    Deployment.objects.create(assistant=assistant, action="promote")
    with pytest.raises(IntegrityError):
        Deployment.objects.create(assistant=assistant, action="promote")


def test_an_adapter_of_an_earlier_base_does_not_answer(
    api: As,
    admin: User,
    approver: User,
    assistant: Assistant,
    make_adapter: MakeAdapter,
    model_server: ModelServer,
) -> None:
    promote(api(approver), make_adapter(1))
    changed = api(admin).patch(f"/assistants/{assistant.pk}", {"base_model": "org/other-base"})
    assert changed.status_code == 200, changed.content
    assert changed.json()["production_adapter"] is None
    assistant.refresh_from_db()
    assert live(assistant) == "other-base"


@pytest.mark.parametrize("reference", ["none", "00000000-0000-0000-0000-000000000000", ""])
def test_an_unknown_assistant_is_told(
    api: As, approver: User, make_adapter: MakeAdapter, model_server: ModelServer, reference: str
) -> None:
    answer = promote(api(approver), make_adapter(1), reference)
    assert answer.status_code == (404 if reference else 400)
    assert set(answer.json()) == {"error"}


def test_the_list_of_adapters_costs_the_same_for_one_and_for_many(
    api: As,
    approver: User,
    make_adapter: MakeAdapter,
    model_server: ModelServer,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    caller = api(approver)
    promote(caller, make_adapter(1))
    with django_assert_num_queries(5):  # session, person, roles, adapters, what is live
        assert len(caller.get("/adapters").json()["results"]) == 1
    for number in range(2, 8):
        make_adapter(number)
    with django_assert_num_queries(5):
        assert len(caller.get("/adapters").json()["results"]) == 7


def test_a_name_that_the_server_knows_from_elsewhere_gets_these_files(
    api: As, approver: User, make_adapter: MakeAdapter, model_server: ModelServer
) -> None:
    adapter = make_adapter(1)
    model_server.loaded["abc-run-1"] = "/from/an/earlier/database"
    assert promote(api(approver), adapter).status_code == 200
    assert model_server.loaded["abc-run-1"] == str(adapter.folder)


def test_a_server_that_refuses_to_load_what_it_has_is_no_obstacle(
    api: As, approver: User, make_adapter: MakeAdapter, model_server: ModelServer
) -> None:
    adapter = make_adapter(1)
    model_server.refusal = "The lora adapter 'abc-run-1' has already been loaded."
    assert promote(api(approver), adapter).status_code == 400
    model_server.loaded["abc-run-1"] = str(adapter.folder)
    assert promote(api(approver), adapter).status_code == 200
