"""The feedback inbox: who may work it, of two curators one wins, and the reporter sees the end."""

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from backend.accounts.models import User
from backend.assistants.models import Assistant
from backend.common.errors import Conflict, Invalid, NotAllowed
from backend.common.models import AuditEntry
from backend.curation.inbox_selectors import inbox_counts, inbox_open_count
from backend.curation.models import FeedbackItem, Record
from backend.curation.services import (
    feedback_report,
    feedback_take_back,
    inbox_item_draft,
    inbox_item_handle,
    inbox_item_reopen,
    record_approve,
    record_archive,
    record_delete,
    record_reject,
    record_submit,
)
from backend.curation.services.inbox import Reported
from tests.backend.conftest import Api, at_once

pytestmark = pytest.mark.django_db
As = Callable[[User | None], Api]
BLNS = Path(__file__).parents[4] / "shared" / "data" / "hostile" / "blns" / "blns.json"
SAID = Reported(
    question="年假有几天？",
    answer="10天。",
    adapter_name="abc-run-7",
    sources=[{"title": "Handbook"}],
    history=[["你好", "您好"]],
)
NOWHERE = "00000000-0000-4000-8000-000000000000"


def report(reporter: User, said: Reported = SAID, **fields: Any) -> FeedbackItem:
    sent: dict[str, Any] = {"message_id": uuid.uuid4(), "rating": "down"} | fields
    item, _is_new = feedback_report(reporter=reporter, reported=said, **sent)
    return FeedbackItem.objects.get(pk=item.pk)


@pytest.fixture
def item(employee: User) -> FeedbackItem:
    assistant = Assistant.objects.create(slug="abc", name="小助手", base_model="x")
    said = Reported(**(SAID.__dict__ | {"assistant": assistant}))
    return report(employee, said, comment="Old number", correction="13天。")


# ---------------------------------------------------------------- reporting


def test_a_second_word_takes_the_place_of_the_first(employee: User) -> None:
    message_id = uuid.uuid4()
    first, is_new = feedback_report(
        reporter=employee, message_id=message_id, reported=SAID, rating="down"
    )
    assert is_new
    again, is_new = feedback_report(
        reporter=employee, message_id=message_id, reported=SAID, rating="down"
    )
    assert (again.pk, is_new, again.revision) == (first.pk, False, 1)
    changed, is_new = feedback_report(
        reporter=employee,
        message_id=message_id,
        reported=SAID,
        rating="up",
        comment=" Good\r\nafter all ",
    )
    assert (changed.pk, is_new, changed.revision) == (first.pk, False, 2)
    row = FeedbackItem.objects.get()
    assert (row.rating, row.comment, row.state) == ("up", "Good\nafter all", "open")


