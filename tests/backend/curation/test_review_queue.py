"""The review, one record after the other: who decides, what is shown, and who comes second."""

import re
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from backend.accounts.models import User
from backend.accounts.roles import Role
from backend.common.models import AuditEntry
from backend.curation.models import Record
from backend.curation.services import (
    record_approve,
    record_create,
    record_reject,
    record_submit,
    record_undecide,
    record_update,
)
from tests.backend.conftest import Person, at_once

pytestmark = pytest.mark.django_db
REVIEW = "/admin/curation/record/review/"


@pytest.fixture
def other(person: Person) -> User:
    """A second reviewer."""
    return person("other", Role.REVIEWER, display_name="Tom Baker")


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def submitted(author: User, *questions: str, **fields: Any) -> list[Record]:
    records = [
        record_create(actor=author, content={"instruction": q, "output": "x", **fields})
        for q in questions
    ]
    return [record_submit(actor=author, record=record) for record in records]


def page_of(client: Client, query: str = "") -> str:
    answer = client.get(REVIEW + query, follow=True)
    assert answer.status_code == 200
    return str(answer.content.decode())


def question_in(page: str) -> str:
    found = re.search(r'class="ld-review-question">(.*?)</h2>', page, re.DOTALL)
    return found[1] if found else ""


def place_in(page: str) -> str:
    found = re.search(r'id="ld-progress">(.*?)</p>', page, re.DOTALL)
    return " ".join(re.sub("<[^>]*>", "", found[1]).split()) if found else ""


def decide(client: Client, record: Record, decision: str, query: str = "", **fields: Any) -> Any:
    sent = {"record": str(record.pk), "revision": record.revision, "decision": decision, **fields}
    return client.post(REVIEW + query, sent)


def said(answer: Any) -> list[str]:
    return [str(message) for message in get_messages(answer.wsgi_request)]


def status(record: Record) -> str:
    return Record.objects.get(pk=record.pk).status


@pytest.mark.parametrize(
    "role", ["employee", "curator", "reviewer", "trainer", "approver", "admin"]
)
def test_only_those_who_decide_see_the_queue(
    request: pytest.FixtureRequest, curator: User, role: str
) -> None:
    submitted(curator, "One?")
    client = signed_in(request.getfixturevalue(role))
    expected = 200 if role in {"reviewer", "admin"} else 403
    assert client.get(REVIEW, follow=True).status_code == expected
    assert Client().get(REVIEW).status_code == 302


def test_going_through_the_queue(curator: User, reviewer: User) -> None:
    one, two, three = submitted(curator, "One?", "Two?", "Three?")
    client = signed_in(reviewer)
    page = page_of(client)
    assert (question_in(page), place_in(page)) == ("One?", "1 of 3")
    answer = decide(client, one, "approve")
    assert answer["Location"] == f"{REVIEW}?record={two.pk}"
    page = page_of(client, f"?record={two.pk}")
    assert "Approved: One?" in page
    assert (question_in(page), place_in(page)) == ("Two?", "1 of 2")
    assert f"?record={three.pk}" in page
    page = page_of(client, f"?record={three.pk}")
    assert place_in(page) == "2 of 2"
    # At the end it begins again with what still waits.
    answer = decide(client, three, "reject", reason="Which\r\nyear?")
    assert answer["Location"] == f"{REVIEW}?record={two.pk}"
    answer = decide(client, two, "approve")
    assert "Nothing waits for review." in page_of(client)
    rows = Record.objects.order_by("created_at").values_list("status", "review_note", "reviewer")
    assert list(rows) == [
        ("approved", "", reviewer.pk),
        ("approved", "", reviewer.pk),
        ("rejected", "Which\nyear?", reviewer.pk),
    ]


def test_everything_about_a_record_is_shown_and_inert(curator: User, reviewer: User) -> None:
    record = submitted(
        curator,
        "<script>alert(1)</script>",
        phrasings=["Another way?"],
        input="The context.",
        history=[["Hello", "Good day"]],
        tags=["leave"],
    )[0]
    page = page_of(signed_in(reviewer))
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert(1)" not in page
    for text in ("Another way?", "The context.", "Good day", "leave", "王芳", "Revision 1"):
        assert text in page
    assert f"/similar/?record={record.pk}" in page


def test_the_differences_since_the_last_approval(curator: User, reviewer: User) -> None:
    record = submitted(curator, "How many days?", language="en")[0]
    assert "Changed since" not in page_of(signed_in(reviewer))
    record_approve(actor=reviewer, record=record)
    record_update(actor=curator, record=record, content={"output": "14 days"})
    record_update(actor=curator, record=record, content={"output": "15 days"})
    record_submit(actor=curator, record=record)
    page = page_of(signed_in(reviewer))
    assert "Changed since revision 1, which was approved" in page
    assert "<del>x</del><ins>15 days</ins>" in page


