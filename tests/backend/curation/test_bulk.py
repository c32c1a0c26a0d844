"""One step for many records: who may, what is left out and why, over REST and in the list."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from backend.accounts.models import User
from backend.common.errors import Invalid, NotAllowed
from backend.common.models import AuditEntry
from backend.curation.models import Record, Revision
from backend.curation.selectors import record_search
from backend.curation.services import (
    BulkAction,
    record_create,
    record_submit,
    record_update,
    records_bulk,
)
from tests.backend.conftest import Api, at_once

pytestmark = pytest.mark.django_db
As = Callable[[User | None], Api]
LIST = "/admin/curation/record/"
STATUSES = {"approve": "approved", "submit": "in_review", "reject": "rejected"}


def made(author: User, *statuses: str) -> list[Record]:
    """A record in each of the statuses, in their order."""
    records = []
    for number, status in enumerate(statuses):
        content = {"instruction": f"Question {number}?", "output": "x", "tags": ["old"]}
        records.append(record_create(actor=author, content=content))
        Record.objects.filter(pk=records[-1].pk).update(status=status)
    return records


def ids(records: list[Record]) -> list[str]:
    return [str(record.pk) for record in records]


def statuses(records: list[Record]) -> list[str]:
    found = dict(Record.objects.values_list("pk", "status"))
    return [found[record.pk] for record in records]


EVERY = ("draft", "in_review", "approved", "rejected", "archived")


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("approve", ("approved", "approved", "approved", "rejected", "archived")),
        ("reject", ("draft", "rejected", "approved", "rejected", "archived")),
        ("submit", ("in_review", "in_review", "approved", "in_review", "archived")),
        ("archive", ("archived",) * 5),
    ],
)
def test_what_may_move_moves_and_the_rest_says_why(
    api: As, curator: User, reviewer: User, action: str, expected: tuple[str, ...]
) -> None:
    records = made(curator, *EVERY)
    moved = sum(a != b for a, b in zip(EVERY, expected, strict=True))
    body = {"action": action, "ids": ids(records), "reason": "Which year?"}
    answer = api(reviewer).post("/records/bulk", body).json()
    assert statuses(records) == list(expected)
    assert answer["changed"] == moved
    assert sum(left["records"] for left in answer["unchanged"]) == 5 - moved
    assert {left["code"] for left in answer["unchanged"]} == {"wrong_status"}
    trail = AuditEntry.objects.filter(action=f"record.{action}", actor=reviewer)
    assert trail.count() == moved
    decided = {"approve": "approved", "reject": "rejected"}.get(action)
    for record in Record.objects.filter(reviewer=reviewer):
        assert record.status == decided
        assert record.review_note == ("Which year?" if action == "reject" else "")
        assert record.approved_revision == (1 if action == "approve" else None)


def test_nobody_decides_on_their_own_under_four_eyes(
    api: As, settings: Settings, curator: User, reviewer: User
) -> None:
    own, others, worded, tagged = made(curator, *["in_review"] * 4)
    Record.objects.filter(pk=own.pk).update(author=reviewer)
    record_update(actor=reviewer, record=Record.objects.get(pk=worded.pk), content={"output": "y"})
    records_bulk(
        actor=reviewer,
        records=Record.objects.filter(pk=tagged.pk),
        action=BulkAction.TAG,
        tags=["seen"],
    )
    every = [own, others, worded, tagged]
    answer = api(reviewer).post("/records/bulk", {"action": "approve", "ids": ids(every)}).json()
    assert statuses(every) == ["in_review", "approved", "in_review", "approved"]
    assert [(left["code"], left["records"]) for left in answer["unchanged"]] == [("four_eyes", 2)]
    settings.FOUR_EYES = False
    api(reviewer).post("/records/bulk", {"action": "approve", "ids": ids(every)})
    assert statuses(every) == ["approved"] * 4


@pytest.mark.parametrize(
    "role", ["employee", "curator", "reviewer", "trainer", "approver", "admin"]
)
@pytest.mark.parametrize("action", list(BulkAction))
def test_each_role_takes_the_steps_it_may(
    request: pytest.FixtureRequest, api: As, curator: User, role: str, action: BulkAction
) -> None:
    user: User = request.getfixturevalue(role)
    made(curator, "in_review")
    body = {"action": action.value, "ids": ids(list(Record.objects.all())), "tags": ["new"]}
    decides = action in {BulkAction.APPROVE, BulkAction.REJECT}
    may = role in ({"reviewer", "admin"} if decides else {"curator", "reviewer", "admin"})
    assert api(user).post("/records/bulk", body).status_code == (200 if may else 403)
    assert api(None).post("/records/bulk", body).status_code == 401


def test_tags_and_golden_are_revisions_that_leave_the_decision(
    api: As, curator: User, reviewer: User
) -> None:
    records = made(curator, *EVERY)
    client = api(reviewer)
    body = {"ids": ids(records), "tags": ["new", "年假"]}
    assert client.post("/records/bulk", body | {"action": "tag"}).json()["changed"] == 5
    assert client.post("/records/bulk", body | {"action": "golden"}).json()["changed"] == 5
    again = client.post("/records/bulk", body | {"action": "golden"}).json()
    assert (again["changed"], again["unchanged"][0]["code"]) == (0, "unchanged")
    away = body | {"action": "untag", "tags": ["old"]}
    assert client.post("/records/bulk", away).json()["changed"] == 5
    assert statuses(records) == list(EVERY)
    for record in Record.objects.all():
        assert (record.tags, record.golden, record.revision) == (["new", "年假"], True, 4)
        newest = Revision.objects.get(record=record, number=4)
        assert (newest.author, newest.content["tags"]) == (reviewer, ["new", "年假"])
        assert newest.content["golden"] is True
        assert record.author == curator
    assert record_search(Record.objects.all(), "年假").count() == 5
    assert record_search(Record.objects.all(), "old").count() == 0


def test_all_that_a_filter_finds(api: As, curator: User) -> None:
    records = made(curator, "draft", "draft", "approved")
    body: dict[str, Any] = {"action": "submit", "filter": {"status": ["draft"], "tag": "old"}}
    assert api(curator).post("/records/bulk", body).json()["changed"] == 2
    assert statuses(records) == ["in_review", "in_review", "approved"]
    everything = {"action": "archive", "filter": {}}
    assert api(curator).post("/records/bulk", everything).json()["changed"] == 3


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"action": "approve"},
        {"action": "approve", "ids": [], "filter": {}},
        {"action": "burn", "ids": []},
        {"action": "approve", "ids": ["x"]},
        {"action": "approve", "ids": "x"},
        {"action": "approve", "filter": []},
        {"action": "approve", "filter": {"statuss": "draft"}},
        {"action": "approve", "filter": {"status": "burnt"}},
        {"action": "approve", "filter": {"status": {"a": 1}}},
        {"action": "reject", "filter": {}, "reason": "x" * 501},
        {"action": "reject", "filter": {}, "reason": "a\0"},
        {"action": "tag", "filter": {}},
        {"action": "tag", "filter": {}, "tags": [" "]},
        {"action": "tag", "filter": {}, "tags": ["x" * 61]},
        {"action": "tag", "filter": {}, "tags": ["a\0b"]},
        {"action": "tag", "filter": {}, "tags": "a"},
        {"action": "approve", "ids": [str(uuid.uuid4())] * 10_001},
    ],
)
def test_bad_input_is_refused_and_changes_nothing(
    api: As, admin: User, curator: User, body: Any
) -> None:
    records = made(curator, "in_review")
    answer = api(admin).post("/records/bulk", body)
    assert answer.status_code == 400, answer.content
    assert answer.json()["error"]["message"]
    assert statuses(records) == ["in_review"]
    assert Record.objects.get().revision == 1


def test_an_id_that_does_not_exist_is_counted(api: As, admin: User, curator: User) -> None:
    records = made(curator, "in_review")
    body = {"action": "approve", "ids": [*ids(records), str(uuid.uuid4())]}
    answer = api(admin).post("/records/bulk", body).json()
    assert answer["changed"] == 1
    assert [(left["code"], left["records"]) for left in answer["unchanged"]] == [("not_found", 1)]


def test_many_records_take_few_statements(
    curator: User, reviewer: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    made(curator, *["in_review"] * 60)
    for action in BulkAction:
        with django_assert_max_num_queries(12):
            records_bulk(actor=reviewer, records=Record.objects.all(), action=action, tags=["new"])


def test_more_than_a_chunk(curator: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.curation.services.bulk.CHUNK", 3)
    records = made(curator, *["draft"] * 8)
    drafts = Record.objects.filter(status="draft")
    assert records_bulk(actor=curator, records=drafts, action=BulkAction.SUBMIT).done == 8
    assert statuses(records) == ["in_review"] * 8


def test_services_refuse_what_pages_would(curator: User) -> None:
    with pytest.raises(NotAllowed):
        records_bulk(actor=curator, records=Record.objects.all(), action=BulkAction.APPROVE)
    with pytest.raises(Invalid):
        records_bulk(actor=curator, records=Record.objects.all(), action=BulkAction.TAG)


@pytest.mark.django_db(transaction=True)
def test_two_at_once_each_change_a_record_once(curator: User, reviewer: User) -> None:
    made(curator, *["in_review"] * 20)
    done: list[int] = []

    def approve() -> None:
        result = records_bulk(
            actor=reviewer, records=Record.objects.all(), action=BulkAction.APPROVE
        )
        done.append(result.done)

    at_once(approve)
    assert sum(done) == 20
    assert AuditEntry.objects.filter(action="record.approve").count() == 20

    at_once(
        lambda: records_bulk(
            actor=reviewer, records=Record.objects.all(), action=BulkAction.TAG, tags=["new"]
        )
    )
    assert set(Record.objects.values_list("revision", flat=True)) == {2}


# ------------------------------------------------------------ in the list


def act(user: User, action: str, records: list[Record], query: str = "", **fields: Any) -> Any:
    client = Client()
    client.force_login(user)
    sent = {"action": action, "_selected_action": ids(records), "index": "0", **fields}
    sent.setdefault("seen_at", timezone.now().isoformat())
    return client.post(LIST + query, sent)


def said(answer: Any) -> list[str]:
    return [str(message) for message in get_messages(answer.wsgi_request)]


def test_rejecting_asks_for_a_reason_first(curator: User, reviewer: User) -> None:
    records = made(curator, "in_review", "in_review", "draft")
    page = act(reviewer, "reject_many", records[:2]).content.decode()
    assert "<strong>2</strong> records are chosen." in page
    assert "The answer is incomplete." in page
    assert statuses(records) == ["in_review", "in_review", "draft"]
    answer = act(reviewer, "reject_many", records, reason="Which year?", apply="1")
    assert said(answer) == [
        "2 records rejected.",
        "1 record is unchanged: This record is draft and cannot become rejected.",
    ]
    assert set(Record.objects.values_list("status", "review_note")) == {
        ("rejected", "Which year?"),
        ("draft", ""),
    }
    too_long = act(reviewer, "reject_many", records, reason="x" * 501, apply="1")
    assert "at most 500 characters" in too_long.content.decode()


def test_tags_are_offered_and_added_to_all_that_match(curator: User) -> None:
    records = made(curator, *["draft"] * 3, "approved")
    query = "?status__exact=draft"
    page = act(curator, "tag", records[:1], query, select_across="1").content.decode()
    assert "<strong>3</strong> records are chosen." in page
    assert '<option value="old">' in page
    fields = {"select_across": "1", "apply": "1"}
    answer = act(curator, "tag", records[:1], query, tags="new， 年假", **fields)
    assert said(answer) == ["The tags of 3 records changed."]
    assert sorted(Record.objects.values_list("status", "tags")) == [
        ("approved", ["old"]),
        *[("draft", ["old", "new", "年假"])] * 3,
    ]
    empty = act(curator, "tag", records[:1], query, tags=" ，", **fields)
    assert "Name at least one tag." in empty.content.decode()
    long = act(curator, "untag", records[:1], query, tags="x" * 61, **fields)
    assert "longer than 60 characters" in long.content.decode()


def test_golden_from_the_list(curator: User) -> None:
    records = made(curator, "draft", "approved")
    assert said(act(curator, "golden", records)) == ["2 records are golden now."]
    assert said(act(curator, "ungolden", records)) == ["2 records are no longer golden."]
    assert statuses(records) == ["draft", "approved"]


def test_a_curator_cannot_send_the_rejection_that_the_page_does_not_offer(curator: User) -> None:
    records = made(curator, "in_review")
    act(curator, "reject_many", records, reason="x", apply="1")
    assert statuses(records) == ["in_review"]


def test_a_submitted_record_keeps_its_place(curator: User) -> None:
    record = made(curator, "draft")[0]
    assert record_submit(actor=curator, record=record).created_at == record.created_at
