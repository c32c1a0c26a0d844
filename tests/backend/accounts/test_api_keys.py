"""Keys: hashed, scoped, limited, ended at once."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from backend.accounts.models import ApiKey, User
from backend.accounts.roles import Role
from backend.accounts.services import api_key_create, api_key_revoke, person_create
from backend.common.errors import Invalid

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner() -> User:
    return person_create(username="owner", password="a-Long-enough-1", role=Role.TRAINER)


def get(secret: str, path: str = "/api/v1/dataset-versions") -> Any:  # the test client's answer
    return Client().get(path, headers={"authorization": f"Bearer {secret}"})


def test_the_secret_is_shown_once_and_never_stored(owner: User) -> None:
    key, secret = api_key_create(actor=owner, owner=owner, name="crm", scopes=["manage"])
    assert secret.startswith("ldk_")
    assert len(secret) > 40
    stored = ApiKey.objects.values_list().get(pk=key.pk)
    assert not any(secret in str(value) for value in stored)
    assert get(secret).status_code == 200


@pytest.mark.parametrize("ending", ["revoked", "expired", "owner gone", "wrong"])
def test_an_ended_key_opens_nothing(owner: User, ending: str) -> None:
    key, secret = api_key_create(actor=owner, owner=owner, name="crm", scopes=["manage"])
    if ending == "revoked":
        api_key_revoke(actor=owner, key=key)
    elif ending == "expired":
        ApiKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    elif ending == "owner gone":
        User.objects.update(is_active=False)
    else:
        secret = secret[:-1] + ("a" if secret[-1] != "a" else "b")
    answer = get(secret)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "authentication_failed"


def test_a_chat_key_manages_nothing(owner: User) -> None:
    _key, secret = api_key_create(actor=owner, owner=owner, name="widget")
    answer = get(secret)
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "scope"


def test_a_key_that_asks_too_often_is_told_when_to_come_back(owner: User) -> None:
    _key, secret = api_key_create(
        actor=owner, owner=owner, name="busy", scopes=["manage"], requests_per_minute=2
    )
    codes = [get(secret).status_code for _ in range(6)]
    # A minute may turn in between: at most two pass in each.
    assert codes.count(200) in {2, 3, 4}
    assert codes[-1] == 429


def test_bad_wishes_for_a_key_are_refused(owner: User) -> None:
    past = timezone.now() - timedelta(days=1)
    wishes: list[dict[str, Any]] = [
        {"scopes": ["root"]},
        {"scopes": []},
        {"expires_at": past},
        {"name": "  "},
    ]
    for wish in wishes:
        with pytest.raises(Invalid):
            api_key_create(**{"actor": owner, "owner": owner, "name": "x", **wish})
    assert not ApiKey.objects.exists()
