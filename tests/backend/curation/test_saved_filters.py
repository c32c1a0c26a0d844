"""Filters that people keep: their own, and those that others share."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from backend.accounts.models import User
from backend.curation.models import SavedFilter
from backend.curation.services import record_create, saved_filter_create
from tests.backend.conftest import Api, at_once

pytestmark = pytest.mark.django_db
As = Callable[[User | None], Api]
LIST = "/admin/curation/record/"
LEAVE = {"name": "Leave", "query": "q=年假&status__exact=draft&p=3"}


def test_keeping_renaming_sharing_and_deleting(api: As, curator: User, reviewer: User) -> None:
    client = api(curator)
    kept = client.post("/saved-filters", LEAVE)
    assert kept.status_code == 201
    body = kept.json()
    assert (body["name"], body["shared"], body["owner"]["name"]) == ("Leave", False, "王芳")
    assert body["query"] == "q=%E5%B9%B4%E5%81%87&status__exact=draft"
    assert api(reviewer).get("/saved-filters").json() == []
    address = f"/saved-filters/{body['id']}"
    assert api(reviewer).patch(address, {"name": "x"}).status_code == 404
    assert client.patch(address, {"name": "Days off", "shared": True}).json()["shared"] is True
    assert [f["name"] for f in api(reviewer).get("/saved-filters").json()] == ["Days off"]
    assert api(reviewer).patch(address, {"name": "x"}).status_code == 403
    assert api(reviewer).delete(address).status_code == 403
    assert client.delete(address).status_code == 204
    assert not SavedFilter.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"name": "x"},
        {"name": "", "query": "q=a"},
        {"name": " \u3000 ", "query": "q=a"},
        {"name": "x" * 61, "query": "q=a"},
        {"name": "a\0", "query": "q=a"},
        {"name": "x", "query": ""},
        {"name": "x", "query": "p=2&all="},
        {"name": "x", "query": "q=" + "a" * 2000},
        {"name": "x", "query": "q=" + "年" * 700},
        {"name": "x", "query": "q=%00"},
        {"name": "x", "query": "q=a", "shared": "perhaps"},
        {"name": ["x"], "query": {}},
    ],
)
def test_what_cannot_be_kept_is_refused(api: As, curator: User, body: Any) -> None:
    answer = api(curator).post("/saved-filters", body)
    assert answer.status_code == 400, answer.content
    assert not SavedFilter.objects.exists()


def test_a_name_stands_for_one_filter_of_a_person(api: As, curator: User, reviewer: User) -> None:
    api(curator).post("/saved-filters", LEAVE)
    again = api(curator).post("/saved-filters", LEAVE | {"name": " Leave "})
    assert (again.status_code, again.json()["error"]["code"]) == (409, "name_taken")
    assert api(reviewer).post("/saved-filters", LEAVE).status_code == 201
    other = api(curator).post("/saved-filters", LEAVE | {"name": "Other"}).json()
    taken = api(curator).patch(f"/saved-filters/{other['id']}", {"name": "Leave"})
    assert taken.status_code == 409
    assert api(curator).patch(f"/saved-filters/{other['id']}", {"name": " "}).status_code == 400


def test_nobody_keeps_endlessly_many(
    api: As, curator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.curation.services.saved_filters.MAX_FILTERS", 1)
    api(curator).post("/saved-filters", LEAVE)
    full = api(curator).post("/saved-filters", LEAVE | {"name": "Second"})
    assert full.json()["error"]["code"] == "too_many_filters"


@pytest.mark.parametrize(
    ("role", "keeps", "shares"),
    [
        ("employee", 403, 403),
        ("curator", 201, 201),
        ("reviewer", 201, 201),
        ("trainer", 201, 403),
        ("approver", 201, 403),
        ("admin", 201, 201),
    ],
)
def test_who_may_keep_and_who_may_share(
    request: pytest.FixtureRequest, api: As, role: str, keeps: int, shares: int
) -> None:
    client = api(request.getfixturevalue(role))
    assert client.post("/saved-filters", LEAVE).status_code == keeps
    shared = LEAVE | {"name": "Shared", "shared": True}
    assert client.post("/saved-filters", shared).status_code == shares
    assert client.get("/saved-filters").status_code == (403 if role == "employee" else 200)
    assert client.get(f"/saved-filters/{uuid.uuid4()}").status_code in {403, 405}
    assert api(None).get("/saved-filters").status_code == 401


def test_who_manages_people_clears_up(api: As, curator: User, admin: User) -> None:
    shared = saved_filter_create(actor=curator, name="Shared", query="q=a", shared=True)
    own = saved_filter_create(actor=curator, name="Own", query="q=a")
    assert api(admin).patch(f"/saved-filters/{shared.pk}", {"name": "x"}).status_code == 403
    assert api(admin).delete(f"/saved-filters/{shared.pk}").status_code == 204
    assert api(admin).delete(f"/saved-filters/{own.pk}").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_one_name_at_once(api: As, curator: User) -> None:
    codes: list[int] = []
    at_once(lambda: codes.append(api(curator).post("/saved-filters", LEAVE).status_code))
    assert sorted(codes) == [201, 409]


# ------------------------------------------------------------ above the list


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def said(answer: Any) -> list[str]:
    return [str(message) for message in get_messages(answer.wsgi_request)]


def test_chips_above_the_list(curator: User, reviewer: User) -> None:
    record_create(actor=curator, content={"instruction": "年假有几天？", "output": "x"})
    client = signed_in(curator)
    assert "Keep this filter" not in client.get(LIST).content.decode()
    assert "Keep this filter" in client.get(f"{LIST}?q=年假").content.decode()
    sent = {"name": "Leave", "query": "q=年假&o=-6.1", "shared": "on"}
    answer = client.post(f"{LIST}saved-filters/", sent)
    assert said(answer) == ["Kept as “Leave”."]
    assert answer["Location"] == f"{LIST}?o=-6.1&q=%E5%B9%B4%E5%81%87"
    page = signed_in(reviewer).get(answer["Location"]).content.decode()
    assert "年假有几天？" in page
    assert 'aria-current="true"' in page.partition('class="ld-chips"')[2]
    assert 'name="delete"' not in page.partition('class="ld-chips"')[2]
    kept = SavedFilter.objects.get()
    address = f"{LIST}saved-filters/{kept.pk}/"
    client.post(address, {"name": "Days", "query": "q=x"})
    kept.refresh_from_db()
    assert (kept.name, kept.shared) == ("Days", False)
    assert said(client.post(address, {"name": ""}))[-1] == "Give the filter a name."
    refused = signed_in(reviewer).post(address, {"delete": "1"})
    assert said(refused) == ["There is no such filter."]
    assert said(client.post(address, {"delete": "1"}))[-1] == "“Days” is deleted."
    assert client.get(address).status_code == 405


def test_the_way_back_stays_in_the_list(curator: User) -> None:
    sent = {"name": "x", "query": "//elsewhere.example/?q=a"}
    answer = signed_in(curator).post(f"{LIST}saved-filters/", sent)
    assert answer["Location"].startswith(f"{LIST}?")


def test_many_filters_take_no_more_statements(
    curator: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(20):
        saved_filter_create(actor=curator, name=f"{number}", query="q=a")
    client = signed_in(curator)
    with django_assert_max_num_queries(20):
        client.get(LIST)
