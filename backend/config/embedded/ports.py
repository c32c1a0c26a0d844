"""Free TCP ports on this machine for services that only Loredesk itself talks to."""

import secrets
import socket
from contextlib import closing

# Below the range from which systems take the ports of outgoing connections: a client that tries a
# port of that range while its service restarts can connect to itself and keep the service out.
LOWEST = 20_000
HIGHEST = 32_000


def is_free(port: int, address: str = "127.0.0.1") -> bool:
    """Whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
        # As servers do: a port whose last connections are still closing counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def free_port(preferred: int | None = None, *, taken: frozenset[int] = frozenset()) -> int:
    """``preferred`` where it is free, else a random free port that is not in ``taken``."""
    if preferred is not None and preferred not in taken and is_free(preferred):
        return preferred
    while True:
        port = LOWEST + secrets.randbelow(HIGHEST - LOWEST)
        if port not in taken and is_free(port):
            return port