def test_filters_of_the_queue(curator: User, reviewer: User, admin: User) -> None:
    submitted(curator, "年假有几天？", tags=["leave"])
    submitted(admin, "One?", tags=["it"])
    client = signed_in(reviewer)
    assert place_in(page_of(client)) == "1 of 2"
    for query, expected in (
        ("?language=en", "One?"),
        ("?tag=leave", "年假有几天？"),
        (f"?author={admin.pk}", "One?"),
        (f"?author={admin.pk}&tag=leave", ""),
        ("?tag=nothing", ""),
    ):
        assert question_in(page_of(client, query)) == expected, query
    record = Record.objects.get(instruction="One?")
    answer = decide(client, record, "approve", "?language=en")
    assert answer["Location"] == f"{REVIEW}?language=en"
    assert "under these filters" in page_of(client, "?language=en")


@pytest.mark.parametrize(
    "query",
    ["?language=fr", "?author=x", "?tag=%00", "?record=x", "?record=%00", "?page=9"],
)
def test_an_address_that_means_nothing_shows_the_queue(
    curator: User, reviewer: User, query: str
) -> None:
    submitted(curator, "One?")
    assert question_in(page_of(signed_in(reviewer), query)) == "One?"


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"record": "x"},
        {"record": "00000000-0000-0000-0000-000000000000", "decision": "approve"},
        {"decision": "burn"},
        {"decision": "approve", "revision": ""},
        {"decision": "approve", "revision": "x"},
        {"decision": "approve", "revision": "9" * 40},
        {"decision": "approve", "revision": "2"},
        {"decision": "reject", "reason": "x" * 501},
        {"decision": "reject", "reason": "\0"},
        {"decision": "undo"},
    ],
)
def test_a_decision_that_cannot_be_read_decides_nothing(
    curator: User, reviewer: User, sent: dict[str, str]
) -> None:
    record = submitted(curator, "One?")[0]
    whole = {"record": str(record.pk), "revision": "1"} | sent if sent else sent
    answer = signed_in(reviewer).post(REVIEW, whole, follow=True)
    assert answer.status_code == 200
    assert status(record) == "in_review"


# ------------------------------------------------------------ four eyes


def test_own_records_are_left_to_others(
    settings: Settings, curator: User, reviewer: User, other: User
) -> None:
    own = submitted(reviewer, "Mine?")[0]
    worded = submitted(curator, "Reworded?")[0]
    record_update(actor=reviewer, record=worded, content={"output": "mine"})
    worded.refresh_from_db()
    client = signed_in(reviewer)
    page = page_of(client)
    # What they began is not in the queue; what they reworded is, and says whose turn it is.
    assert (question_in(page), place_in(page)) == ("Reworded?", "1 of 1")
    assert "somebody else decides" in page
    assert 'id="ld-approve"' not in page
    assert "1 record of your own waits for somebody else." in page
    page = page_of(client, f"?record={own.pk}")
    assert question_in(page) == "Mine?"
    assert "somebody else decides" in page
    for record in (own, worded):
        for decision in ("approve", "reject"):
            answer = decide(client, record, decision)
            assert any("four-eyes" in message for message in said(answer))
            assert status(record) == "in_review"
    decide(signed_in(other), own, "approve")
    assert status(own) == "approved"
    settings.FOUR_EYES = False
    assert 'id="ld-approve"' in page_of(client)
    decide(client, worded, "approve")
    assert status(worded) == "approved"


def test_tags_make_nobody_an_author(curator: User, reviewer: User) -> None:
    record = submitted(curator, "One?")[0]
    record_update(actor=reviewer, record=record, content={"tags": ["seen"], "golden": True})
    assert record.status == "in_review"
    decide(signed_in(reviewer), record, "approve")
    assert status(record) == "approved"


def test_sorting_leaves_an_approval_and_words_do_not(curator: User, reviewer: User) -> None:
    record = submitted(curator, "One?")[0]
    record_approve(actor=reviewer, record=record)
    record_update(actor=curator, record=record, content={"tags": ["seen"]})
    assert (record.status, record.revision, record.approved_revision) == ("approved", 2, 1)
    record_update(actor=curator, record=record, content={"output": "new", "tags": []})
    assert (record.status, record.approved_revision) == ("draft", 1)


# ------------------------------------------------------------ two at once


@pytest.mark.parametrize("first", ["approved", "rejected", "archived", "draft"])
def test_whoever_comes_second_is_told_who_was_first(
    curator: User, reviewer: User, other: User, first: str
) -> None:
    one, two = submitted(curator, "One?", "Two?")
    if first == "approved":
        record_approve(actor=other, record=Record.objects.get(pk=one.pk))
    elif first == "rejected":
        record_reject(actor=other, record=Record.objects.get(pk=one.pk), reason="No.")
    else:
        Record.objects.filter(pk=one.pk).update(status=first)
    answer = decide(signed_in(reviewer), one, "approve")
    words = {
        "approved": "“One?”: Tom Baker has approved this record meanwhile.",
        "rejected": "“One?”: Tom Baker has sent this record back meanwhile.",
        "archived": "“One?”: Somebody has archived this record meanwhile.",
        "draft": "“One?”: Somebody has made this record a draft again meanwhile.",
    }
    assert said(answer) == [words[first]]
    assert answer["Location"] == f"{REVIEW}?record={two.pk}"
    assert status(one) == first
    # A link to what is decided leads on in the same way.
    answer = signed_in(reviewer).get(f"{REVIEW}?record={one.pk}")
    assert answer["Location"] == f"{REVIEW}?record={two.pk}"


