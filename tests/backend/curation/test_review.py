"""Review over REST: who may decide, on what, and what happens when two act at once."""

import threading
from collections.abc import Callable

import pytest
from django.db import connection
from pytest_django import Settings

from backend.accounts.models import User
from backend.common.errors import Conflict
from backend.common.models import AuditEntry
from backend.curation.models import Record, Revision
from backend.curation.services import (
    record_approve,
    record_archive,
    record_create,
    record_reject,
    record_reopen,
    record_submit,
    record_update,
)
from tests.backend.conftest import Api

pytestmark = pytest.mark.django_db
As = Callable[[User | None], Api]
QUESTION = {"instruction": "年假有几天？", "output": "13天。"}


@pytest.fixture
def record(curator: User) -> Record:
    return record_create(actor=curator, content=QUESTION)


def test_a_record_goes_through_review(
    api: As, curator: User, reviewer: User, record: Record
) -> None:
    assert api(curator).post(f"/records/{record.pk}/submit").json()["status"] == "in_review"
    rejected = api(reviewer).post(f"/records/{record.pk}/reject", {"reason": "Which year?"}).json()
    assert (rejected["status"], rejected["review_note"]) == ("rejected", "Which year?")
    edited = api(curator).patch(f"/records/{record.pk}", {"output": "入职满一年后13天。"}).json()
    assert (edited["status"], edited["review_note"]) == ("draft", "Which year?")
    again = api(curator).post(f"/records/{record.pk}/submit").json()
    assert (again["status"], again["review_note"]) == ("in_review", "")
    approved = api(reviewer).post(f"/records/{record.pk}/approve", {"revision": 2}).json()
    assert (approved["status"], approved["reviewer"]["name"]) == ("approved", "Chen Jing")
    assert list(AuditEntry.objects.order_by("id").values_list("action", "actor__username")) == [
        ("record.submit", "curator"),
        ("record.reject", "reviewer"),
        ("record.submit", "curator"),
        ("record.approve", "reviewer"),
    ]


@pytest.mark.parametrize("before", ["approved", "rejected", "archived"])
def test_an_edit_of_what_was_decided_makes_a_draft(
    api: As, curator: User, reviewer: User, record: Record, before: str
) -> None:
    record_submit(actor=curator, record=record)
    if before == "approved":
        record_approve(actor=reviewer, record=record)
    elif before == "rejected":
        record_reject(actor=reviewer, record=record)
    else:
        record_archive(actor=curator, record=record)
    assert Record.objects.get().status == before
    edited = api(curator).patch(f"/records/{record.pk}", {"output": "14天。"}).json()
    assert edited["status"] == "draft"


def test_an_edit_of_what_is_in_review_leaves_it_there(
    api: As, curator: User, record: Record
) -> None:
    record_submit(actor=curator, record=record)
    edited = api(curator).patch(f"/records/{record.pk}", {"output": "14天。"}).json()
    assert (edited["status"], edited["revision"]) == ("in_review", 2)


def test_only_reviewers_and_administrators_decide(
    api: As,
    employee: User,
    curator: User,
    trainer: User,
    approver: User,
    admin: User,
    record: Record,
) -> None:
    record_submit(actor=curator, record=record)
    for user, expected in (
        (None, 401),
        (employee, 403),
        (curator, 403),
        (trainer, 403),
        (approver, 403),
    ):
        for step in ("approve", "reject"):
            assert api(user).post(f"/records/{record.pk}/{step}").status_code == expected
    assert Record.objects.get().status == "in_review"
    assert api(admin).post(f"/records/{record.pk}/approve").status_code == 200


def test_nobody_decides_on_their_own_words_under_four_eyes(
    api: As, settings: Settings, curator: User, reviewer: User, admin: User
) -> None:
    own = record_create(actor=reviewer, content=QUESTION)
    record_submit(actor=reviewer, record=own)
    for step in ("approve", "reject"):
        refused = api(reviewer).post(f"/records/{own.pk}/{step}")
        assert refused.status_code == 403
        assert refused.json()["error"]["code"] == "four_eyes"
    # Words that the reviewer put into somebody else's record are the reviewer's own as well.
    others = record_create(actor=curator, content=QUESTION)
    record_update(actor=reviewer, record=others, content={"output": "mine"})
    assert api(reviewer).post(f"/records/{others.pk}/approve").status_code == 403
    assert api(admin).post(f"/records/{others.pk}/approve").status_code == 200
    settings.FOUR_EYES = False
    assert api(reviewer).post(f"/records/{own.pk}/approve").status_code == 200


@pytest.mark.parametrize(
    ("status", "step"),
    [
        ("approved", "approve"),
        ("approved", "submit"),
        ("approved", "reject"),
        ("draft", "reject"),
        ("archived", "approve"),
        ("archived", "submit"),
        ("archived", "archive"),
    ],
)
def test_a_step_that_the_status_does_not_allow_is_a_conflict(
    api: As, reviewer: User, record: Record, status: str, step: str
) -> None:
    Record.objects.update(status=status)
    answer = api(reviewer).post(f"/records/{record.pk}/{step}")
    assert answer.status_code == 409
    assert answer.json()["error"]["details"] == {"status": status}
    assert Record.objects.get().status == status


def test_a_reason_that_is_too_long_is_refused(
    api: As, curator: User, reviewer: User, record: Record
) -> None:
    record_submit(actor=curator, record=record)
    answer = api(reviewer).post(f"/records/{record.pk}/reject", {"reason": "x" * 501})
    assert answer.status_code == 400
    assert "reason" in answer.json()["error"]["details"]


def test_approving_what_one_has_not_seen_is_a_conflict(
    api: As, curator: User, reviewer: User, record: Record
) -> None:
    record_update(actor=curator, record=record, content={"output": "other"})
    answer = api(reviewer).post(f"/records/{record.pk}/approve", {"revision": 1})
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "edited_meanwhile"
    assert Record.objects.get().status == "draft"


def test_archived_records_come_back_as_drafts(curator: User, record: Record) -> None:
    record_archive(actor=curator, record=record)
    assert record_reopen(actor=curator, record=record).status == "draft"


@pytest.mark.django_db(transaction=True)
def test_an_approval_and_an_edit_at_once_cannot_both_win(curator: User, reviewer: User) -> None:
    """Whatever is approved has the very words that the reviewer saw."""
    for _attempt in range(10):
        approve_and_edit_at_once(curator, reviewer)


def approve_and_edit_at_once(curator: User, reviewer: User) -> None:
    record = record_create(actor=curator, content=QUESTION)
    pair = [Record.objects.get(pk=record.pk) for _ in range(2)]
    barrier = threading.Barrier(2)
    outcomes: dict[str, str] = {}

    def act(name: str, step: Callable[[], object]) -> None:
        barrier.wait(timeout=10)
        try:
            step()
            outcomes[name] = "won"
        except Conflict:
            outcomes[name] = "conflict"
        finally:
            connection.close()

    threads = [
        threading.Thread(
            target=act,
            args=("approve", lambda: record_approve(actor=reviewer, record=pair[0])),
        ),
        threading.Thread(
            target=act,
            args=(
                "edit",
                lambda: record_update(actor=curator, record=pair[1], content={"output": "unseen"}),
            ),
        ),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert sorted(outcomes.values()) == ["conflict", "won"], outcomes
    row = Record.objects.get(pk=record.pk)
    if outcomes["approve"] == "won":
        assert (row.status, row.output, row.revision) == ("approved", QUESTION["output"], 1)
    else:
        assert (row.status, row.output, row.revision) == ("draft", "unseen", 2)
    assert Revision.objects.filter(record=row).count() == row.revision