def test_two_people_are_two_items(employee: User, stranger: User) -> None:
    message_id = uuid.uuid4()
    report(employee, message_id=message_id)
    report(stranger, message_id=message_id)
    assert FeedbackItem.objects.count() == 2


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"rating": "sideways"}, "rating"),
        ({"rating": ""}, "rating"),
        ({"comment": "x" * 2001}, "comment"),
        ({"comment": "a\0b"}, "comment"),
        ({"correction": "x" * 40_001}, "correction"),
        ({"correction": "\ud800"}, "correction"),
    ],
)
def test_bad_input_is_refused_and_stores_nothing(
    employee: User, wrong: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        report(employee, **wrong)
    assert field in refused.value.details
    assert not FeedbackItem.objects.exists()


def test_new_words_bring_a_handled_item_back_and_the_same_ones_do_not(
    curator: User, employee: User, item: FeedbackItem
) -> None:
    inbox_item_handle(actor=curator, item=item, note="Known")
    same: dict[str, Any] = {
        "message_id": item.message_id,
        "comment": "Old number",
        "correction": "13天。",
    }
    assert report(employee, **same).state == "handled"
    back = report(employee, **same | {"correction": "14天。"})
    assert (back.pk, back.state, back.correction) == (item.pk, "open", "14天。")
    # Curators see what had been decided; the reporter is told that it waits again.
    assert (back.note, back.handled_by, back.outcome) == ("Known", curator, "waiting")


def test_it_is_taken_back_while_nothing_was_made_of_it(
    curator: User, employee: User, stranger: User, item: FeedbackItem
) -> None:
    feedback_take_back(reporter=stranger, message_id=item.message_id)
    assert FeedbackItem.objects.exists()
    inbox_item_handle(actor=curator, item=item)
    with pytest.raises(Conflict):
        feedback_take_back(reporter=employee, message_id=item.message_id)
    other = report(employee)
    feedback_take_back(reporter=employee, message_id=other.message_id)
    assert FeedbackItem.objects.get() == item


# ---------------------------------------------------------------- working the inbox


def test_one_click_makes_a_draft(curator: User, item: FeedbackItem) -> None:
    record = inbox_item_draft(actor=curator, item=item)
    assert (record.instruction, record.output, record.language) == ("年假有几天？", "13天。", "zh")
    assert record.history == [["你好", "您好"]]
    assert (record.status, record.source, record.author) == ("draft", "feedback", curator)
    assert str(item.pk) in record.source_detail
    assert record.revisions.count() == 1
    assert (item.state, item.record, item.handled_by) == ("drafted", record, curator)
    assert AuditEntry.objects.get(action="feedback.draft").data == {"record": str(record.pk)}


def test_a_draft_may_say_something_else_and_has_the_answer_where_nothing_was_suggested(
    curator: User, employee: User
) -> None:
    good = report(employee, rating="up")
    assert inbox_item_draft(actor=curator, item=good).output == "10天。"
    bad = report(employee)
    record = inbox_item_draft(
        actor=curator, item=bad, content={"output": "15天。", "tags": ["hr"], "status": "approved"}
    )
    assert (record.output, record.tags, record.status) == ("15天。", ["hr"], "draft")


def test_what_makes_no_record_stays_open(curator: User, employee: User) -> None:
    empty = report(employee, Reported(question="Why?", answer=""))
    with pytest.raises(Invalid):
        inbox_item_draft(actor=curator, item=empty)
    assert FeedbackItem.objects.get().state == "open"
    assert not Record.objects.exists()
    assert not AuditEntry.objects.filter(action="feedback.draft").exists()
    inbox_item_draft(actor=curator, item=empty, content={"output": "Because."})
    assert FeedbackItem.objects.get().state == "drafted"


def test_a_later_curator_is_told_who_was_faster(
    curator: User, reviewer: User, item: FeedbackItem
) -> None:
    late = FeedbackItem.objects.get(pk=item.pk)
    inbox_item_handle(actor=curator, item=item, note="Corrected in the handbook.")
    for step in (inbox_item_draft, inbox_item_handle):
        with pytest.raises(Conflict) as refused:
            step(actor=reviewer, item=late)
        assert "王芳" in refused.value.message
        assert refused.value.details == {"state": "handled", "by": "王芳"}
    assert not Record.objects.exists()
    assert FeedbackItem.objects.get().handled_by == curator


def test_nobody_decides_on_words_that_were_changed_meanwhile(
    curator: User, employee: User, item: FeedbackItem
) -> None:
    report(employee, message_id=item.message_id, correction="14天。")
    with pytest.raises(Conflict) as refused:
        inbox_item_handle(actor=curator, item=item, revision=1)
    assert (refused.value.code, refused.value.details) == ("edited_meanwhile", {"revision": 2})
    inbox_item_handle(actor=curator, item=item, revision=2)


def test_an_item_is_reopened_once(curator: User, item: FeedbackItem) -> None:
    with pytest.raises(Conflict):
        inbox_item_reopen(actor=curator, item=item)
    inbox_item_handle(actor=curator, item=item)
    assert inbox_item_reopen(actor=curator, item=item).state == "open"
    assert [entry.action for entry in AuditEntry.objects.order_by("pk")] == [
        "feedback.handle",
        "feedback.reopen",
    ]


@pytest.mark.parametrize("note", ["x" * 501, "a\0b"])
def test_a_bad_note_changes_nothing(curator: User, item: FeedbackItem, note: str) -> None:
    with pytest.raises(Invalid):
        inbox_item_handle(actor=curator, item=item, note=note)
    assert FeedbackItem.objects.get().state == "open"


def test_the_reporter_sees_what_became_of_the_record(
    api: As, curator: User, reviewer: User, employee: User, item: FeedbackItem
) -> None:
    def outcome() -> str:
        [mine] = api(employee).get("/feedback/mine").json()["results"]
        return str(mine["outcome"])

    assert outcome() == "waiting"
    record = inbox_item_draft(actor=curator, item=item)
    assert outcome() == "draft"
    record_submit(actor=curator, record=record)
    assert outcome() == "in_review"
    record_reject(actor=reviewer, record=record, reason="Which year?")
    assert outcome() == "rejected"
    record_approve(actor=reviewer, record=record_submit(actor=curator, record=record))
    assert outcome() == "approved"
    record_archive(actor=reviewer, record=record)
    assert outcome() == "archived"
    record_delete(actor=curator, record=record)
    assert outcome() == "deleted"


# ---------------------------------------------------------------- at the same moment


@pytest.mark.django_db(transaction=True)
def test_of_two_curators_at_once_one_wins(
    curator: User, reviewer: User, item: FeedbackItem
) -> None:
    actors, said = [curator, reviewer], list[str]()

    def draft() -> None:
        mine = FeedbackItem(**FeedbackItem.objects.filter(pk=item.pk).values()[0])
        mine.state = "open"
        try:
            inbox_item_draft(actor=actors.pop(), item=mine)
        except Conflict as refused:
            said.append(refused.message)

    at_once(draft)
    assert Record.objects.count() == 1
    row = FeedbackItem.objects.get()
    assert (row.state, row.record) == ("drafted", Record.objects.get())
    assert len(said) == 1
    assert str(row.handled_by) in said[0]


@pytest.mark.django_db(transaction=True)
def test_the_same_report_twice_at_once_is_one_item(employee: User) -> None:
    message_id = uuid.uuid4()
    at_once(lambda: report(employee, message_id=message_id), times=4)
    assert FeedbackItem.objects.get().revision == 1


# ---------------------------------------------------------------- over REST


def rest(path: str, item: FeedbackItem) -> str:
    return path.format(id=item.pk)


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("employee", False),
        ("stranger", False),
        ("curator", True),
        ("reviewer", True),
        ("trainer", False),
        ("approver", False),
        ("admin", True),
    ],
)
def test_only_who_writes_records_works_the_inbox(
    request: pytest.FixtureRequest, api: As, item: FeedbackItem, role: str, allowed: bool
) -> None:
    user: User = request.getfixturevalue(role)
    client = api(user)
    expected = 200 if allowed else 403
    assert client.get("/feedback").status_code == expected
    assert client.get(f"/feedback/{item.pk}").status_code == expected
    for step in ("handle", "reopen", "draft"):
        assert client.post(f"/feedback/{item.pk}/{step}").status_code == expected, step
    mine = client.get("/feedback/mine")
    assert mine.status_code == 200
    assert len(mine.json()["results"]) == (1 if user == item.reporter else 0)
    item.refresh_from_db()
    assert item.state == ("drafted" if allowed else "open")
    assert inbox_open_count(user=user) == 0
    report(user)
    assert inbox_open_count(user=user) == (1 if allowed else 0)
    if not allowed:
        for refused in (inbox_item_draft, inbox_item_handle, inbox_item_reopen):
            with pytest.raises(NotAllowed):
                refused(actor=user, item=item)
        with pytest.raises(NotAllowed):
            inbox_counts(user=user)