def test_what_was_edited_meanwhile_is_looked_at_again(curator: User, reviewer: User) -> None:
    seen = submitted(curator, "One?")[0]
    record_update(
        actor=curator, record=Record.objects.get(pk=seen.pk), content={"output": "unseen"}
    )
    answer = decide(signed_in(reviewer), seen, "approve")
    assert said(answer) == ["王芳 changed this record while you were reading. Look at it again."]
    assert answer["Location"] == f"{REVIEW}?record={seen.pk}"
    assert status(seen) == "in_review"


@pytest.mark.django_db(transaction=True)
def test_two_reviewers_at_once(curator: User, reviewer: User, other: User) -> None:
    for _attempt in range(5):
        record = submitted(curator, "Contested?")[0]
        decisions = [(reviewer, "approve"), (other, "reject")]
        answers: dict[str, list[str]] = {}

        def act(
            record: Record = record,
            decisions: list[tuple[User, str]] = decisions,
            answers: dict[str, list[str]] = answers,
        ) -> None:
            user, decision = decisions.pop()
            answers[decision] = said(decide(signed_in(user), record, decision))

        at_once(act)
        record.refresh_from_db()
        won = {"approved": "approve", "rejected": "reject"}[record.status]
        lost = "reject" if won == "approve" else "approve"
        assert answers[won] == []
        assert len(answers[lost]) == 1
        assert str(record.reviewer) in answers[lost][0]
        trail = AuditEntry.objects.filter(entity_id=str(record.pk)).values_list("action", flat=True)
        assert sorted(trail) == sorted(["record.submit", f"record.{won}"])


# ------------------------------------------------------------ undo


@pytest.mark.parametrize("decision", ["approve", "reject"])
def test_a_decision_can_be_taken_back(curator: User, reviewer: User, decision: str) -> None:
    record = submitted(curator, "One?")[0]
    client = signed_in(reviewer)
    decide(client, record, decision, reason="No.")
    assert 'id="ld-undo"' in page_of(client)
    answer = decide(client, record, "undo")
    assert said(answer) == ["Taken back: the record waits for review again."]
    assert answer["Location"] == f"{REVIEW}?record={record.pk}"
    row = Record.objects.get()
    assert (row.status, row.review_note, row.reviewer) == ("in_review", "", None)
    assert 'id="ld-undo"' not in page_of(client)


def test_only_ones_own_present_decision_can_be_taken_back(
    curator: User, reviewer: User, other: User
) -> None:
    record = submitted(curator, "One?")[0]
    decide(signed_in(reviewer), record, "approve")
    answer = decide(signed_in(other), record, "undo")
    assert said(answer) == ["There is no decision of yours to take back."]
    record.refresh_from_db()
    record_update(actor=curator, record=record, content={"output": "new"})
    answer = decide(signed_in(reviewer), record, "undo")
    assert said(answer) == ["There is no decision of yours to take back."]
    assert status(record) == "draft"


def test_an_undo_after_sorting_needs_the_present_revision(curator: User, reviewer: User) -> None:
    record = submitted(curator, "One?")[0]
    record_approve(actor=reviewer, record=record)
    assert record_undecide(actor=reviewer, record=record, revision=1).status == "in_review"


# ------------------------------------------------------------ the page


def test_whoever_edits_from_the_review_comes_back(curator: User, reviewer: User) -> None:
    record = submitted(curator, "One?")[0]
    client = signed_in(reviewer)
    address = f"/admin/curation/record/{record.pk}/change/?from=review"
    assert address in page_of(client)
    sent = {
        "instruction": "One?",
        "output": "better",
        "language": "en",
        "seen_revision": "1",
        "revisions-TOTAL_FORMS": "0",
        "revisions-INITIAL_FORMS": "0",
        "_save": "1",
    }
    assert client.post(address, sent)["Location"] == f"{REVIEW}?record={record.pk}"


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_page_in_both_languages(curator: User, reviewer: User, language: str) -> None:
    reviewer.language = language
    reviewer.save()
    submitted(curator, "One?")
    page = page_of(signed_in(reviewer))
    assert "One?" in page
    assert "onclick" not in page.partition('class="ld-review"')[2]


def test_a_long_queue_takes_few_statements(
    curator: User, reviewer: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    records = submitted(curator, *[f"Question {number}?" for number in range(12)])
    Record.objects.update(created_at=timezone.now())  # the id decides between equals
    client = signed_in(reviewer)
    with django_assert_max_num_queries(22):
        client.get(f"{REVIEW}?record={records[5].pk}")
    places = {place_in(page_of(client, f"?record={record.pk}")) for record in records}
    assert places == {f"{number} of 12" for number in range(1, 13)}
