"""Assistants: seen by those they are for, changed by administrators."""

from collections.abc import Callable

import pytest
from pytest_django import DjangoAssertNumQueries

from backend.accounts.models import Department, User
from backend.assistants.models import Assistant
from backend.common.models import AuditEntry
from tests.backend.conftest import Api

pytestmark = pytest.mark.django_db
As = Callable[[User | None], Api]


@pytest.fixture
def legal(assistant: Assistant) -> Assistant:
    """For one department only."""
    other = Assistant.objects.create(slug="legal", name="法务", base_model=assistant.base_model)
    other.departments.add(Department.objects.create(name="法务部"))
    return other


def slugs(api: Api) -> set[str]:
    answer = api.get("/assistants")
    assert answer.status_code == 200, answer.content
    return {assistant["slug"] for assistant in answer.json()["results"]}


def test_an_assistant_is_seen_by_its_departments_only(
    api: As, employee: User, stranger: User, admin: User, legal: Assistant
) -> None:
    assert slugs(api(employee)) == {"abc"}
    assert slugs(api(stranger)) == {"abc"}
    assert api(employee).get(f"/assistants/{legal.pk}").status_code == 404
    legal.departments.add(employee.department or Department())
    assert slugs(api(employee)) == {"abc", "legal"}
    assert api(employee).get(f"/assistants/{legal.pk}").json()["name"] == "法务"
    assert slugs(api(stranger)) == {"abc"}
    assert slugs(api(admin)) == {"abc", "legal"}


def test_one_out_of_use_is_seen_by_administrators_only(
    api: As, employee: User, admin: User, assistant: Assistant
) -> None:
    Assistant.objects.update(is_active=False)
    assert slugs(api(employee)) == set()
    assert api(employee).get(f"/assistants/{assistant.pk}").status_code == 404
    assert slugs(api(admin)) == {"abc"}


def test_what_it_shows(api: As, trainer: User, employee: User, assistant: Assistant) -> None:
    shown = api(trainer).get(f"/assistants/{assistant.pk}").json()
    assert shown["slug"] == "abc"
    assert shown["system_prompt"] == "You help at work."
    assert shown["base_model"] == "packaged:smollm2-135m-instruct"
    assert shown["production_adapter"] is None
    assert api(employee).get(f"/assistants/{assistant.pk}").json()["system_prompt"] == ""


def test_nobody_not_signed_in_sees_any(api: As, assistant: Assistant) -> None:
    assert api(None).get("/assistants").status_code in {401, 403}
    assert api(None).get(f"/assistants/{assistant.pk}").status_code in {401, 403}


def test_an_administrator_changes_what_is_given_and_nothing_else(
    api: As, admin: User, employee: User, assistant: Assistant
) -> None:
    body = {
        "name": "ABC 助手",
        "suggested_questions": {"zh": ["怎么报销?"], "en": []},
        "departments": [str(employee.department_id)],
    }
    answer = api(admin).patch(f"/assistants/{assistant.pk}", body)
    assert answer.status_code == 200, answer.content
    assert answer.json()["name"] == "ABC 助手"
    assistant.refresh_from_db()
    assert (assistant.name, assistant.system_prompt) == ("ABC 助手", "You help at work.")
    assert assistant.suggested_questions == {"zh": ["怎么报销?"], "en": []}
    assert list(assistant.departments.all()) == [employee.department]
    entry = AuditEntry.objects.get()
    assert entry.data["fields"] == ["departments", "name", "suggested_questions"]


@pytest.mark.parametrize("who", ["employee", "curator", "trainer", "approver"])
def test_nobody_else_changes_one(
    request: pytest.FixtureRequest, api: As, assistant: Assistant, who: str
) -> None:
    person = request.getfixturevalue(who)
    answer = api(person).patch(f"/assistants/{assistant.pk}", {"name": "mine"})
    assert answer.status_code == 403
    assistant.refresh_from_db()
    assert assistant.name == "小助手"


@pytest.mark.parametrize(
    "body",
    [
        {"name": ""},
        {"temperature": 9},
        {"max_new_tokens": 0},
        {"base_model": "packaged:unknown"},
        {"base_model": "/no/such/folder"},
        {"base_model": "nonsense"},
        {"suggested_questions": ["not", "by", "language"]},
        {"departments": ["00000000-0000-0000-0000-000000000000"]},
        ["not an object"],
    ],
)
def test_what_cannot_be_is_refused_in_words(
    api: As, admin: User, assistant: Assistant, body: object
) -> None:
    before = Assistant.objects.values().get()
    answer = api(admin).patch(f"/assistants/{assistant.pk}", body)
    assert answer.status_code == 400, answer.content
    assert answer.json()["error"]["message"]
    assert Assistant.objects.values().get() == before


def test_the_list_costs_the_same_for_one_and_for_many(
    api: As, admin: User, assistant: Assistant, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    caller = api(admin)
    with django_assert_num_queries(5):  # session, person, roles, assistants, what is live
        assert slugs(caller) == {"abc"}
    for number in range(6):
        Assistant.objects.create(slug=f"a{number}", name="x", base_model=assistant.base_model)
    with django_assert_num_queries(5):
        assert len(slugs(caller)) == 7
