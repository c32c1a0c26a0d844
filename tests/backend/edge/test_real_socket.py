"""A body without end over a real socket: refused while it streams, and the server goes on."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import uvicorn
from django.conf import settings as django_settings
from django.test import Client
from pytest_django import Settings

from backend.accounts.models import User
from backend.config.asgi import application

MB = 2**20
MOST_SENT = 200 * MB


@contextmanager
def served() -> Iterator[int]:
    """The port of uvicorn with our application."""
    server = uvicorn.Server(uvicorn.Config(application, port=0, lifespan="off", log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        deadline = time.monotonic() + 20
        while not server.started:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(timeout=20)


def sent_until_answered(port: int, cookie: str) -> tuple[int, bytes]:
    """How much went out before the server answered or hung up, and what it said."""
    head = (
        "POST /api/v1/records/import HTTP/1.1\r\nHost: localhost\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\nTransfer-Encoding: chunked\r\n"
        f"Cookie: {cookie}\r\n\r\n"
    )
    part = b"--b\r\nContent-Disposition: form-data; name=file; filename=a.json\r\n\r\n"
    chunk = b"%x\r\n%b\r\n"
    sent = 0
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(head.encode() + chunk % (len(part), part))
        filler = chunk % (MB, b" " * MB)
        try:
            while sent < MOST_SENT and not answer:
                connection.sendall(filler)
                sent += MB
                connection.setblocking(False)
                try:
                    answer = connection.recv(MB)
                except BlockingIOError:
                    pass
                finally:
                    connection.settimeout(20)
            answer = answer or connection.recv(MB)
        except ConnectionError:
            pass
    return sent, answer


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("signed_in", [False, True])
def test_a_body_without_end_is_refused(settings: Settings, curator: User, signed_in: bool) -> None:
    settings.MAX_UPLOAD_BYTES = settings.MAX_BODY_BYTES = 4 * MB
    cookie = "none=1"
    if signed_in:
        client = Client()
        client.force_login(curator)
        cookie = f"sessionid={client.cookies[django_settings.SESSION_COOKIE_NAME].value}"
    with served() as port:
        sent, answer = sent_until_answered(port, cookie)
        assert sent < 60 * MB
        status = b"413" if signed_in else b"401"
        assert not answer or answer.startswith(b"HTTP/1.1 " + status), answer[:200]
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert connection.recv(1000).startswith(b"HTTP/1.1 200")
