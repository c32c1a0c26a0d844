"""Evaluations: asked for by trainers, collected once, read by all staff, forgotten with records."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from backend.accounts.models import User
from backend.assistants.models import Assistant
from backend.common.models import AuditEntry
from backend.curation.models import DatasetVersion, DatasetVersionItem, Record
from backend.curation.services import records_insert
from backend.serving.collecting import erased_forget, evaluations_collect
from backend.serving.models import Evaluation, EvaluationAnswer
from backend.training.models import Adapter, AdapterJob
from ml.evaluation.scores import measured, scores_of
from ml.formats import RecordFields
from tests.backend.conftest import Api
from tests.backend.serving.evaluated import evaluated, result, succeed

pytestmark = pytest.mark.django_db
As = Callable[[User | None], Api]
MakeAdapter = Callable[..., Adapter]


def start(caller: Api, adapter: Adapter, **body: object) -> Any:  # the test client's answer
    return caller.post(f"/adapters/{adapter.pk}/evaluate", body)


def test_an_evaluation_waits_in_the_queue_with_what_it_is_to_compare(
    api: As, trainer: User, assistant: Assistant, make_adapter: MakeAdapter
) -> None:
    answer = start(api(trainer), make_adapter(1))
    assert answer.status_code == 202, answer.content
    shown = answer.json()
    assert (shown["state"], shown["scores"], shown["gate"]) == ("queued", None, None)
    job = AdapterJob.objects.get()
    assert (job.kind, job.started_by) == ("evaluate", trainer)
    assert job.request == {
        "production": None,
        "system_prompt": assistant.system_prompt,
        "max_new_tokens": assistant.max_new_tokens,
        "judge": None,
    }
    assert AuditEntry.objects.filter(action="adapter.evaluate").count() == 1


def test_one_evaluation_of_an_adapter_at_a_time_and_it_can_be_stopped(
    api: As, trainer: User, make_adapter: MakeAdapter
) -> None:
    caller, adapter = api(trainer), make_adapter(1)
    first = start(caller, adapter).json()["id"]
    again = start(caller, adapter)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "already_under_way")
    assert Evaluation.objects.count() == 1
    stopped = caller.post(f"/evaluations/{first}/stop")
    assert (stopped.status_code, stopped.json()["state"]) == (200, "stopped")
    assert start(caller, adapter).status_code == 202


def test_a_result_becomes_rows_once_and_every_number_follows_from_them(
    api: As, trainer: User, curator: User, make_adapter: MakeAdapter
) -> None:
    evaluation_id = start(api(trainer), make_adapter(1)).json()["id"]
    found = result(base=3, candidate=13)
    found["verdicts"] = [{"question": "probe:1", "replies": ["A", "B"]}]
    succeed(Evaluation.objects.get(), found)
    assert api(curator).get(f"/evaluations/{evaluation_id}").json()["state"] == "running"
    assert evaluations_collect() == 1
    assert evaluations_collect() == 0

    shown = api(curator).get(f"/evaluations/{evaluation_id}").json()
    assert shown["state"] == "succeeded"
    assert shown["scores"] == found["scores"]
    assert shown["reference"] == "base"
    assert shown["gate"] == {"passed": True, "reasons": [], "codes": []}
    assert shown["changes"] == {
        "golden": {"better": 9, "worse": 0, "same": 3},
        "probe": {"better": 1, "worse": 0, "same": 1},
    }
    assert EvaluationAnswer.objects.count() == 2 * 14
    answers_shown = api(curator).get(f"/evaluations/{evaluation_id}/answers").json()["results"]
    assert [row["verdict"] for row in answers_shown if row["verdict"]] == ["candidate"]
    for row in EvaluationAnswer.objects.filter(kind="probe"):
        question = {"expected": row.expected, "accepted": row.accepted}
        assert row.metrics == measured(question, vars(row))
    stored = [
        {"id": f"{row.kind}:{row.example}", "kind": row.kind, "expected": row.expected}
        | {"accepted": row.accepted}
        for row in EvaluationAnswer.objects.filter(model="base", kind="probe")
    ]
    answers = [
        vars(row) | {"question": f"{row.kind}:{row.example}"}
        for row in EvaluationAnswer.objects.filter(kind="probe")
    ]
    again = scores_of(stored, answers)
    assert again["candidate"]["probe"] == found["scores"]["candidate"]["probe"]
    assert AdapterJob.objects.get().result == {"collected": True}


def test_a_result_that_cannot_be_read_fails_in_words_and_leaves_nothing(
    api: As, trainer: User, make_adapter: MakeAdapter
) -> None:
    evaluation_id = start(api(trainer), make_adapter(1)).json()["id"]
    found = result(base=3, candidate=13)
    del found["scores"]
    succeed(Evaluation.objects.get(), found)
    assert evaluations_collect() == 0
    shown = api(trainer).get(f"/evaluations/{evaluation_id}").json()
    assert (shown["state"], shown["error"]["code"]) == ("failed", "result_unreadable")
    assert not EvaluationAnswer.objects.exists()
    assert AdapterJob.objects.get().result == {"collected": False}, "its words are not kept"


def test_an_assistant_of_another_base_and_a_cursor_of_nowhere_are_refused(
    api: As, trainer: User, assistant: Assistant, make_adapter: MakeAdapter
) -> None:
    caller, adapter = api(trainer), make_adapter(1)
    assistant.base_model = "other/base"
    assistant.save()
    refused = caller.post(f"/adapters/{adapter.pk}/evaluate", {"assistant": "abc"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "base_mismatch")
    evaluation = evaluated(make_adapter(2), base=3, candidate=13)
    answer = caller.get(f"/evaluations/{evaluation.pk}/answers?cursor=cD14")  # p=x
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_an_answer_without_a_perplexity_is_the_worst(
    api: As, trainer: User, make_adapter: MakeAdapter
) -> None:
    evaluation = evaluated(make_adapter(1), base=3, candidate=13)
    broken = EvaluationAnswer.objects.filter(model="candidate", kind="golden")[:1].get()
    broken.metrics = {**broken.metrics, "perplexity": None}
    broken.save()
    address = f"/evaluations/{evaluation.pk}/answers?metric=perplexity&sort=damaged"
    first = api(trainer).get(address).json()["results"][0]
    assert first["answers"]["candidate"]["metrics"]["perplexity"] is None


def test_answers_are_sorted_by_what_changed(
    api: As, curator: User, make_adapter: MakeAdapter
) -> None:
    caller = api(curator)
    evaluation = evaluated(make_adapter(1), base=5, production=5, candidate=8)
    path = f"/evaluations/{evaluation.pk}/answers"

    def changes(**query: object) -> list[float]:
        page = caller.get(path, page_size=4, **query).json()
        rows = page["results"]
        while page["next"]:
            page = caller.get(page["next"].partition("/api/v1")[2]).json()
            rows += page["results"]
        assert len({row["id"] for row in rows}) == len(rows)
        return [row["change"] for row in rows]

    improved = changes(kind="golden")
    assert len(improved) == 12
    assert improved == sorted(improved, reverse=True)
    assert sum(change > 0.5 for change in improved) == 3
    assert changes(sort="damaged") == sorted(changes())
    assert changes(metric="exact", kind="golden") == [1.0] * 3 + [0.0] * 9
    first = caller.get(path, kind="probe").json()["results"][0]
    assert set(first["answers"]) == {"base", "production", "candidate"}
    assert (first["question"], first["expected"]) == ("首都?", "北京")
    assert first["answers"]["candidate"]["text"] == "不清楚。"
    assert caller.get(path, metric="nonsense").status_code == 400


def test_the_words_of_a_record_are_forgotten_with_it(make_adapter: MakeAdapter) -> None:
    records_insert(
        contents=[RecordFields(instruction="谁审批?", output="部门经理。")],
        author=None,
        status=Record.Status.APPROVED,
    )
    record = Record.objects.get()
    adapter = make_adapter(1)
    DatasetVersionItem.objects.create(
        version=DatasetVersion.objects.get(),
        record=record,
        revision=record.revisions.get(),
        split="golden",
    )
    found = result(base=0, candidate=0)
    found["questions"][0] |= {"example": f"{record.pk}#0"}
    evaluation = evaluated(adapter, base=0, candidate=0)
    Evaluation.objects.filter(pk=evaluation.pk).update(collected_at=None)
    EvaluationAnswer.objects.all().delete()
    succeed(evaluation, found)
    assert evaluations_collect() == 1
    rows = EvaluationAnswer.objects.filter(record=record)
    assert {row.question for row in rows} == {"第0项由谁审批?"}
    assert {row.revision for row in rows} == {record.revisions.get()}
    # The other ids belong to no record, as of one that was erased while the evaluation ran.
    assert set(
        EvaluationAnswer.objects.filter(kind="golden", record=None).values_list("question", "text")
    ) == {("", "")}
    assert erased_forget() == 0
    now = timezone.now()
    Record.objects.filter(pk=record.pk).update(
        status=Record.Status.ARCHIVED, erased_at=now, forgotten_at=now
    )
    assert erased_forget() == 2
    assert erased_forget() == 0
    assert not EvaluationAnswer.objects.filter(question__contains="第0项").exists()


def test_only_trainers_and_administrators_evaluate_and_employees_see_nothing(
    api: As, approver: User, employee: User, admin: User, make_adapter: MakeAdapter
) -> None:
    adapter = make_adapter(1)
    assert start(api(approver), adapter).status_code == 403
    evaluation = start(api(admin), adapter).json()["id"]
    for path in (
        "/evaluations",
        f"/evaluations/{evaluation}",
        f"/evaluations/{evaluation}/answers",
    ):
        assert api(approver).get(path).status_code == 200
        assert api(employee).get(path).status_code == 403
    assert api(approver).post(f"/evaluations/{evaluation}/stop").status_code == 403
    assert api(approver).get(f"/evaluations/{adapter.pk}").status_code == 404


def test_the_list_costs_the_same_for_one_and_for_many(
    api: As,
    curator: User,
    make_adapter: MakeAdapter,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    caller = api(curator)
    evaluated(make_adapter(1), base=1, candidate=1)
    with django_assert_num_queries(4):  # session, person, roles, evaluations
        assert len(caller.get("/evaluations").json()["results"]) == 1
    for number in range(2, 5):
        evaluated(make_adapter(number), base=1, candidate=1)
    with django_assert_num_queries(4):
        assert len(caller.get("/evaluations").json()["results"]) == 4


def test_the_administrator_sets_what_a_candidate_must_reach(
    api: As, admin: User, approver: User, assistant: Assistant, make_adapter: MakeAdapter
) -> None:
    path = f"/assistants/{assistant.pk}/gate"
    assert api(approver).get(path).json()["min_examples"] == 10
    evaluation = evaluated(make_adapter(1), base=0, candidate=14)
    assert api(approver).patch(path, {"min_examples": 13}).status_code == 403
    assert api(admin).patch(path, {"min_examples": 0}).status_code == 400
    assert api(admin).patch(path, {"min_examples": 13}).json()["min_examples"] == 13
    shown = api(approver).get(f"/evaluations/{evaluation.pk}").json()
    assert shown["gate"]["codes"] == ["too_few_examples"]
    assert AuditEntry.objects.get(action="assistant.gate").data == {"min_examples": 13}
