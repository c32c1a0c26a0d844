"""Nobody approves or rejects what they did not see."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.utils import timezone

from backend.accounts.models import User
from backend.common import job_runs
from backend.common.models import Job
from backend.curation import bulk_jobs
from backend.curation.models import Record
from backend.curation.services import BulkAction, record_create, record_update, records_bulk
from backend.curation.services.bulk import KIND
from tests.backend.conftest import Api

pytestmark = pytest.mark.django_db(transaction=True)
As = Callable[[User | None], Api]
LIST = "/admin/curation/record/"


def made(author: User, number: int = 2) -> list[Record]:
    records = [
        record_create(actor=author, content={"instruction": f"Question {n}?", "output": "x"})
        for n in range(number)
    ]
    Record.objects.update(status="in_review")
    return records


def edit(author: User, record: Record) -> None:
    """Somebody writes it anew and submits it again."""
    record.refresh_from_db()
    record_update(actor=author, record=record, content={"output": "something else"})
    Record.objects.filter(pk=record.pk).update(status="in_review")


def statuses(records: list[Record]) -> list[str]:
    found = dict(Record.objects.values_list("pk", "status"))
    return [found[record.pk] for record in records]


@pytest.fixture
def client(reviewer: User) -> Client:
    client = Client()
    client.force_login(reviewer)
    return client


def seen_at(page: Any) -> str:
    (shown,) = re.findall(
        r'<input type="hidden" name="seen_at" value="([^"]+)"', page.content.decode()
    )
    return str(shown)


def act(client: Client, action: str, records: list[Record], **fields: Any) -> Any:
    chosen = [str(record.pk) for record in records]
    return client.post(LIST, {"action": action, "_selected_action": chosen, "index": "0", **fields})


def said(answer: Any) -> list[str]:
    return [str(message) for message in get_messages(answer.wsgi_request)]


@pytest.mark.parametrize("across", ["0", "1"])
def test_what_is_edited_after_the_list_was_shown_is_not_approved(
    client: Client, curator: User, across: str
) -> None:
    records = made(curator)
    shown = seen_at(client.get(LIST))
    edit(curator, records[0])
    answer = act(client, "approve", records, seen_at=shown, select_across=across)
    assert said(answer) == [
        "1 record approved.",
        "1 record is unchanged: It was changed after the list was shown.",
    ]
    assert statuses(records) == ["in_review", "approved"]
    again = act(client, "approve", records[:1], seen_at=seen_at(client.get(LIST)))
    assert said(again)[-1] == "1 record approved."
    assert statuses(records) == ["approved", "approved"]


def test_the_page_that_asks_for_a_reason_carries_the_moment_of_the_list(
    client: Client, curator: User
) -> None:
    records = made(curator)
    shown = seen_at(client.get(LIST))
    asks = act(client, "reject_many", records, seen_at=shown)
    assert seen_at(asks) == shown
    edit(curator, records[0])
    fields = {"seen_at": seen_at(asks), "apply": "1", "reason": "Why?"}
    answer = act(client, "reject_many", records, **fields)
    assert said(answer)[0] == "1 record rejected."
    assert statuses(records) == ["in_review", "rejected"]


@pytest.mark.parametrize(
    "moment",
    [
        None,
        "",
        "x",
        "2026-01-01",
        "2026-01-01T00:00:00",
        "2026-13-01T00:00:00+00:00",
        "9999-12-31T23:59:59-14:00",
        "1" * 5000,
    ],
)
@pytest.mark.parametrize("action", ["approve", "reject_many"])
def test_a_list_that_does_not_say_when_it_was_loaded_decides_nothing(
    client: Client, curator: User, action: str, moment: str | None
) -> None:
    records = made(curator)
    fields = {} if moment is None else {"seen_at": moment}
    answer = act(client, action, records, apply="1", reason="x", **fields)
    assert answer.status_code == 302
    assert said(answer) == [
        "Nothing was decided: the page did not say when its list was loaded. "
        "This is the list as it stands now; choose again."
    ]
    assert statuses(records) == ["in_review", "in_review"]


def test_other_steps_ask_for_no_moment(client: Client, curator: User) -> None:
    records = made(curator)
    assert said(act(client, "golden", records)) == ["2 records are golden now."]


def test_the_worker_holds_to_it_as_well(
    client: Client, curator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_jobs, "AT_ONCE", 2)
    records = made(curator, 3)
    shown = seen_at(client.get(LIST))
    edit(curator, records[0])
    act(client, "approve", records, seen_at=shown)
    edit(curator, records[1])
    job = Job.objects.get()
    job_runs.job_run(job_id=job.pk)
    assert statuses(records) == ["in_review", "in_review", "approved"]
    page = client.get(f"{LIST}bulk/?job={job.pk}").content.decode()
    assert "2 records are unchanged: It was changed after the list was shown." in page


def test_over_rest_whoever_names_a_moment_is_held_to_it(
    api: As, curator: User, reviewer: User
) -> None:
    records = made(curator)
    before = timezone.now()
    edit(curator, records[0])
    body = {"action": "approve", "filter": {}, "seen_at": before.isoformat()}
    answer = api(reviewer).post("/records/bulk", body).json()
    assert answer["changed"] == 1
    assert answer["unchanged"] == [
        {
            "code": "changed_since",
            "reason": "It was changed after the list was shown.",
            "records": 1,
        }
    ]
    without = api(reviewer).post("/records/bulk", {"action": "approve", "filter": {}}).json()
    assert without["changed"] == 1


@pytest.mark.parametrize("moment", ["x", 1, [], {}, "2026-13-01T00:00:00Z", "a\0"])
def test_over_rest_an_unreadable_moment_is_refused(
    api: As, curator: User, reviewer: User, moment: Any
) -> None:
    records = made(curator)
    body = {"action": "approve", "filter": {}, "seen_at": moment}
    assert api(reviewer).post("/records/bulk", body).status_code == 400
    assert statuses(records) == ["in_review", "in_review"]


def test_a_moment_long_ago_and_of_another_offset_is_understood(
    api: As, curator: User, reviewer: User
) -> None:
    made(curator)
    for moment in ("0001-01-02T00:00:00+14:00", "0001-01-01T00:00:00+14:00"):
        body = {"action": "approve", "filter": {}, "seen_at": moment}
        answer = api(reviewer).post("/records/bulk", body)
        assert answer.status_code in (200, 400), moment
    assert not Record.objects.filter(status="approved").exists()


def test_services_take_the_step_with_what_was_seen(curator: User, reviewer: User) -> None:
    made(curator)
    result = records_bulk(
        actor=reviewer,
        records=Record.objects.all(),
        action=BulkAction.APPROVE,
        seen_at=timezone.now() - timedelta(minutes=1),
    )
    assert (result.done, [refusal.code for refusal in result.refused]) == (0, ["changed_since"])


def test_an_edit_that_had_to_wait_is_noticed_by_its_revision(curator: User, reviewer: User) -> None:
    records = made(curator)
    began = timezone.now()
    edit(curator, records[0])
    # It began before the list was read, and went on afterwards.
    Record.objects.filter(pk=records[0].pk).update(updated_at=began - timedelta(seconds=9))
    result = records_bulk(
        actor=reviewer, records=Record.objects.all(), action=BulkAction.APPROVE, seen_at=began
    )
    assert (result.done, [refusal.code for refusal in result.refused]) == (1, ["changed_since"])


def test_what_a_workers_step_is_writing_is_not_seen(curator: User, reviewer: User) -> None:
    records = made(curator)
    ids = [record.pk for record in records]
    job = Job.objects.create(
        kind=KIND, owner=curator, state=Job.State.RUNNING, started_at=timezone.now()
    )
    # As such a step leaves it behind: marked with a moment long before it can be seen.
    records_bulk(actor=curator, records=ids[:1], action=BulkAction.GOLDEN)

    def approved() -> int:
        now, step = timezone.now(), BulkAction.APPROVE
        return records_bulk(actor=reviewer, records=ids, action=step, seen_at=now).done

    assert approved() == 1
    assert statuses(records) == ["in_review", "approved"]
    Job.objects.filter(pk=job.pk).update(state=Job.State.SUCCEEDED, ended_at=timezone.now())
    assert approved() == 1
    assert statuses(records) == ["approved", "approved"]
