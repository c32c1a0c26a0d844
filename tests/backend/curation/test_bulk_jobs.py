"""A step for very many records: the worker's, all or nothing, with the same outcome."""

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.contrib.messages import get_messages
from django.test import Client
from django.utils import timezone

from backend.accounts.models import User
from backend.accounts.roles import Role
from backend.common import job_runs, jobs
from backend.common.models import AuditEntry, Job
from backend.curation import bulk_jobs
from backend.curation.models import Record, Revision
from backend.curation.services import BulkAction, bulk, record_create, record_update
from tests.backend.conftest import Api, at_once

pytestmark = pytest.mark.django_db(transaction=True)
As = Callable[[User | None], Api]
LIST = "/admin/curation/record/"
MIXED = ("in_review", "draft", "archived", "in_review", "approved", "in_review")


@pytest.fixture(autouse=True)
def five_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_jobs, "AT_ONCE", 4)
    monkeypatch.setattr(bulk, "CHUNK", 2)


def made(author: User, *statuses: str) -> list[Record]:
    records = []
    for number, status in enumerate(statuses):
        content = {"instruction": f"Question {number}?", "output": "x", "tags": ["old"]}
        records.append(record_create(actor=author, content=content))
        Record.objects.filter(pk=records[-1].pk).update(status=status)
        records[-1].refresh_from_db()
    return records


def ids(records: list[Record]) -> list[str]:
    return [str(record.pk) for record in records]


def stands() -> list[tuple[Any, ...]]:
    rows = Record.objects.order_by("instruction")
    return list(rows.values_list("status", "review_note", "tags", "golden", "revision"))


def asked(api: As, user: User, action: str, **fields: Any) -> str:
    answer = api(user).post("/records/bulk", {"action": action, "filter": {}, **fields})
    assert answer.status_code == 202, answer.content
    shown = answer.json()
    assert (shown["changed"], shown["unchanged"]) == (None, [])
    return str(shown["task"])


def test_few_are_taken_at_once_and_many_by_a_worker(api: As, curator: User) -> None:
    records = made(curator, *["draft"] * 5)
    few = api(curator).post("/records/bulk", {"action": "submit", "ids": ids(records[:4])})
    assert (few.status_code, few.json()["changed"], few.json()["task"]) == (200, 4, None)
    task = asked(api, curator, "archive")
    assert {status for status, *_ in stands()} == {"in_review", "draft"}
    job_runs.job_run(job_id=task)
    shown = api(curator).get(f"/tasks/{task}").json()
    assert (shown["state"], shown["error"]) == ("succeeded", None)
    assert shown["result"] == {"changed": 5, "unchanged": []}
    assert {status for status, *_ in stands()} == {"archived"}
    assert "ids" not in Job.objects.get().params


@pytest.mark.parametrize("action", list(BulkAction))
def test_the_outcome_is_the_same_either_way(
    api: As, curator: User, reviewer: User, monkeypatch: pytest.MonkeyPatch, action: BulkAction
) -> None:
    fields = {"reason": "Which year?", "tags": ["new", "old"]}
    outcomes = []
    for limit in (4, 10):
        Record.objects.all().delete()
        AuditEntry.objects.all().delete()
        monkeypatch.setattr(bulk_jobs, "AT_ONCE", limit)
        records = made(curator, *MIXED)
        record_update(actor=reviewer, record=records[0], content={"output": "y", "golden": True})
        body = {"action": action.value, "filter": {}, **fields}
        answer = api(reviewer).post("/records/bulk", body)
        result = answer.json()
        if answer.status_code == 202:
            job_runs.job_run(job_id=result["task"])
            result = api(reviewer).get(f"/tasks/{result['task']}").json()["result"]
        refused = {(left["code"], left["reason"], left["records"]) for left in result["unchanged"]}
        trail = AuditEntry.objects.filter(action=f"record.{action.value}").count()
        written = Revision.objects.filter(author=reviewer).count()
        outcomes.append((result["changed"], refused, trail, written, stands()))
    assert outcomes[0] == outcomes[1]
    assert outcomes[0][0] > 0


