"""The first page: what is to do, how many records are where, and what happened lately."""

import re

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from backend.accounts.models import User
from backend.common.models import AuditEntry
from backend.curation.models import Record
from backend.curation.services import (
    record_approve,
    record_create,
    record_delete,
    record_reject,
    record_submit,
)

pytestmark = pytest.mark.django_db
LIST = "/admin/curation/record/"


def page_of(user: User) -> str:
    client = Client()
    client.force_login(user)
    answer = client.get("/admin/")
    assert answer.status_code == 200
    return str(answer.content.decode())


def to_do(page: str) -> list[tuple[int, str, str]]:
    found = re.findall(
        r'<li><a href="([^"]*)"><strong>(\d+)</strong> <span>(.*?)</span></a></li>', page
    )
    return [(int(number), text, link.replace("&amp;", "&")) for link, number, text in found]


def in_review(author: User, question: str, **fields: object) -> Record:
    record = record_create(actor=author, content={"instruction": question, "output": "x", **fields})
    return record_submit(actor=author, record=record)


def test_what_is_to_do_and_where(curator: User, reviewer: User, trainer: User) -> None:
    in_review(curator, "One?")
    in_review(reviewer, "Own?")
    record_reject(actor=reviewer, record=in_review(curator, "Two?"), reason="No.")
    record_create(actor=curator, content={"instruction": "Draft?", "output": "x"})
    assert to_do(page_of(reviewer)) == [
        (1, "record waits for your review", f"{LIST}review/"),
        (
            1,
            "record of yours waits for somebody’s review",
            f"{LIST}?status__exact=in_review&written_by=me",
        ),
    ]
    lines = to_do(page_of(curator))
    assert [number for number, _text, _link in lines] == [1, 1, 1]
    client = Client()
    client.force_login(curator)
    for (_number, _text, link), question in zip(lines, ("Two?", "Draft?", "One?"), strict=True):
        shown = client.get(link).content.decode()
        assert [q for q in ("One?", "Own?", "Two?", "Draft?") if q in shown] == [question]
    assert to_do(page_of(trainer)) == []


def test_without_four_eyes_own_records_wait_for_oneself(settings: Settings, reviewer: User) -> None:
    settings.FOUR_EYES = False
    in_review(reviewer, "Own?")
    assert to_do(page_of(reviewer))[0][:2] == (1, "record waits for your review")


def test_each_number_leads_to_what_it_counts(curator: User) -> None:
    in_review(curator, "年假有几天？")
    in_review(curator, "One?")
    page = page_of(curator)
    assert f'{LIST}?status__exact=in_review&amp;language__exact=zh">1</a>' in page
    assert f'{LIST}?status__exact=in_review">2</a>' in page
    assert "status__exact=approved&amp;language__exact" not in page  # nothing is counted there


def test_an_empty_desk_says_what_comes_first(curator: User, trainer: User) -> None:
    page = page_of(curator)
    assert "There are no records yet." in page
    assert "Somebody else reads and approves them." in page
    assert "Somebody else reads" not in page_of(trainer)


def test_what_happened_lately(curator: User, reviewer: User) -> None:
    record_approve(actor=reviewer, record=in_review(curator, "<b>One?</b>"))
    gone = in_review(curator, "Gone?")
    record_delete(actor=curator, record=gone)
    AuditEntry.objects.create(action="record.approve", entity_type="x", entity_id="no id")
    page = page_of(curator).partition("Lately")[2]
    assert "Chen Jing approved:" in page
    assert "&lt;b&gt;One?" in page
    assert "Gone?" not in page


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_many_records_take_no_more_statements(
    curator: User,
    reviewer: User,
    language: str,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    reviewer.language = language
    reviewer.save()
    for number in range(15):
        in_review(curator, f"Question {number}?")
    client = Client()
    client.force_login(reviewer)
    with django_assert_max_num_queries(18):
        client.get("/admin/")
