"""Keeps the tests on this machine: every socket that would leave it is refused."""

import ipaddress
import socket
from typing import Any

import pytest

LOCAL_NAMES = {"localhost", ""}


class NetworkRefused(RuntimeError):
    """A test tried to leave this machine."""


def is_local(host: str) -> bool:
    if host in LOCAL_NAMES:
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def refuse_the_network(patch: pytest.MonkeyPatch) -> None:
    """Patches connecting, sending and name look-ups of this process."""

    def guarded(name: str) -> None:
        original = getattr(socket.socket, name)

        def call(self: socket.socket, *arguments: Any) -> Any:  # as varied as the originals
            address = arguments[-1]
            if self.family != socket.AF_UNIX and not is_local(str(address[0])):
                raise NetworkRefused(f"a test tried to reach {address[0]}")
            return original(self, *arguments)

        patch.setattr(socket.socket, name, call)

    for name in ("connect", "connect_ex", "sendto"):
        guarded(name)

    look_up = socket.getaddrinfo

    def guarded_look_up(host: Any, *arguments: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name is not None and not is_local(name):
            raise NetworkRefused(f"a test tried to look up {name}")
        return look_up(host, *arguments, **options)

    patch.setattr(socket, "getaddrinfo", guarded_look_up)