def test_nobody_without_signing_in(api: As, item: FeedbackItem) -> None:
    for path in ("/feedback", "/feedback/mine", f"/feedback/{item.pk}"):
        assert api(None).get(path).status_code in {401, 403}
    assert api(None).post(f"/feedback/{item.pk}/draft").status_code in {401, 403}


def test_the_item_has_everything_a_curator_needs(
    api: As, curator: User, employee: User, item: FeedbackItem
) -> None:
    found = api(curator).get(f"/feedback/{item.pk}").json()
    assert found == {
        "id": str(item.pk),
        "message": str(item.message_id),
        "question": "年假有几天？",
        "answer": "10天。",
        "history": [["你好", "您好"]],
        "assistant": {"id": str(item.assistant_id), "slug": "abc", "name": "小助手"},
        "assistant_name": "小助手",
        "adapter": "abc-run-7",
        "sources": [{"title": "Handbook"}],
        "rating": "down",
        "comment": "Old number",
        "correction": "13天。",
        "revision": 1,
        "reporter": {"id": str(employee.pk), "name": "李伟"},
        "state": "open",
        "outcome": "waiting",
        "note": "",
        "handled_by": None,
        "handled_at": None,
        "record": None,
        "created_at": found["created_at"],
        "updated_at": found["updated_at"],
    }
    drafted = api(curator).post(f"/feedback/{item.pk}/draft", {"content": {"tags": ["leave"]}})
    assert drafted.status_code == 200
    record = Record.objects.get()
    assert (drafted.json()["record"], drafted.json()["outcome"]) == (str(record.pk), "draft")
    assert record.tags == ["leave"]


