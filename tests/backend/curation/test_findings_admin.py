"""Findings on the record pages: the panel, its buttons, badges and filters."""

import pytest
from django.test import Client

from backend.accounts.models import User
from backend.curation.models import Record
from backend.curation.services import record_create

pytestmark = pytest.mark.django_db
LIST = "/admin/curation/record/"


@pytest.fixture
def record(curator: User) -> Record:
    content = {"instruction": "谁能帮我？", "output": "请致电13912345678，<b>张三</b>。"}
    return record_create(actor=curator, content=content)


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def press(user: User, record: Record, code: str, step: str, revision: object = 1) -> None:
    finding = record.findings.get(code=code)
    address = f"{LIST}{record.pk}/findings/{finding.pk}/"
    answer = client_of(user).post(address, {"step": step, "revision": revision})
    assert answer.status_code == 302, answer.status_code


def test_the_panel_says_what_is_wrong_and_shows_no_number(curator: User, record: Record) -> None:
    page = client_of(curator).get(f"{LIST}{record.pk}/change/").content.decode()
    assert "139****78" in page
    assert "Replace by [电话]" in page
    assert "Remove the HTML" in page


def test_whoever_may_only_read_gets_no_buttons(trainer: User, record: Record) -> None:
    page = client_of(trainer).get(f"{LIST}{record.pk}/change/").content.decode()
    assert "139****78" in page
    assert "Remove the HTML" not in page
    press(trainer, record, "html", "correct")
    record.refresh_from_db()
    assert record.revision == 1


def test_buttons_put_right_and_ignore(curator: User, record: Record) -> None:
    press(curator, record, "html", "correct", revision="x")
    record.refresh_from_db()
    assert record.revision == 1
    press(curator, record, "html", "correct")
    record.refresh_from_db()
    assert record.output == "请致电13912345678，张三。"
    press(curator, record, "phone", "ignore")
    record.refresh_from_db()
    assert record.finding_codes == []
    page = client_of(curator).get(f"{LIST}{record.pk}/change/").content.decode()
    assert "Ignored by 王芳" in page
    press(curator, record, "phone", "heed")
    record.refresh_from_db()
    assert record.finding_codes == ["phone"]


def test_the_list_shows_and_filters_findings(curator: User, record: Record) -> None:
    client = client_of(curator)
    page = client.get(LIST).content.decode()
    assert "ld-finding-warning" in page
    for query, listed in (
        ("severity=warning", True),
        ("severity=none", False),
        ("severity=9", True),
        ("finding=phone", True),
        ("finding=email", False),
    ):
        answer = client.get(f"{LIST}?{query}")
        assert answer.status_code == 200
        assert (str(record.pk) in answer.content.decode()) == listed, query