def test_an_id_that_is_nobodys_is_counted(api: As, curator: User) -> None:
    records = made(curator, *["draft"] * 5)
    body = {"action": "submit", "ids": ids(records)}
    task = str(api(curator).post("/records/bulk", body).json()["task"])
    records[0].delete()
    job_runs.job_run(job_id=task)
    result = api(curator).get(f"/tasks/{task}").json()["result"]
    assert result["changed"] == 4
    assert [(left["code"], left["records"]) for left in result["unchanged"]] == [("not_found", 1)]


def test_what_was_chosen_is_settled_when_it_is_asked_for(api: As, curator: User) -> None:
    made(curator, *["draft"] * 5)
    task = asked(api, curator, "submit")
    late = record_create(actor=curator, content={"instruction": "Late?", "output": "x"})
    job_runs.job_run(job_id=task)
    late.refresh_from_db()
    assert late.status == "draft"
    assert Record.objects.filter(status="in_review").count() == 5


@pytest.mark.parametrize(
    "role", ["employee", "curator", "reviewer", "trainer", "approver", "admin"]
)
@pytest.mark.parametrize("action", list(BulkAction))
def test_each_role_asks_for_what_it_may(
    request: pytest.FixtureRequest, api: As, curator: User, role: str, action: BulkAction
) -> None:
    user: User = request.getfixturevalue(role)
    made(curator, *["in_review"] * 5)
    body = {"action": action.value, "filter": {}, "tags": ["new"]}
    decides = action in bulk.DECISIONS
    may = role in ({"reviewer", "admin"} if decides else {"curator", "reviewer", "admin"})
    assert api(user).post("/records/bulk", body).status_code == (202 if may else 403)
    assert Job.objects.count() == int(may)


def test_the_role_is_asked_again_when_the_worker_comes_to_it(
    api: As, curator: User, reviewer: User
) -> None:
    made(curator, *["in_review"] * 5)
    task = asked(api, reviewer, "approve")
    reviewer.groups.set([Group.objects.get_or_create(name=Role.CURATOR.value)[0]])
    job_runs.job_run(job_id=task)
    shown = api(reviewer).get(f"/tasks/{task}").json()
    assert (shown["state"], shown["error"]["code"]) == ("failed", "not_allowed")
    assert {status for status, *_ in stands()} == {"in_review"}


def test_bad_input_is_refused_before_a_worker_hears_of_it(api: As, reviewer: User) -> None:
    made(reviewer, *["in_review"] * 5)
    for body in (
        {"action": "tag"},
        {"action": "reject", "reason": "x" * 501},
        {"action": "approve", "seen_at": "yesterday"},
        {"action": "approve", "seen_at": 7},
    ):
        answer = api(reviewer).post("/records/bulk", {"filter": {}, **body})
        assert answer.status_code == 400, body
    assert not Job.objects.exists()


