"""Outside the API a browser is answered with a page, and a program with the API's shape."""

import pytest
from django.test import Client

from backend.accounts.models import User

pytestmark = pytest.mark.django_db
REVIEW = "/admin/curation/record/review/"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize("accept", [None, "*/*", "application/json"])
def test_a_program_reads_the_error_of_the_api(curator: User, accept: str | None) -> None:
    client = Client()
    client.force_login(curator)
    answer = client.get(REVIEW, headers={"accept": accept} if accept else {})
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "not_allowed"


def test_a_person_reads_a_page_in_their_language(curator: User) -> None:
    client = Client()
    client.force_login(curator)
    answer = client.get(REVIEW, headers={"accept": BROWSER, "accept-language": "zh-CN"})
    assert (answer.status_code, answer["Content-Type"]) == (403, "text/html; charset=utf-8")
    assert "你的角色没有此权限。" in answer.content.decode()
    answer = client.get("/admin/nowhere/", headers={"accept": BROWSER, "accept-language": "en"})
    assert answer.status_code == 404
    assert "There is nothing at this address." in answer.content.decode()


def test_a_form_of_an_old_page_is_refused_with_a_page(curator: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(curator)
    answer = client.post(REVIEW, headers={"accept": BROWSER, "accept-language": "en"})
    assert answer.status_code == 403
    assert "This page is out of date." in answer.content.decode()
    assert client.post(REVIEW).json()["error"]["code"] == "csrf"
