"""Forgetting in the admin: the dialog, what follows from it, and what contains the record."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from backend.accounts.models import User
from backend.assistants.models import Assistant
from backend.common.models import AuditEntry
from backend.curation.models import DatasetVersion, Record
from backend.curation.services import dataset_version_freeze, record_forget, records_insert
from backend.serving.models import Deployment
from backend.training.models import Adapter, TrainingRun
from ml.formats import RecordFields

pytestmark = pytest.mark.django_db
LIST = "/admin/curation/record/"
Pages = Callable[[User], Client]
SENT = {"reason": "She asked us to.", "_form_submitted": "True"}


@pytest.fixture
def record() -> Record:
    return approved("年假有几天？")


def approved(question: str, **fields: Any) -> Record:
    content = RecordFields(instruction=question, output="13天。", **fields)
    (record,) = records_insert(contents=[content], author=None, status=Record.Status.APPROVED)
    return record


def change(record: Record) -> str:
    return f"{LIST}{record.pk}/change/"


def dialog(record: Record) -> str:
    return f"{LIST}{record.pk}/forget_one/"


def panel(record: Record) -> str:
    return f"/api/v1/records/{record.pk}/usage/panel"


def text_of(answer: Any) -> str:
    assert answer.status_code == 200, answer.status_code
    return str(answer.content.decode())


def said(answer: Any) -> list[str]:
    return [str(message) for message in get_messages(answer.wsgi_request)]


def trained_on(version: DatasetVersion, assistant: Assistant, number: int) -> Adapter:
    run = TrainingRun.objects.create(
        number=number, dataset_version=version, assistant=assistant, base_model="base"
    )
    return Adapter.objects.create(
        name=f"desk-{number}", run=run, assistant=assistant, base_model="base"
    )


@pytest.mark.parametrize(
    ("role", "forgets", "erases"),
    [
        ("employee", False, False),
        ("curator", True, False),
        ("reviewer", True, True),
        ("trainer", False, False),
        ("approver", False, False),
        ("admin", True, True),
    ],
)
def test_who_sees_the_dialog_and_who_may_use_it(
    request: pytest.FixtureRequest,
    pages: Pages,
    record: Record,
    role: str,
    forgets: bool,
    erases: bool,
) -> None:
    client = pages(request.getfixturevalue(role))
    assert (dialog(record) in client.get(change(record)).content.decode()) == forgets
    refused = 302 if role == "employee" else 403  # out of the admin altogether
    assert client.get(dialog(record)).status_code == (200 if forgets else refused)
    record.refresh_from_db()
    assert record.status == "approved", "looking at the dialog changed something"
    client.post(dialog(record), SENT | {"erase": "on"})
    record.refresh_from_db()
    assert (record.erased_at is not None) == erases
    if not erases:
        assert record.forgotten_at is None
        client.post(dialog(record), SENT)
        record.refresh_from_db()
        assert (record.forgotten_at is not None) == forgets


def test_the_dialog_says_what_it_means(pages: Pages, curator: User, record: Record) -> None:
    page = text_of(pages(curator).get(dialog(record)))
    for words in (
        "Forget this record for good",
        "its page lists what must be trained anew",
        "This cannot be undone.",
        "also erase the content",
        "For reviewers and administrators.",
    ):
        assert words in page


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501])
def test_a_reason_is_required(pages: Pages, curator: User, record: Record, reason: str) -> None:
    answer = pages(curator).post(dialog(record), SENT | {"reason": reason})
    assert 'name="reason"' in text_of(answer), "the dialog stays open"
    record.refresh_from_db()
    assert (record.status, record.forgotten_at) == ("approved", None)
    assert not AuditEntry.objects.filter(action="record.forget").exists()


def test_what_is_forgotten_says_so_on_its_page(
    pages: Pages, curator: User, reviewer: User, record: Record
) -> None:
    answer = pages(curator).post(dialog(record), SENT, headers={"hx-request": "true"})
    assert answer["HX-Redirect"] == change(record)
    assert said(answer) == ["It is forgotten."]
    page = text_of(pages(curator).get(change(record)))
    assert "by 王芳: She asked us to." in page
    assert "年假有几天？" in page
    assert dialog(record) not in page, "there is nothing left that a curator may do"
    # Erased later, by somebody who may.
    assert dialog(record) in text_of(pages(reviewer).get(change(record)))
    pages(reviewer).post(dialog(record), SENT | {"erase": "on"})
    page = text_of(pages(reviewer).get(change(record)))
    assert "Its content is erased." in page
    assert "年假有几天？" not in page
    assert "13天。" not in page
    assert dialog(record) not in page
    assert "年假有几天？" not in text_of(pages(reviewer).get(LIST))


def test_who_comes_second_is_told(pages: Pages, reviewer: User, record: Record) -> None:
    client = pages(reviewer)
    record_forget(actor=reviewer, record=record, reason="asked")
    answer = client.post(dialog(record), SENT)
    assert said(answer) == ["This record is forgotten, and stays so. Write a new one."]
    assert AuditEntry.objects.filter(action="record.forget").count() == 1


def test_versions_and_what_must_be_trained_anew_are_listed(
    pages: Pages,
    curator: User,
    trainer: User,
    record: Record,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    golden = approved("When are we paid?", golden=True)
    assistant = Assistant.objects.create(slug="desk", name="<Desk>", base_model="base")
    versions = [dataset_version_freeze(actor=trainer, validation_share=0) for _ in range(2)]
    first, second = (trained_on(version, assistant, n) for n, version in enumerate(versions))
    Deployment.objects.create(assistant=assistant, adapter=first, action="promote")
    client = pages(curator)
    assert f'hx-get="{panel(record)}"' in text_of(client.get(change(record)))
    with django_assert_max_num_queries(8):
        page = text_of(client.get(panel(record)))
    for version in versions:
        assert f'<a href="/studio/versions/{version.pk}">v{version.number}</a>' in page
    # The one in production comes first; a name is no markup.
    assert page.index(first.name) < page.index(second.name)
    assert "(in production: &lt;Desk&gt;)" in page
    assert "held out" not in page
    assert text_of(client.get(panel(golden))).count("held out") == 2
    # It stays listed once the record is forgotten: that is what has to be trained anew.
    record_forget(actor=curator, record=record, reason="asked")
    assert text_of(client.get(panel(record))).split() == page.split()
    approved("Who else asks?")
    third = dataset_version_freeze(actor=trainer, validation_share=0)
    trained_on(third, assistant, 7)
    assert "desk-7" not in text_of(client.get(panel(record)))


def test_nothing_contains_a_new_record(pages: Pages, curator: User, record: Record) -> None:
    assert text_of(pages(curator).get(panel(record))).strip() == ""


def test_who_may_read_what_contains_it(
    pages: Pages, employee: User, curator: User, trainer: User, approver: User, record: Record
) -> None:
    for user in (curator, trainer, approver):
        assert pages(user).get(panel(record)).status_code == 200
    assert pages(employee).get(panel(record)).status_code == 403
    assert Client().get(panel(record)).status_code == 302
    assert pages(curator).post(panel(record)).status_code == 405
    unknown = "00000000-0000-0000-0000-000000000000"
    assert pages(curator).get(f"/api/v1/records/{unknown}/usage/panel").status_code in {403, 404}
    assert pages(curator).get(f"{LIST}{unknown}/forget_one/").status_code in {302, 403, 404}
    answer = pages(curator).post(f"{LIST}{unknown}/forget_one/", SENT)
    assert answer.status_code in {302, 403, 404}


def test_a_forgotten_record_is_only_looked_at(pages: Pages, curator: User, record: Record) -> None:
    address = f"{LIST}{record.pk}/change/"
    assert 'name="output"' in pages(curator).get(address).content.decode()
    record_forget(actor=curator, record=record, reason="She asked us to.")
    page = pages(curator).get(address).content.decode()
    assert 'name="output"' not in page
    assert 'name="_save"' not in page
    assert pages(curator).post(address, {"output": "x"}).status_code == 403
