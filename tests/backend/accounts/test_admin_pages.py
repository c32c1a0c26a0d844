"""The administrators' pages, and everybody's own keys."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from backend.accounts.models import ApiKey, Department, User
from backend.accounts.roles import Role, roles_of
from backend.accounts.services import api_key_create, api_key_revoke, person_save
from backend.assistants.models import Assistant
from backend.common.audit import audit_write
from backend.common.errors import Conflict, NotAllowed
from backend.common.models import AuditEntry
from tests.backend.conftest import Api, Person

pytestmark = pytest.mark.django_db
PEOPLE = "/admin/accounts/user/"
KEYS = "/admin/accounts/apikey/"
DEPARTMENTS = "/admin/accounts/department/"
AUDIT = "/admin/common/auditentry/"
ASSISTANTS = "/admin/assistants/assistant/"


def pages(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def text_of(answer: Any) -> str:
    assert answer.status_code == 200, answer.status_code
    return str(answer.content.decode())


def said(answer: Any) -> list[str]:
    return [str(message) for message in get_messages(answer.wsgi_request)]


@pytest.mark.parametrize("role", ["curator", "reviewer", "trainer", "approver", "admin"])
def test_only_administrators_see_people_departments_assistants_and_audit(
    request: pytest.FixtureRequest, role: str
) -> None:
    client = pages(request.getfixturevalue(role))
    for address in (PEOPLE, f"{PEOPLE}add/", DEPARTMENTS, AUDIT, ASSISTANTS, f"{ASSISTANTS}add/"):
        assert client.get(address).status_code == (200 if role == "admin" else 403), address
    navigation = text_of(client.get("/admin/"))
    for address in (PEOPLE, DEPARTMENTS, AUDIT, ASSISTANTS):
        assert (address in navigation) == (role == "admin"), address
    assert KEYS in navigation
    assert client.get(KEYS).status_code == 200
    assert client.get("/admin/auth/group/").status_code == 404


def test_an_employee_is_told_that_the_pages_are_not_for_them(employee: User) -> None:
    answer = pages(employee).get(PEOPLE, follow=True)
    assert answer.status_code == 403
    assert "not for your role" in answer.content.decode()


def test_a_person_is_made_with_roles_and_can_sign_in(admin: User, api: Callable[..., Api]) -> None:
    department = Department.objects.create(name="市场部")
    sent = {
        "username": "zhao",
        "display_name": "赵敏",
        "department": str(department.pk),
        "language": "zh-hans",
        "roles": ["curator", "trainer"],
        "password1": "a-Long-enough-1",
        "password2": "a-Long-enough-1",
    }
    weak = pages(admin).post(f"{PEOPLE}add/", sent | {"password1": "1", "password2": "1"})
    assert "too short" in text_of(weak)
    assert pages(admin).post(f"{PEOPLE}add/", sent).status_code == 302
    person = User.objects.get(username="zhao")
    assert roles_of(person) == {Role.CURATOR, Role.TRAINER}
    assert (person.is_staff, person.is_superuser) == (True, False)
    assert person.check_password("a-Long-enough-1")
    assert api(person).get("/session").json()["user"]["department"]["name"] == "市场部"
    entry = AuditEntry.objects.get(action="person.create")
    assert (entry.actor, entry.data["roles"]) == (admin, ["curator", "trainer"])


def form_of(person: User, **fields: Any) -> dict[str, Any]:
    roles = list(person.groups.values_list("name", flat=True))
    sent: dict[str, Any] = {"username": person.username, "roles": roles, "is_active": "on"}
    return sent | fields


def test_roles_are_given_and_taken(admin: User, curator: User) -> None:
    address = f"{PEOPLE}{curator.pk}/change/"
    assert text_of(pages(admin).get(address)).count("checked") >= 2
    pages(admin).post(address, form_of(curator, roles=["employee"]))
    changed = User.objects.get(pk=curator.pk)
    assert roles_of(changed) == {Role.EMPLOYEE}
    assert not changed.is_staff
    assert pages(changed).get("/admin/", follow=True).status_code == 403
    pages(admin).post(address, form_of(curator, roles=["administrator"]))
    assert User.objects.get(pk=curator.pk).is_superuser
    assert "Select a valid choice" in text_of(
        pages(admin).post(address, form_of(curator, roles=["king"]))
    )


def test_the_last_administrator_stays(admin: User) -> None:
    address = f"{PEOPLE}{admin.pk}/change/"
    for change in ({"roles": ["employee"]}, {"is_active": ""}):
        answer = pages(admin).post(address, form_of(admin, **change))
        assert "Nobody would be left" in said(answer)[-1]
        assert User.objects.get().is_superuser
        assert User.objects.get().is_active
    with pytest.raises(Conflict):
        person_save(actor=admin, person=admin, roles=[])


def test_a_password_is_set_and_the_audit_knows_by_whom(
    admin: User, curator: User, reviewer: User
) -> None:
    answer = pages(admin).post(
        f"{PEOPLE}{curator.pk}/password/",
        {"password1": "another-Long-1", "password2": "another-Long-1", "usable_password": "true"},
    )
    assert answer.status_code == 302
    assert User.objects.get(pk=curator.pk).check_password("another-Long-1")
    entry = AuditEntry.objects.get(action="person.password")
    assert (entry.actor, entry.data) == (admin, {"username": "curator"})
    assert pages(reviewer).get(f"{PEOPLE}{admin.pk}/password/").status_code == 403


def test_people_are_not_deleted_but_switched_off(admin: User, curator: User) -> None:
    assert pages(admin).post(f"{PEOPLE}{curator.pk}/delete/", {"post": "yes"}).status_code == 403
    pages(admin).post(f"{PEOPLE}{curator.pk}/change/", form_of(curator, is_active=""))
    assert not User.objects.get(pk=curator.pk).is_active


def test_only_who_manages_people_saves_them(curator: User, employee: User) -> None:
    with pytest.raises(NotAllowed):
        person_save(actor=curator, person=employee, roles=[Role.ADMINISTRATOR])
    assert not User.objects.get(pk=employee.pk).is_superuser


def test_a_key_shows_its_secret_once(trainer: User) -> None:
    client = pages(trainer)
    sent = {"name": "crm", "scopes": ["chat", "manage"], "requests_per_minute": "60"}
    answer = client.post(f"{KEYS}add/", sent | {"_save": "1"})
    (secret,) = set(re.findall(r"ldk_[\w-]{30,}", text_of(answer)))
    assert "no-store" in answer["Cache-Control"]
    key = ApiKey.objects.get()
    assert (key.owner, key.scopes) == (trainer, ["chat", "manage"])
    bearer = {"authorization": f"Bearer {secret}"}
    assert Client().get("/api/v1/dataset-versions", headers=bearer).status_code == 200
    for address in (KEYS, f"{KEYS}{key.pk}/change/", f"{KEYS}add/"):
        assert secret not in text_of(client.get(address))
    client.post(f"{KEYS}{key.pk}/revoke_one/", {"_form_submitted": "True"})
    assert Client().get("/api/v1/dataset-versions", headers=bearer).status_code == 401


def test_a_plain_form_makes_a_key_that_chats(trainer: User) -> None:
    form = text_of(pages(trainer).get(f"{KEYS}add/"))
    assert re.search(r'value="chat"[^>]*checked', form)
    assert 'value="act_as"' not in form
    assert 'name="owner"' not in form


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"name": ""}, "required"),
        ({"scopes": []}, "required"),
        ({"scopes": ["act_as"]}, "valid choice"),
        ({"scopes": ["king"]}, "valid choice"),
        ({"expires_at_0": "2001-01-01", "expires_at_1": "00:00"}, "lies in the past"),
        ({"requests_per_minute": "many"}, "whole number"),
    ],
)
def test_a_wrong_field_of_a_key_is_named(trainer: User, wrong: dict[str, Any], words: str) -> None:
    sent = {"name": "crm", "scopes": ["chat"], "requests_per_minute": "60"}
    assert words in text_of(pages(trainer).post(f"{KEYS}add/", sent | wrong))
    assert not ApiKey.objects.exists()


def test_keys_are_everybodys_own(trainer: User, curator: User, admin: User) -> None:
    key, _secret = api_key_create(actor=trainer, owner=trainer, name="trainers-key")
    assert "trainers-key" not in text_of(pages(curator).get(KEYS))
    assert pages(curator).get(f"{KEYS}{key.pk}/change/").status_code == 302
    chosen = {"action": "revoke", "_selected_action": [str(key.pk)]}
    pages(curator).post(KEYS, chosen)
    pages(curator).post(f"{KEYS}{key.pk}/revoke_one/", {"_form_submitted": "True"})
    with pytest.raises(NotAllowed):
        api_key_revoke(actor=curator, key=key)
    key.refresh_from_db()
    assert key.revoked_at is None
    assert "trainers-key" in text_of(pages(admin).get(KEYS))
    assert said(pages(admin).post(KEYS, chosen)) == ["1 key revoked."]
    key.refresh_from_db()
    assert key.revoked_at is not None


def test_keys_for_others_are_given_by_administrators_only(curator: User, admin: User) -> None:
    with pytest.raises(NotAllowed):
        api_key_create(actor=curator, owner=admin, name="x")
    with pytest.raises(NotAllowed):
        api_key_create(actor=curator, owner=curator, name="x", scopes=["act_as"])
    sent = {
        "name": "x",
        "owner": str(curator.pk),
        "scopes": ["chat", "act_as"],
        "requests_per_minute": "60",
    }
    assert 'value="act_as"' not in text_of(pages(curator).get(f"{KEYS}add/"))
    text_of(pages(admin).post(f"{KEYS}add/", sent))
    assert ApiKey.objects.get().owner == curator


def test_departments_count_their_people(admin: User, employee: User) -> None:
    assert "市场部" in text_of(pages(admin).get(DEPARTMENTS))
    pages(admin).post(f"{DEPARTMENTS}add/", {"name": "研发部"})
    assert Department.objects.filter(name="研发部").exists()
    assert "already exists" in text_of(pages(admin).post(f"{DEPARTMENTS}add/", {"name": "研发部"}))


def test_the_audit_is_read_and_never_written(
    admin: User,
    person: Person,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(12):
        audit_write(actor=person(f"p{number}", Role.CURATOR), action=f"act.{number}", entity=admin)
    client = pages(admin)
    client.get(AUDIT)
    with django_assert_max_num_queries(14):
        assert "act.11" in text_of(client.get(AUDIT))
    entry = AuditEntry.objects.latest("id")
    assert client.get(f"{AUDIT}add/").status_code == 403
    assert client.post(f"{AUDIT}{entry.pk}/delete/", {"post": "yes"}).status_code == 403
    client.post(f"{AUDIT}{entry.pk}/change/", {"action": "other"})
    entry.refresh_from_db()
    assert entry.action == "act.11"


ASSISTANT = {
    "name": "HR",
    "slug": "hr",
    "system_prompt": "Be brief.\r\nYou talk to {{ name }}.",
    "base_model": "packaged:smollm2-135m-instruct",
    "temperature": "0.2",
    "max_new_tokens": "300",
    "is_active": "on",
    "questions_zh": "年假有几天？\r\n\r\n",
    "questions_en": "How many days?",
}


def test_an_assistant_is_made_and_changed(admin: User) -> None:
    department = Department.objects.create(name="人事部")
    sent = ASSISTANT | {"departments": [str(department.pk)]}
    assert pages(admin).post(f"{ASSISTANTS}add/", sent).status_code == 302
    made = Assistant.objects.get(slug="hr")
    assert made.suggested_questions == {"zh": ["年假有几天？"], "en": ["How many days?"]}
    assert list(made.departments.all()) == [department]
    address = f"{ASSISTANTS}{made.pk}/change/"
    assert "年假有几天？" in text_of(pages(admin).get(address))
    assert "人事部" in text_of(pages(admin).get(ASSISTANTS))
    pages(admin).post(address, ASSISTANT | {"slug": "other", "name": "People"})
    made.refresh_from_db()
    assert (made.name, made.slug, made.departments.count()) == ("People", "hr", 0)
    assert set(AuditEntry.objects.values_list("action", flat=True)) == {
        "assistant.create",
        "assistant.update",
    }


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"name": ""}, "required"),
        ({"slug": "not a slug"}, "valid “slug”"),
        ({"base_model": "packaged:nothing"}, "is packaged"),
        ({"base_model": "a\0b"}, "Null characters"),
        ({"temperature": "3"}, "less than or equal to 2"),
        ({"max_new_tokens": "0"}, "greater than or equal to 1"),
        ({"system_prompt": "x" * 8001}, "at most 8000"),
    ],
)
def test_a_wrong_field_of_an_assistant_is_named(
    admin: User, wrong: dict[str, str], words: str
) -> None:
    assert words in text_of(pages(admin).post(f"{ASSISTANTS}add/", ASSISTANT | wrong))
    assert not Assistant.objects.exists()