def test_cancelled_in_the_middle_leaves_nothing(
    api: As, curator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(curator, *["draft"] * 5)
    before = stands()
    task = asked(api, curator, "submit")
    real = bulk._move

    def cancelled_meanwhile(*given: Any) -> int:
        there = real(*given)
        # As another process would, before this one has committed.
        at_once(lambda: jobs.job_cancel(job=Job.objects.get(pk=task)), times=1)
        return there

    monkeypatch.setattr(bulk, "_move", cancelled_meanwhile)
    job_runs.job_run(job_id=task)
    job = Job.objects.get(pk=task)
    assert (job.state, job.result) == ("cancelled", None)
    assert "ids" not in job.params
    assert stands() == before
    assert not AuditEntry.objects.filter(action="record.submit").exists()


def test_a_lost_workers_step_is_started_again(api: As, curator: User) -> None:
    made(curator, *["draft"] * 5)
    task = asked(api, curator, "submit")
    assert job_runs.job_claim(job_id=task) is not None
    Job.objects.update(heartbeat_at=timezone.now() - timedelta(seconds=61))
    job_runs.jobs_reap()
    assert api(curator).post(f"/tasks/{task}/restart").json()["state"] == "queued"
    job_runs.job_run(job_id=task)
    assert {status for status, *_ in stands()} == {"in_review"}


def test_what_is_changed_while_it_waits_is_not_decided(
    api: As, curator: User, reviewer: User
) -> None:
    records = made(curator, *["in_review"] * 5)
    task = asked(api, reviewer, "approve")
    record_update(actor=curator, record=records[0], content={"output": "z"})
    Record.objects.filter(pk=records[0].pk).update(status="in_review")
    job_runs.job_run(job_id=task)
    result = api(reviewer).get(f"/tasks/{task}").json()["result"]
    assert result["changed"] == 4
    assert [left["code"] for left in result["unchanged"]] == ["changed_since"]


# ------------------------------------------------------------ in the list


def pages(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def act(client: Client, action: str, records: list[Record], **fields: Any) -> Any:
    sent = {"action": action, "_selected_action": ids(records), "index": "0", **fields}
    sent.setdefault("seen_at", timezone.now().isoformat())
    return client.post(LIST, sent)


def test_the_list_leads_to_the_progress_and_the_result(curator: User, reviewer: User) -> None:
    records = made(curator, *MIXED)
    client = pages(reviewer)
    answer = act(client, "reject_many", records[:1], select_across="1", apply="1", reason="Why?")
    (message,) = get_messages(answer.wsgi_request)
    assert "“Reject” for 6 records is done in the background" in str(message)
    address = unescape(re.findall(r'href="([^"]+)"', str(message))[0])
    page = client.get(address).content.decode()
    assert "<progress" in page
    assert "hx-get" in page
    assert "6 records wait for the worker." in page
    job_runs.job_run(job_id=Job.objects.get().pk)
    page = client.get(address, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in page
    assert "3 records rejected." in page
    assert "1 record is unchanged: This record is draft and cannot become rejected." in page
    reviewer.language = "zh-hans"
    reviewer.save()
    page = client.get(address).content.decode()
    assert "已驳回 3 条记录" in page, page
    assert "1 条记录未变更：这条记录的状态是“草稿”，不能改为“已退回”。" in page


def test_it_is_cancelled_from_its_page(curator: User) -> None:
    made(curator, *["draft"] * 5)
    client = pages(curator)
    act(client, "submit", list(Record.objects.all()))
    address = f"{LIST}bulk/?job={Job.objects.get().pk}"
    assert client.post(address, {"step": "cancel"})["Location"] == address
    assert "Cancelled. No record was changed." in client.get(address).content.decode()
    job_runs.job_run(job_id=Job.objects.get().pk)
    assert {status for status, *_ in stands()} == {"draft"}
    again = client.post(address, {"step": "restart"}, follow=True).content.decode()
    assert "This cannot be started again." in again


def test_nobody_elses_step_is_shown(curator: User, reviewer: User, admin: User) -> None:
    made(curator, *["draft"] * 5)
    act(pages(curator), "submit", list(Record.objects.all()))
    job = Job.objects.get()
    for user in (reviewer, admin):
        for at in (str(job.pk), "x", "", "\0", "00000000-0000-0000-0000-000000000000"):
            answer = pages(user).get(f"{LIST}bulk/", {"job": at}, follow=True)
            assert "There is no such task." in answer.content.decode()
        pages(user).post(f"{LIST}bulk/?job={job.pk}", {"step": "cancel"})
    job.refresh_from_db()
    assert job.state == "queued"


def test_employees_are_kept_out(employee: User) -> None:
    assert pages(employee).get(f"{LIST}bulk/", follow=True).status_code == 403


def test_ones_own_steps_are_found_again(curator: User, reviewer: User) -> None:
    made(curator, *["draft"] * 5)
    client = pages(curator)
    assert "Your steps for many records" not in client.get(LIST).content.decode()
    assert "There are none." in client.get(f"{LIST}bulk/").content.decode()
    act(client, "submit", list(Record.objects.all()))
    job = Job.objects.get()
    job_runs.job_run(job_id=job.pk)
    assert f'href="{LIST}bulk/"' in client.get(LIST).content.decode()
    page = client.get(f"{LIST}bulk/").content.decode()
    assert f'href="{LIST}bulk/?job={job.pk}">Submit for review</a>' in page
    assert 'class="ld-number">5</td>' in page
    assert str(job.pk) not in pages(reviewer).get(f"{LIST}bulk/").content.decode()
