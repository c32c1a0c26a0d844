"""Nothing reaches the employees without a passed gate, or a reason that is kept."""

from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import Settings

from backend.accounts.models import User
from backend.assistants.models import Assistant
from backend.common.models import AuditEntry
from backend.serving.models import Deployment
from backend.training.models import Adapter
from tests.backend.conftest import Api
from tests.backend.serving.conftest import ModelServer
from tests.backend.serving.evaluated import evaluated

pytestmark = pytest.mark.django_db
As = Callable[[User | None], Api]
MakeAdapter = Callable[..., Adapter]


def promote(caller: Api, adapter: Adapter, **more: object) -> Any:  # the test client's answer
    return caller.post(f"/adapters/{adapter.pk}/promote", {"assistant": "abc", **more})


def test_what_was_not_evaluated_is_refused(
    api: As, approver: User, make_adapter: MakeAdapter, model_server: ModelServer
) -> None:
    answer = promote(api(approver), make_adapter(1), override_reason="  ")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not_evaluated")
    assert not Deployment.objects.exists()
    assert model_server.loaded == {}


def test_without_an_evaluation_it_is_promoted_only_where_none_is_required(
    api: As,
    approver: User,
    assistant: Assistant,
    make_adapter: MakeAdapter,
    model_server: ModelServer,
    settings: Settings,
) -> None:
    settings.EVALUATION_REQUIRED = False
    caller, adapter, worse = api(approver), make_adapter(1), make_adapter(2)
    asked = f"/adapters/{adapter.pk}/standing?assistant=abc"
    assert caller.get(asked).json() == {"evaluation": None, "gate": None, "needs_reason": False}
    assert promote(caller, adapter).status_code == 200
    evaluated(worse, base=2, production=14, candidate=2)
    assert promote(caller, worse).json()["error"]["code"] == "gate_failed"


def test_a_passed_gate_opens_and_is_kept(
    api: As,
    approver: User,
    assistant: Assistant,
    make_adapter: MakeAdapter,
    model_server: ModelServer,
) -> None:
    adapter = make_adapter(1)
    evaluation = evaluated(adapter, base=2, candidate=14)
    assert promote(api(approver), adapter).status_code == 200
    deployment = Deployment.objects.get()
    assert deployment.evaluation == evaluation
    assert deployment.gate is not None
    assert deployment.gate["passed"] is True
    assert deployment.gate["thresholds"]["min_examples"] == 10
    shown = api(approver).get(f"/assistants/{assistant.pk}/history").json()["results"][0]
    assert (shown["evaluation"], shown["gate_passed"]) == (str(evaluation.pk), True)
    assert AuditEntry.objects.get(action="assistant.promote").data["evaluation"] == str(
        evaluation.pk
    )


def test_a_run_made_worse_is_refused_in_sentences_and_overridden_with_a_reason_only(
    api: As, approver: User, make_adapter: MakeAdapter, model_server: ModelServer
) -> None:
    caller, adapter = api(approver), make_adapter(1)
    evaluation = evaluated(adapter, base=12, candidate=2)
    error = promote(caller, adapter).json()["error"]
    assert error["code"] == "gate_failed"
    assert error["details"]["evaluation"] == str(evaluation.pk)
    assert any("chrF" in reason for reason in error["details"]["reasons"])
    assert not Deployment.objects.exists()

    assert promote(caller, adapter, override_reason="The old rules are void.").status_code == 200
    deployment = Deployment.objects.get()
    assert (deployment.evaluation, deployment.override_reason) == (
        evaluation,
        "The old rules are void.",
    )
    assert deployment.gate is not None
    assert deployment.gate["passed"] is False
    assert AuditEntry.objects.get(action="assistant.promote").data["gate_passed"] is False


def test_what_was_compared_with_something_else_does_not_count(
    api: As,
    approver: User,
    assistant: Assistant,
    make_adapter: MakeAdapter,
    model_server: ModelServer,
) -> None:
    caller, one, two = api(approver), make_adapter(1), make_adapter(2)
    evaluated(one, base=2, candidate=14)
    evaluated(two, base=2, candidate=14)  # against the base, as production is now
    assert promote(caller, one).status_code == 200
    assert promote(caller, two).json()["error"]["code"] == "not_evaluated"
    evaluated(two, base=2, production=14, candidate=14)
    standing = caller.get(f"/adapters/{two.pk}/standing", assistant="abc").json()
    assert standing["gate"]["passed"] is True
    Assistant.objects.update(system_prompt="You speak like a pirate.")
    assert promote(caller, two).json()["error"]["code"] == "not_evaluated"
    Assistant.objects.update(system_prompt=assistant.system_prompt)
    assert promote(caller, two).status_code == 200