def test_handling_tells_the_reporter_and_a_second_one_conflicts(
    api: As, curator: User, reviewer: User, employee: User, item: FeedbackItem
) -> None:
    path = f"/feedback/{item.pk}/handle"
    assert api(curator).post(path, {"note": "The handbook is right now."}).status_code == 200
    late = api(reviewer).post(path, {"note": "Mine"})
    assert late.status_code == 409
    assert late.json()["error"]["code"] == "already_handled"
    assert "王芳" in late.json()["error"]["message"]
    [mine] = api(employee).get("/feedback/mine").json()["results"]
    assert (mine["outcome"], mine["note"]) == ("handled", "The handbook is right now.")
    assert not {"reporter", "handled_by", "record"} & set(mine)


@pytest.mark.parametrize(
    ("step", "body"),
    [
        ("draft", {"content": {"output": 5}}),
        ("draft", {"content": {"output": "a\0b"}}),
        ("draft", {"content": {"language": "fr"}}),
        ("draft", {"content": "x"}),
        ("draft", {"revision": "x"}),
        ("draft", {"revision": 2**40}),
        ("draft", ["x"]),
        ("handle", {"note": "x" * 501}),
        ("handle", {"note": "a\0b"}),
        ("handle", {"note": ["x"]}),
        ("handle", {"revision": 0}),
        ("handle", "x"),
    ],
)
def test_bad_bodies_are_refused_in_the_shape_of_errors(
    api: As, curator: User, item: FeedbackItem, step: str, body: object
) -> None:
    answer = api(curator).post(f"/feedback/{item.pk}/{step}", body)
    assert answer.status_code == 400, answer.content
    assert answer.json()["error"]["message"]
    assert FeedbackItem.objects.get().state == "open"
    assert not Record.objects.exists()


def test_an_unknown_item_is_not_found(api: As, curator: User) -> None:
    client = api(curator)
    assert client.get(f"/feedback/{NOWHERE}").status_code == 404
    for step in ("draft", "handle", "reopen"):
        assert client.post(f"/feedback/{NOWHERE}/{step}").status_code == 404


def test_the_list_is_filtered_and_searched(
    api: As, curator: User, employee: User, item: FeedbackItem
) -> None:
    report(employee, Reported(question="Who approves a trip?", answer="Nobody."), rating="up")
    client = api(curator)

    def found(**params: str) -> list[str]:
        answer = client.get("/feedback", **params)
        assert answer.status_code == 200, answer.content
        return [row["question"] for row in answer.json()["results"]]

    assert found() == ["Who approves a trip?", "年假有几天？"]
    assert found(rating="down") == ["年假有几天？"]
    assert found(assistant="abc") == ["年假有几天？"]
    assert found(assistant="nothing") == []
    assert found(q="trip") == ["Who approves a trip?"]
    assert found(q="年假") == found(q="number") == ["年假有几天？"]
    inbox_item_handle(actor=curator, item=item)
    assert found(state="open") == ["Who approves a trip?"]
    assert found(state="handled") == ["年假有几天？"]
    for wrong in ({"state": "x"}, {"rating": "x"}, {"assistant": "abc\0"}, {"q": "x" * 201}):
        assert client.get("/feedback", **wrong).status_code == 400


def test_queries_do_not_grow_with_the_list(
    api: As, curator: User, employee: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(30):
        item = report(employee, comment=str(number))
        if number % 2:
            inbox_item_draft(actor=curator, item=item)
    for user, path in ((curator, "/feedback"), (employee, "/feedback/mine")):
        client = api(user)
        client.get(path)
        with django_assert_max_num_queries(4):
            assert len(client.get(path, page_size=30).json()["results"]) == 30


def test_hostile_texts_come_back_as_they_were(api: As, curator: User, employee: User) -> None:
    if not BLNS.exists():
        pytest.skip("shared/data/hostile is not here")
    texts = [text for text in json.loads(BLNS.read_text()) if text.strip()]
    joined = "\n".join(text for text in texts if "\0" not in text and "\r" not in text)
    for start in range(0, len(joined), 1900):
        text = joined[start : start + 1900].strip()
        item = report(employee, Reported(question=text, answer=text), comment=text, correction=text)
        shown = api(curator).get(f"/feedback/{item.pk}").json()
        for name in ("question", "answer", "comment", "correction"):
            assert shown[name] == text
