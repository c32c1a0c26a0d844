"""ASGI wrappers in front of Django: refuses before a body is read or a socket opened."""

import json
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from django.conf import settings

if TYPE_CHECKING:
    from asgiref.typing import (
        ASGI3Application,
        ASGIReceiveCallable,
        ASGIReceiveEvent,
        ASGISendCallable,
        HTTPScope,
        Scope,
        WebSocketScope,
    )

# Multipart framing around a file of the largest allowed size.
FRAMING_BYTES: Final = 64 * 1024


class BodyLimit:
    """Refuses bodies above ``MAX_UPLOAD_BYTES`` by Content-Length and while they stream.

    Django spools a whole body before a view runs, so a view would refuse too late.
    """

    def __init__(self, app: "ASGI3Application") -> None:
        self.app = app

    async def __call__(
        self, scope: "Scope", receive: "ASGIReceiveCallable", send: "ASGISendCallable"
    ) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = settings.MAX_UPLOAD_BYTES + FRAMING_BYTES
        declared = header(scope, b"content-length")
        if declared.isdigit() and int(declared) > limit:
            await _refuse(send)
            return
        received = 0
        refused = False

        async def limited_receive() -> "ASGIReceiveEvent":
            nonlocal received, refused
            event = await receive()
            if event["type"] == "http.request":
                received += len(event["body"])
                if received > limit:
                    refused = True
                    await _refuse(send)
                    return {"type": "http.disconnect"}
            return event

        async def limited_send(event: "object") -> None:
            if not refused:
                await send(event)  # type: ignore[arg-type]  # passed on as it came

        await self.app(scope, limited_receive, limited_send)


class SameOriginSocket:
    """Closes sockets whose Origin is not the host they connect to, and those without one.

    Browsers send cookies with sockets of any page, so the origin is the only protection.
    """

    def __init__(self, app: "ASGI3Application") -> None:
        self.app = app

    async def __call__(
        self, scope: "Scope", receive: "ASGIReceiveCallable", send: "ASGISendCallable"
    ) -> None:
        if scope["type"] == "websocket" and not _is_same_origin(scope):
            await send({"type": "websocket.close", "code": 4403, "reason": "origin"})
            return
        await self.app(scope, receive, send)


def _is_same_origin(scope: "WebSocketScope") -> bool:
    origin = header(scope, b"origin").decode("latin-1")
    host = header(scope, b"host").decode("latin-1")
    if origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    return bool(host) and urlsplit(origin).netloc.lower() == host.lower()


def header(scope: "HTTPScope | WebSocketScope", name: bytes) -> bytes:
    """The value of the first header of that (lower-case) name, or nothing."""
    return next((value for key, value in scope["headers"] if key.lower() == name), b"")


async def _refuse(send: "ASGISendCallable") -> None:
    megabytes = settings.MAX_UPLOAD_BYTES // 2**20
    body = json.dumps(
        {
            "error": {
                "code": "too_large",
                "message": f"This is too large: the limit is {megabytes} MB.",
                "details": {"limit_bytes": settings.MAX_UPLOAD_BYTES},
            }
        }
    ).encode()
    await send(
        {
            "type": "http.response.start",
            "status": 413,
            "headers": [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(body)).encode()),
                (b"connection", b"close"),
            ],
            "trailers": False,
        }
    )
    await send({"type": "http.response.body", "body": body, "more_body": False})
