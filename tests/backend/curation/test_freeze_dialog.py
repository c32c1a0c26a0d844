"""The dialog that freezes says before what the version would hold."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from backend.accounts.models import User
from backend.curation.admin import freeze_part
from backend.curation.models import DatasetVersion, Finding, Record
from backend.curation.services import (
    dataset_version_freeze,
    record_create,
    record_update,
)

pytestmark = pytest.mark.django_db
LIST = "/admin/curation/record/"
DIALOG = f"{LIST}freeze/"
PART = f"{LIST}freeze-part/"
Pages = Callable[[User], Client]


def approved(author: User, *questions: str, **fields: Any) -> list[Record]:
    records = [
        record_create(actor=author, content={"instruction": q, "output": f"An answer to {q}"})
        for q in questions
    ]
    keys = [record.pk for record in records]
    Record.objects.filter(pk__in=keys).update(status="approved", **fields)
    return list(Record.objects.filter(pk__in=keys).order_by("created_at"))


def found(record: Record, **fields: Any) -> None:
    severity = Finding.Severity.ERROR
    Finding.objects.create(record=record, code="phone", severity=severity, revision=1, **fields)


def text_of(answer: Any) -> str:
    assert answer.status_code == 200, answer.status_code
    return str(answer.content.decode())


def counts(page: str) -> list[int]:
    """Training, validation, golden, left out."""
    return [int(number) for number in re.findall(r"<dd>(\d+)</dd>", page)]


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_it_says_what_would_be_in_and_what_not(
    pages: Pages, curator: User, trainer: User, language: str
) -> None:
    trainer.language = language
    trainer.save()
    today = timezone.localdate()
    approved(curator, "How long is the notice period?", "Who signs for travel?")
    approved(curator, "Where is the canteen?", golden=True)
    approved(curator, "What did lunch cost?", valid_until=today - timedelta(days=9))
    approved(curator, "When is the fair?", valid_until=today + timedelta(days=9))
    page = text_of(pages(trainer).get(DIALOG))
    assert sum(counts(page)[:3]) == 4
    assert counts(page)[2:] == [1, 1]
    expired = {"en": "Its last day of validity had passed.", "zh-hans": "它的有效期已过。"}[
        language
    ]
    assert f"<strong>1</strong> {expired}" in page


def test_the_counts_are_those_of_the_freeze(pages: Pages, curator: User, trainer: User) -> None:
    approved(curator, *(f"Which form is number {n} for?" for n in range(12)))
    shown = counts(text_of(pages(trainer).get(PART, {"validation_percent": "50"})))
    sent = {"validation_percent": 50, "_form_submitted": "True", "note": ""}
    assert pages(trainer).post(DIALOG, sent).status_code == 302
    frozen = DatasetVersion.objects.get().counts
    assert shown == [frozen[name] for name in ("train", "validation", "golden", "dropped")]
    assert shown[1] > 0


def test_it_says_what_has_changed_since_the_last_version(
    pages: Pages, curator: User, trainer: User
) -> None:
    records = approved(curator, "Where is the canteen?", "Who signs for travel?")
    dataset_version_freeze(actor=trainer, validation_share=0, note="")
    record_update(actor=curator, record=records[0], content={"output": "On the first floor."})
    Record.objects.filter(pk=records[0].pk).update(status="approved")
    approved(curator, "How long is the notice period?")
    page = text_of(pages(trainer).get(DIALOG))
    assert "Since version 1" in page
    assert "<strong>1</strong> added" in page
    assert "<strong>1</strong> changed" in page


def test_findings_lead_to_the_records_that_have_them(
    pages: Pages, curator: User, trainer: User
) -> None:
    with_errors, ignored, _clean = approved(curator, "Call me?", "Write me?", "Where is it?")
    draft = record_create(actor=curator, content={"instruction": "Draft?", "output": "x"})
    Finding.objects.all().delete()
    for record, ignored_at in ((with_errors, None), (ignored, timezone.now()), (draft, None)):
        found(record, ignored_at=ignored_at)
    Record.objects.update(finding_codes=[])
    Record.objects.filter(pk=with_errors.pk).update(finding_codes=["phone"])
    page = text_of(pages(trainer).get(DIALOG))
    (link,) = re.findall(r'href="([^"]*finding=phone[^"]*)"', page)
    assert f'<a href="{link}"><strong>1</strong>' in page
    shown = text_of(pages(trainer).get(link.replace("&amp;", "&")))
    assert "Call me?" in shown
    assert "Write me?" not in shown
    Finding.objects.all().delete()
    assert "Nothing is found." in text_of(pages(trainer).get(DIALOG))


def test_of_very_many_the_studio_tells(
    pages: Pages,
    curator: User,
    trainer: User,
    monkeypatch: pytest.MonkeyPatch,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    monkeypatch.setattr(freeze_part, "AT_ONCE", 2)
    records = approved(curator, "Call me?", "Who signs?", "Where is it?")
    Finding.objects.all().delete()
    found(records[0])

    def never(**_given: Any) -> None:
        raise AssertionError("the preview was read")

    monkeypatch.setattr(freeze_part, "freeze_preview", never)
    client = pages(trainer)
    with django_assert_max_num_queries(8):
        page = text_of(client.get(DIALOG))
    assert "<strong>3</strong> records are approved." in page
    assert 'href="/studio/versions"' in page
    assert "finding=phone" in page
    assert counts(page) == []


@pytest.mark.parametrize("percent", ["", "x", "-1", "51", "1e3", "9" * 5000, "\0", "５"])
def test_a_share_that_cannot_be_is_shown_as_the_usual_one(
    pages: Pages, curator: User, trainer: User, percent: str
) -> None:
    approved(curator, "Where is the canteen?")
    page = text_of(pages(trainer).get(PART, {"validation_percent": percent}))
    assert sum(counts(page)) == 1
    refused = pages(trainer).post(
        DIALOG, {"validation_percent": percent, "_form_submitted": "True", "note": "x" * 5000}
    )
    assert sum(counts(text_of(refused))) == 1
    assert not DatasetVersion.objects.exists()


def test_nothing_approved_is_shown_as_nothing(pages: Pages, trainer: User) -> None:
    assert counts(text_of(pages(trainer).get(DIALOG))) == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("role", "may"),
    [
        ("employee", False),
        ("curator", False),
        ("reviewer", False),
        ("trainer", True),
        ("approver", False),
        ("admin", True),
    ],
)
def test_who_may_freeze_sees_it(
    request: pytest.FixtureRequest, pages: Pages, role: str, may: bool
) -> None:
    user: User = request.getfixturevalue(role)
    answer = pages(user).get(PART, follow=True)
    assert answer.status_code == (200 if may else 403)
