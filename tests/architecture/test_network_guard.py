"""The guard that keeps the tests on this machine does refuse, and lets loopback through."""

import socket
from contextlib import closing

import pytest

from tests.network import NetworkRefused


def test_loopback_is_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        with closing(socket.create_connection(address, timeout=5)) as client:
            assert client.getpeername() == address


@pytest.mark.parametrize("host", ["192.0.2.1", "203.0.113.9"])
def test_another_machine_is_refused(host: str) -> None:
    with closing(socket.socket()) as client, pytest.raises(NetworkRefused):
        client.connect((host, 80))


def test_a_name_is_not_looked_up() -> None:
    with pytest.raises(NetworkRefused):
        socket.getaddrinfo("loredesk.example", 80)
