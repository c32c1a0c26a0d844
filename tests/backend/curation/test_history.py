"""Earlier forms of a record: what differs, and how one comes back."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from backend.accounts.models import User
from backend.common.errors import Conflict, NotAllowed, NotFound
from backend.curation.content import content_check
from backend.curation.differences import MAX_WORDS, content_differences, text_differences
from backend.curation.models import Record, Revision
from backend.curation.services import (
    record_approve,
    record_create,
    record_restore,
    record_submit,
    record_update,
)
from tests.backend.conftest import Api, at_once

As = Callable[[User | None], Api]
WORDS = st.lists(st.sampled_from(["年假", "有", "13", "天。", " ", "days", "leave", "\n"])).map(
    "".join
)


def pieces(before: str, after: str) -> list[tuple[str, str]]:
    return [(piece.kind, piece.text) for piece in text_differences(before, after)]


def halves(found: list[tuple[str, str]]) -> tuple[str, str]:
    return (
        "".join(text for kind, text in found if kind != "added"),
        "".join(text for kind, text in found if kind != "removed"),
    )


def test_words_are_compared_in_both_languages() -> None:
    assert pieces("年假有13天。", "年假有14天。") == [
        ("same", "年假有"),
        ("removed", "13"),
        ("added", "14"),
        ("same", "天。"),
    ]
    assert pieces("Ask your manager.", "Ask the manager.") == [
        ("same", "Ask "),
        ("removed", "your"),
        ("added", "the"),
        ("same", " manager."),
    ]
    assert pieces("", "x") == [("added", "x")]
    assert pieces("x", "x") == [("same", "x")]
    assert pieces("", "") == []


@given(WORDS | st.text(), WORDS | st.text())
def test_pieces_are_the_two_texts(before: str, after: str) -> None:
    found = pieces(before, after)
    assert halves(found) == (before, after)
    assert all(text for _kind, text in found)


def test_long_texts_are_compared_by_lines() -> None:
    lines = [f"line {number} of a long text\n" for number in range(1500)]
    before, after = (
        "".join(lines),
        "".join([*lines[:700], "line 700 of a short text\n", *lines[701:]]),
    )
    found = pieces(before, after)
    assert halves(found) == (before, after)
    assert [text for kind, text in found if kind != "same"] == ["long", "short"]
    one_line = "字" * (MAX_WORDS * 4)
    assert halves(pieces(one_line, one_line + "x")) == (one_line, one_line + "x")


def test_fields_that_differ() -> None:
    before = content_check({"instruction": "a", "output": "b", "tags": ["x"]})
    after = content_check(
        {"instruction": "a", "output": "c", "golden": True, "history": [["q", "a"]]}
    )
    found = {d.field: (d.before, d.after) for d in content_differences(before, after)}
    assert found == {
        "output": ("b", "c"),
        "history": ("", "q → a"),
        "tags": ("x", ""),
        "golden": ("no", "yes"),
    }
    assert content_differences(before, before) == []


@pytest.fixture
def record(curator: User) -> Record:
    """With three revisions."""
    record = record_create(
        actor=curator, content={"instruction": "年假有几天？", "output": "13天。", "tags": ["hr"]}
    )
    record_update(actor=curator, record=record, content={"output": "14天。"})
    return record_update(actor=curator, record=record, content={"output": "15天。", "tags": []})


@pytest.mark.django_db
def test_revisions_and_differences_over_rest(api: As, curator: User, record: Record) -> None:
    client = api(curator)
    first = client.get(f"/records/{record.pk}/revisions/1").json()
    assert (first["number"], first["content"]["output"]) == (1, "13天。")
    diff = client.get(f"/records/{record.pk}/diff", **{"from": 1, "to": 3}).json()
    assert [d["field"] for d in diff["fields_changed"]] == ["output", "tags"]
    assert diff["fields_changed"][0]["pieces"] == [
        {"kind": "removed", "text": "13"},
        {"kind": "added", "text": "15"},
        {"kind": "same", "text": "天。"},
    ]
    back = client.get(f"/records/{record.pk}/diff", **{"from": 3, "to": 3}).json()
    assert back == {"fields_changed": []}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, 400),
        ({"from": "1"}, 400),
        ({"from": "x", "to": "1"}, 400),
        ({"from": "0", "to": "1"}, 400),
        ({"from": "1", "to": "9" * 30}, 400),
        ({"from": "1", "to": "4"}, 404),
    ],
)
def test_differences_of_what_is_not_there(
    api: As, curator: User, record: Record, params: dict[str, str], expected: int
) -> None:
    assert api(curator).get(f"/records/{record.pk}/diff", **params).status_code == expected
    assert api(curator).get(f"/records/{record.pk}/revisions/{9**30}").status_code == 404


@pytest.mark.django_db
def test_an_earlier_form_comes_back_as_a_new_revision(
    api: As, curator: User, reviewer: User, record: Record
) -> None:
    record_submit(actor=curator, record=record)
    record_approve(actor=reviewer, record=record)
    restored = (
        api(reviewer).post(f"/records/{record.pk}/restore", {"revision": 1, "seen": 3}).json()
    )
    assert (restored["output"], restored["tags"]) == ("13天。", ["hr"])
    assert (restored["revision"], restored["status"]) == (4, "draft")
    assert Revision.objects.get(number=4).author == reviewer
    # Bringing back what is there changes nothing.
    again = api(reviewer).post(f"/records/{record.pk}/restore", {"revision": 4}).json()
    assert again["revision"] == 4


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, 400),
        ([], 400),
        ({"revision": "x"}, 400),
        ({"revision": 0}, 400),
        ({"revision": 2**40}, 400),
        ({"revision": 9}, 404),
        ({"revision": 1, "seen": 2}, 409),
        ({"revision": 1, "seen": "x"}, 400),
    ],
)
def test_a_restore_that_cannot_be(
    api: As, curator: User, record: Record, body: Any, expected: int
) -> None:
    answer = api(curator).post(f"/records/{record.pk}/restore", body)
    assert answer.status_code == expected
    assert Record.objects.get().output == "15天。"


@pytest.mark.django_db
def test_who_may_restore(
    api: As, employee: User, trainer: User, approver: User, record: Record
) -> None:
    for user, expected in ((None, 401), (employee, 403), (trainer, 403), (approver, 403)):
        answer = api(user).post(f"/records/{record.pk}/restore", {"revision": 1})
        assert answer.status_code == expected
    with pytest.raises(NotAllowed):
        record_restore(actor=trainer, record=record, number=1)
    for path in ("revisions/1", "diff?from=1&to=2"):
        assert api(employee).get(f"/records/{record.pk}/{path}").status_code == 403
        assert api(trainer).get(f"/records/{record.pk}/{path}").status_code == 200


@pytest.mark.django_db
def test_services_know_no_other_revision(curator: User, record: Record) -> None:
    with pytest.raises(NotFound):
        record_restore(actor=curator, record=record, number=9)
    with pytest.raises(Conflict):
        record_restore(actor=curator, record=record, number=1, revision=2)


@pytest.mark.django_db(transaction=True)
def test_two_restores_at_once_are_one(curator: User) -> None:
    record = record_create(actor=curator, content={"instruction": "a", "output": "b"})
    record_update(actor=curator, record=record, content={"output": "c"})
    won: list[int] = []

    def restore() -> None:
        try:
            record_restore(
                actor=curator, record=Record.objects.get(pk=record.pk), number=1, revision=2
            )
            won.append(1)
        except Conflict:
            pass

    at_once(restore)
    assert len(won) == 1
    assert Revision.objects.count() == 3


@pytest.mark.django_db
def test_the_page_compares_and_restores(curator: User, trainer: User, record: Record) -> None:
    address = f"/admin/curation/record/{record.pk}/compare/"
    client = Client()
    client.force_login(curator)
    page = client.get(address).content.decode()
    assert "From revision 2 to revision 3" in page
    assert "<del>14</del><ins>15</ins>天。" in page
    assert (
        "<del>13</del><ins>15</ins>天。"
        in client.get(address, {"from": 1, "to": 3}).content.decode()
    )
    for query in ({"from": "x"}, {"from": 9}, {"to": "9" * 30}):
        assert client.get(address, query, follow=True).status_code == 200
    answer = client.post(address, {"number": "1", "revision": "3"}, follow=True)
    assert "What revision 1 said is back, as revision 4." in answer.content.decode()
    assert Record.objects.get().output == "13天。"
    late = client.post(address, {"number": "2", "revision": "3"}, follow=True)
    assert "Somebody else changed this record meanwhile." in late.content.decode()
    reader = Client()
    reader.force_login(trainer)
    assert "Restore</button>" not in reader.get(address).content.decode()
    reader.post(address, {"number": "2", "revision": "4"})
    assert Record.objects.get().revision == 4
