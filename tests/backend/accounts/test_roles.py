"""The table “who may do what” of the contracts, cell by cell."""

import pytest
from django.contrib.auth.models import AnonymousUser
from pytest_django import Settings

from backend.accounts.models import User
from backend.accounts.roles import Action, Role, may, require_other_eyes
from backend.accounts.services import person_create
from backend.common.errors import NotAllowed

TABLE = {
    # action: roles that may
    Action.CHAT: set(Role),
    Action.RECORDS_READ: set(Role) - {Role.EMPLOYEE},
    Action.RUNS_READ: set(Role) - {Role.EMPLOYEE},
    Action.RECORDS_WRITE: {Role.CURATOR, Role.REVIEWER, Role.ADMINISTRATOR},
    Action.RECORDS_APPROVE: {Role.REVIEWER, Role.ADMINISTRATOR},
    Action.VERSIONS_FREEZE: {Role.TRAINER, Role.ADMINISTRATOR},
    Action.RUNS_WRITE: {Role.TRAINER, Role.ADMINISTRATOR},
    Action.ADAPTERS_EXPORT: {Role.TRAINER, Role.APPROVER, Role.ADMINISTRATOR},
    Action.ADAPTERS_PROMOTE: {Role.APPROVER, Role.ADMINISTRATOR},
    Action.ASSISTANTS_MANAGE: {Role.ADMINISTRATOR},
    Action.PEOPLE_MANAGE: {Role.ADMINISTRATOR},
    Action.AUDIT_READ: {Role.ADMINISTRATOR},
}


@pytest.mark.django_db
@pytest.mark.parametrize("role", Role)
def test_a_role_may_do_what_the_table_says(role: Role) -> None:
    person = person_create(username="somebody", password="a-Long-enough-1", role=role)
    assert set(TABLE) == set(Action), "an action is missing in the table"
    assert {action for action in Action if may(person, action)} == {
        action for action, roles in TABLE.items() if role in roles
    }


@pytest.mark.django_db
def test_nobody_may_do_anything_unknown_or_switched_off() -> None:
    person = person_create(username="gone", password="a-Long-enough-1", role=Role.ADMINISTRATOR)
    person.is_active = False
    assert not any(may(person, action) for action in Action)
    assert not any(may(AnonymousUser(), action) for action in Action)


def test_four_eyes_refuses_own_work_only_when_on(settings: Settings) -> None:
    person = User(username="author")
    settings.FOUR_EYES = True
    with pytest.raises(NotAllowed) as refused:
        require_other_eyes(person, person.pk)
    assert refused.value.code == "four_eyes"
    require_other_eyes(person, User(username="other").pk)
    require_other_eyes(person, None)
    settings.FOUR_EYES = False
    require_other_eyes(person, person.pk)
