"""The people of the tests, one for each role, and how they call."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import django
import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

django.setup()  # the models below need it, and this file is read before pytest is configured

from backend.accounts.models import Department, User  # noqa: E402
from backend.accounts.roles import Role  # noqa: E402
from backend.accounts.services import person_create  # noqa: E402

Person = Callable[..., User]


@pytest.fixture(autouse=True)
def quick_passwords(settings: Settings) -> None:
    """A slow hash protects passwords, and there are none here."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def person(db: None) -> Person:
    """Makes somebody: ``person("li", Role.CURATOR)``."""

    def make(username: str, role: Role, **fields: Any) -> User:
        return person_create(username=username, password="a-Long-enough-1", role=role, **fields)

    return make


@pytest.fixture
def admin(person: Person) -> User:
    return person("admin", Role.ADMINISTRATOR)


@pytest.fixture
def employee(person: Person) -> User:
    return person(
        "employee",
        Role.EMPLOYEE,
        display_name="李伟",
        department=Department.objects.create(name="市场部"),
    )


@pytest.fixture
def curator(person: Person) -> User:
    return person("curator", Role.CURATOR, display_name="王芳")


@pytest.fixture
def reviewer(person: Person) -> User:
    return person("reviewer", Role.REVIEWER, display_name="Chen Jing")


@pytest.fixture
def trainer(person: Person) -> User:
    return person("trainer", Role.TRAINER)


@pytest.fixture
def approver(person: Person) -> User:
    return person("approver", Role.APPROVER)


@pytest.fixture
def stranger(person: Person) -> User:
    """Signs in like everybody, and has nothing to do with what the test is about."""
    return person("stranger", Role.EMPLOYEE)


def at_once(step: Callable[[], object], times: int = 2) -> None:
    """Take a step in several threads at the same moment; for tests with ``transaction=True``."""
    barrier = threading.Barrier(times)

    def run(_number: int) -> None:
        barrier.wait(timeout=10)
        try:
            step()
        finally:
            connection.close()

    with ThreadPoolExecutor(times) as threads:
        list(threads.map(run, range(times)))


class Api:
    """Calls the REST addresses as one person, in JSON."""

    def __init__(self, user: User | None) -> None:
        self.client = Client()
        if user is not None:
            self.client.force_login(user)

    # Any: the test client's answers have no types.
    def get(self, path: str, **params: Any) -> Any:
        return self.client.get(f"/api/v1{path}", params)

    def post(self, path: str, body: object = None) -> Any:
        return self.client.post(
            f"/api/v1{path}", {} if body is None else body, content_type="application/json"
        )

    def patch(self, path: str, body: object) -> Any:
        return self.client.patch(f"/api/v1{path}", body, content_type="application/json")

    def put(self, path: str, body: object) -> Any:
        return self.client.put(f"/api/v1{path}", body, content_type="application/json")

    def delete(self, path: str) -> Any:
        return self.client.delete(f"/api/v1{path}")

    def upload(self, path: str, **fields: object) -> Any:
        return self.client.post(f"/api/v1{path}", fields)


@pytest.fixture
def api() -> Callable[[User | None], Api]:
    """Calls as somebody: ``api(curator).get("/records")``; ``api(None)`` is not signed in."""
    return Api


@pytest.fixture
def pages() -> Callable[[User], Client]:
    """A browser of somebody who is signed in: ``pages(curator).get("/admin/")``."""

    def sign_in(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return sign_in
