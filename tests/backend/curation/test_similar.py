"""Records like a question that is being written, and like one that is stored."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from backend.accounts.models import User
from backend.curation.models import Record
from backend.curation.services import record_create
from backend.curation.similar import similar_records, similar_to
from tests.backend.conftest import Api

pytestmark = pytest.mark.django_db
As = Callable[[User | None], Api]
PART = "/admin/curation/record/similar/"
QUESTIONS = [
    "员工每年有多少天年假？",
    "如何申请年假？",
    "VPN怎么连接？",
    "How do I connect to the VPN from home?",
    "How many days of annual leave does an employee have?",
    "Where is the canteen?",
]


@pytest.fixture
def records(curator: User) -> dict[str, Record]:
    return {
        question: record_create(actor=curator, content={"instruction": question, "output": "x"})
        for question in QUESTIONS
    }


def found(user: User, text: str, **options: Any) -> list[tuple[str, bool]]:
    similar = similar_records(user=user, text=text, **options)
    return [(s.record.instruction, s.near is not None) for s in similar]


def test_the_nearest_come_first_then_those_with_the_same_words(
    curator: User, records: dict[str, Record]
) -> None:
    assert found(curator, "请问员工每年有多少天年假？")[0] == (
        "员工每年有多少天年假？",
        True,
    )
    assert found(curator, "申请年假") == [
        ("如何申请年假？", False),
        ("员工每年有多少天年假？", False),
    ]
    near = found(curator, "How do I connect to the VPN from home")
    assert near[0] == ("How do I connect to the VPN from home?", True)
    assert found(curator, "Is the canteen open?")[0] == ("Where is the canteen?", False)
    assert found(curator, "quantum chromodynamics") == []


@pytest.mark.parametrize(
    "text", ["", "   ", "？！", "a", "'", "\\", "' | '", "!", "年", "x" * 20_000]
)
def test_any_text_may_stand_in_the_field(
    curator: User, records: dict[str, Record], text: str
) -> None:
    found(curator, text)


def test_a_record_is_not_similar_to_itself(curator: User, records: dict[str, Record]) -> None:
    record = records["员工每年有多少天年假？"]
    twin = record_create(
        actor=curator,
        content={
            "instruction": "今天吃什么？",
            "phrasings": ["员工每年有多少天年假"],
            "output": "y",
        },
    )
    similar = similar_to(user=curator, record=record)
    assert (similar[0].record, similar[0].near) == (twin, 1.0)
    assert record not in [s.record for s in similar]
    assert similar_to(user=curator, record=twin)[0].record == record


def test_other_numbers_are_another_question(curator: User) -> None:
    record_create(actor=curator, content={"instruction": "错误691是什么意思？", "output": "x"})
    assert [near for _text, near in found(curator, "错误692是什么意思？")] == [False]


def test_words_that_are_everywhere_find_nothing_alone(curator: User) -> None:
    for number in range(60):
        content = {"instruction": f"How do I use machine {number}?", "output": "x"}
        record_create(actor=curator, content=content)
    record_create(actor=curator, content={"instruction": "How is the canteen?", "output": "x"})
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE curation_record (search)")
    similar = found(curator, "How do I find the canteen?")
    assert similar[0][0] == "How is the canteen?"
    assert len(similar) <= 8


def test_over_rest(
    api: As, curator: User, trainer: User, employee: User, records: dict[str, Record]
) -> None:
    body = api(trainer).get("/records/similar", text="请问员工每年有多少天年假？").json()["results"]
    assert body[0]["instruction"] == "员工每年有多少天年假？"
    assert 0.75 <= body[0]["near"] <= 1
    by_words = api(trainer).get("/records/similar", text="申请年假").json()["results"]
    assert [found["near"] for found in by_words] == [None, None]
    record = records["如何申请年假？"]
    assert api(curator).get(f"/records/{record.pk}/similar").status_code == 200
    assert api(curator).get("/records/similar").status_code == 400
    assert api(curator).get("/records/similar", text="x" * 20_001).status_code == 400
    assert api(curator).get("/records/similar", text="a\0b").status_code == 400
    for path in ("/records/similar?text=a", f"/records/{record.pk}/similar"):
        assert api(employee).get(path).status_code == 403
        assert api(None).get(path).status_code == 401


def test_the_part_of_the_page(curator: User, employee: User, records: dict[str, Record]) -> None:
    client = Client()
    client.force_login(curator)
    page = client.get(PART, {"text": "请问员工每年有多少天年假？"}).content.decode()
    record = records["员工每年有多少天年假？"]
    assert f"/admin/curation/record/{record.pk}/change/" in page
    assert "% alike" in page
    without = client.get(PART, {"text": record.instruction, "except": str(record.pk)})
    assert str(record.pk) not in without.content.decode()
    record_create(actor=curator, content={"instruction": "员工有多少天年假？", "output": "y"})
    assert "员工有多少天" in client.get(PART, {"record": str(record.pk)}).content.decode()
    for odd in ({}, {"text": ""}, {"text": "a\0"}, {"record": "x"}, {"text": "a", "except": "x"}):
        assert client.get(PART, odd).status_code == 200, odd
    record_create(actor=curator, content={"instruction": "<b>Bold question?</b>", "output": "x"})
    inert = client.get(PART, {"text": "<b>Bold question?</b>"}).content.decode()
    assert "<b>Bold" not in inert
    assert "&lt;b&gt;Bold" in inert
    stranger = Client()
    stranger.force_login(employee)
    assert stranger.get(PART, {"text": "a"}, follow=True).status_code == 403


def test_the_editor_has_a_place_for_it(curator: User, records: dict[str, Record]) -> None:
    client = Client()
    client.force_login(curator)
    add = client.get("/admin/curation/record/add/").content.decode()
    assert f'data-similar="{PART}"' in add
    record = records["如何申请年假？"]
    change = client.get(f"/admin/curation/record/{record.pk}/change/").content.decode()
    assert f'data-record="{record.pk}"' in change


def test_it_takes_few_statements(
    curator: User,
    records: dict[str, Record],
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_max_num_queries(7):
        similar_records(user=curator, text="请问员工每年有多少天年假？")


def test_what_is_similar_does_not_hang_on_when_postgresql_last_looked(
    curator: User, records: dict[str, Record]
) -> None:
    """Its statistics are missing for new records, and name only what is frequent afterwards."""
    asked = [
        "劳驾问问年假该怎么申请",
        "Could you kindly tell me where the canteen is located?",
        "请问食堂",
    ]
    before = [found(curator, text) for text in asked]
    assert all(before[:2])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE curation_record")
    assert [found(curator, text) for text in asked] == before
