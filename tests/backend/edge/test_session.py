"""Signing in and out over HTTP."""

from typing import Any

import pytest
from django.test import Client

from backend.accounts.models import Department, User
from backend.accounts.roles import Role
from backend.accounts.services import person_create

pytestmark = pytest.mark.django_db
PASSWORD = "a-Long-enough-1"


@pytest.fixture
def li_wei() -> User:
    return person_create(
        username="liwei",
        password=PASSWORD,
        role=Role.EMPLOYEE,
        display_name="李伟",
        department=Department.objects.create(name="市场部"),
        language="zh-hans",
    )


def sign_in(client: Client, **credentials: str) -> Any:  # the test client's answer
    token = client.get("/api/v1/session").cookies["csrftoken"].value
    return client.post(
        "/api/v1/session",
        credentials,
        content_type="application/json",
        headers={"x-csrftoken": token},
    )


def test_nobody_is_told_that_they_are_nobody() -> None:
    answer = Client().get("/api/v1/session")
    assert answer.status_code == 200
    assert answer.json()["user"] is None
    assert "csrftoken" in answer.cookies


def test_signing_in_tells_who_one_is_and_signing_out_ends_it(li_wei: User) -> None:
    client = Client(enforce_csrf_checks=True)
    answer = sign_in(client, username="liwei", password=PASSWORD)
    assert answer.status_code == 200
    user = answer.json()["user"]
    assert user["display_name"] == "李伟"
    assert user["department"]["name"] == "市场部"
    assert user["roles"] == ["employee"]
    assert user["may"] == ["chat"]
    token = client.cookies["csrftoken"].value
    assert client.delete("/api/v1/session", headers={"x-csrftoken": token}).status_code == 204
    assert client.get("/api/v1/session").json()["user"] is None
    assert client.get("/api/v1/conversations").status_code == 401


def test_a_wrong_password_says_so_and_not_which_part_was_wrong(li_wei: User) -> None:
    wrong = sign_in(Client(), username="liwei", password="no")
    unknown = sign_in(Client(), username="nobody", password="no")
    assert wrong.status_code == unknown.status_code == 400
    assert wrong.json() == unknown.json()
    assert wrong.json()["error"]["code"] == "sign_in_failed"


def test_signing_in_needs_the_csrf_token(li_wei: User) -> None:
    client = Client(enforce_csrf_checks=True)
    answer = client.post(
        "/api/v1/session",
        {"username": "liwei", "password": PASSWORD},
        content_type="application/json",
    )
    assert answer.status_code in {400, 403}
    assert answer.json()["error"]["code"] == "csrf"
    assert client.get("/api/v1/session").json()["user"] is None


def test_guessing_is_slowed_down(li_wei: User) -> None:
    client = Client()
    codes = [sign_in(client, username="liwei", password="no").status_code for _ in range(25)]
    assert codes[0] == 400
    assert codes[-1] == 429


@pytest.mark.parametrize("body", ["", "[]", '"x"', "{", '{"username": {"a": 1}, "password": []}'])
def test_a_malformed_body_is_refused_in_the_error_shape(body: str) -> None:
    answer = Client().post("/api/v1/session", body, content_type="application/json")
    assert answer.status_code == 400
    assert set(answer.json()["error"]) == {"code", "message", "details"}


def test_a_person_chooses_language_and_appearance(li_wei: User) -> None:
    client = Client()
    client.force_login(li_wei)
    answer = client.patch(
        "/api/v1/session", {"language": "en", "theme": "dark"}, content_type="application/json"
    )
    assert answer.status_code == 200
    li_wei.refresh_from_db()
    assert (li_wei.language, li_wei.theme) == ("en", "dark")
    refused = client.patch("/api/v1/session", {"language": "xx"}, content_type="application/json")
    assert refused.status_code == 400
