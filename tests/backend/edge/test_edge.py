"""Health, pages, errors and limits at the edge."""

import json
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.conf import settings as settings_of
from django.test import Client
from pytest_django import Settings

from backend.accounts.roles import Role
from backend.accounts.services import person_create
from backend.api.edge import BodyLimit, SameOriginSocket
from backend.chat.database import database_step
from backend.config.asgi import application


def test_healthz_answers_without_any_service() -> None:
    assert Client().get("/healthz").json() == {"status": "ok"}


@pytest.mark.django_db
def test_readyz_names_each_part_that_is_missing() -> None:
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    parts = answer.json()["parts"]
    assert parts["database"] == "ok"
    assert parts["redis"] == "ok"
    assert parts["trainer"] == "shows no sign of life"
    assert set(parts) == {
        "database",
        "redis",
        "replier",
        "worker",
        "beat",
        "trainer",
        "model_server",
    }


@pytest.mark.django_db
def test_an_unknown_address_answers_in_the_error_shape() -> None:
    for path in ("/api/v1/nothing", "/nothing", "/api/v1/records/not-a-uuid"):
        answer = Client().get(path)
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "not_found"


@pytest.mark.django_db
def test_everything_under_the_api_is_closed_by_default() -> None:
    for path in (
        "records",
        "dataset-versions",
        "training-runs",
        "adapters",
        "assistants",
        "conversations",
        "schema",
    ):
        answer = Client().get(f"/api/v1/{path}")
        assert answer.status_code == 401, path
        assert answer.json()["error"]["code"] == "not_signed_in"


def test_metrics_are_in_the_prometheus_format() -> None:
    answer = Client().get("/metrics")
    assert answer.status_code == 200
    assert b"python_info" in answer.content


async def _post(
    app: object, headers: list[tuple[bytes, bytes]], chunks: list[bytes]
) -> list[dict[str, Any]]:  # ASGI events
    scope = {"type": "http", "method": "POST", "path": "/", "headers": headers}
    talk = ApplicationCommunicator(app, scope)
    for index, chunk in enumerate(chunks):
        await talk.send_input(
            {"type": "http.request", "body": chunk, "more_body": index < len(chunks) - 1}
        )
    return [await talk.receive_output(), await talk.receive_output()]


async def test_a_body_that_is_too_large_is_refused_by_its_declared_length(
    settings: Settings,
) -> None:
    settings.MAX_UPLOAD_BYTES = 10

    async def never(scope: object, receive: object, send: object) -> None:
        raise AssertionError("the body must not be read")

    start, body = await _post(BodyLimit(never), [(b"content-length", b"10000000")], [b""])
    assert start["status"] == 413
    assert json.loads(body["body"])["error"]["code"] == "too_large"


async def test_a_body_that_grows_too_large_is_refused_while_it_streams(
    settings: Settings,
) -> None:
    settings.MAX_UPLOAD_BYTES = 10

    async def reads_all(scope: object, receive: Any, send: object) -> None:
        while (await receive())["type"] == "http.request":
            pass

    start, _body = await _post(BodyLimit(reads_all), [], [b"x" * 50_000] * 3)
    assert start["status"] == 413


@pytest.mark.parametrize(
    ("origin", "closed"),
    [(b"http://evil.example", True), (b"", True), (b"null", True), (b"http://here:8000", False)],
)
async def test_a_socket_of_another_page_is_closed(origin: bytes, closed: bool) -> None:
    reached = []

    async def inner(scope: object, receive: object, send: object) -> None:
        reached.append(True)

    headers = [(b"host", b"here:8000"), *([(b"origin", origin)] if origin else [])]
    talk = ApplicationCommunicator(
        SameOriginSocket(inner),
        {"type": "websocket", "path": "/ws/", "headers": headers},
    )
    await talk.send_input({"type": "websocket.connect"})
    if closed:
        assert (await talk.receive_output())["code"] == 4403
    await talk.wait()
    assert bool(reached) is not closed


def test_the_real_application_has_both_protections() -> None:
    kinds = {type(app).__name__ for app in application.application_mapping.values()}
    assert kinds == {"BodyLimit", "SameOriginSocket"}


async def _status(path: str, size: int, headers: list[tuple[bytes, bytes]], chunked: bool) -> int:
    """What a body of ``size`` is answered; 200 where all of it was let through."""

    async def reads_all(scope: object, receive: Any, send: Any) -> None:
        while (event := await receive())["type"] == "http.request":
            if not event.get("more_body"):
                await send({"type": "http.response.start", "status": 200, "headers": []})
                await send({"type": "http.response.body", "body": b""})
                return

    length = [] if chunked else [(b"content-length", str(size).encode())]
    scope = {"type": "http", "method": "POST", "path": path, "headers": [*headers, *length]}
    talk = ApplicationCommunicator(BodyLimit(reads_all), scope)
    if not chunked:
        await talk.send_input({"type": "http.request", "body": b"", "more_body": False})
    for start in range(0, size if chunked else 0, 2**20):
        more = start + 2**20 < size
        await talk.send_input({"type": "http.request", "body": b"x" * 2**20, "more_body": more})
    status: int = (await talk.receive_output())["status"]
    return status


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("chunked", [False, True])
async def test_how_much_may_be_sent_depends_on_where_and_by_whom(chunked: bool) -> None:
    imports, other = "/api/v1/records/import", "/api/v1/records"
    large, ordinary = 30 * 2**20, 4 * 2**20

    def cookie_of(name: str, role: Role) -> list[tuple[bytes, bytes]]:
        client = Client()
        client.force_login(person_create(username=name, password="a-Long-enough-1", role=role))
        session = client.cookies[settings_of.SESSION_COOKIE_NAME].value
        return [(b"cookie", f"{settings_of.SESSION_COOKIE_NAME}={session}".encode())]

    curator = await database_step(cookie_of)("curator", Role.CURATOR)
    employee = await database_step(cookie_of)("employee", Role.EMPLOYEE)
    forged = [(b"cookie", f"{settings_of.SESSION_COOKIE_NAME}=made-up".encode())]
    key = [(b"authorization", b"Bearer ldk_made-up")]
    for path, size, headers, expected in (
        (imports, large, curator, 200),
        (other, large, curator, 413),
        (other, ordinary, curator, 200),
        (imports, large, employee, 413),
        (imports, ordinary, employee, 200),
        (imports, ordinary, [], 401),
        (imports, ordinary, forged, 401),
        (imports, ordinary, key, 401),
        (other, 2**20, [], 200),
    ):
        assert await _status(path, size, headers, chunked) == expected, (path, size, expected)
    two_gigabytes = await _status(imports, 2**31, curator, False)
    assert two_gigabytes == 413
