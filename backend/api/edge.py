"""ASGI wrappers in front of Django: refuses before a body is read or a socket opened."""

import json
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, parse_cookie

from backend.accounts.roles import Action, may
from backend.accounts.selectors import api_key_by_secret
from backend.chat.database import database_step

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

    from backend.accounts.models import User

# Multipart framing around a file of the largest allowed size.
FRAMING_BYTES: Final = 64 * 1024


class BodyLimit:
    """Refuses bodies that are too large, by Content-Length and while they stream.

    Django spools a whole body before a view runs, so a view would refuse too late. How much may be
    sent depends on where and by whom: more than a form only by somebody who is signed in, and more
    than an ordinary request only where files of records are imported, by who may import them.
    """

    def __init__(self, app: "ASGI3Application") -> None:
        self.app = app

    async def __call__(
        self, scope: "Scope", receive: "ASGIReceiveCallable", send: "ASGISendCallable"
    ) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        meter = Meter(scope)
        declared = header(scope, b"content-length")
        if declared.isdigit() and (refusal := await meter.refusal(int(declared))):
            await _refuse(send, *refusal)
            return
        received = 0
        refused = False

        async def limited_receive() -> "ASGIReceiveEvent":
            nonlocal received, refused
            event = await receive()
            if event["type"] == "http.request":
                received += len(event["body"])
                if refusal := await meter.refusal(received):
                    refused = True
                    await _refuse(send, *refusal)
                    return {"type": "http.disconnect"}
            return event

        async def limited_send(event: "object") -> None:
            if not refused:
                await send(event)  # type: ignore[arg-type]  # passed on as it came

        await self.app(scope, limited_receive, limited_send)


class Meter:
    """How much one request may send; who sends is asked only when it matters, and once."""

    def __init__(self, scope: "HTTPScope") -> None:
        self.scope = scope
        self.is_import = scope["path"] in settings.LARGE_UPLOAD_PATHS
        self.caller: Caller | None = None

    async def refusal(self, size: int) -> tuple[int, int] | None:
        """Status and limit in bytes where a body of ``size`` is too large, else None."""
        most = settings.MAX_UPLOAD_BYTES
        if not self.is_import:
            most = min(most, settings.MAX_BODY_BYTES)
        if size > most + FRAMING_BYTES:
            return 413, most
        if size <= settings.MAX_ANONYMOUS_BODY_BYTES:
            return None
        if self.caller is None:
            self.caller = await caller_of(self.scope)
        if not self.caller.signed_in:
            return 401, settings.MAX_ANONYMOUS_BODY_BYTES
        most = min(most, settings.MAX_BODY_BYTES)
        if size > most + FRAMING_BYTES and not self.caller.imports:
            return 413, most
        return None


@dataclass(frozen=True)
class Caller:
    signed_in: bool
    imports: bool = False


@database_step
def caller_of(scope: "HTTPScope") -> Caller:
    """Whoever the session or the key of a request stands for, before its body is read."""
    scheme, _blank, secret = header(scope, b"authorization").decode("latin-1").partition(" ")
    user: User | AnonymousUser = AnonymousUser()
    if scheme.lower() == "bearer":
        key = api_key_by_secret(key=secret.strip())
        user = user if key is None else key.owner
    else:
        cookies = parse_cookie(header(scope, b"cookie").decode("latin-1"))
        request = HttpRequest()
        engine = import_module(settings.SESSION_ENGINE)
        request.session = engine.SessionStore(cookies.get(settings.SESSION_COOKIE_NAME))
        user = get_user(request)
    return Caller(user.is_authenticated and user.is_active, may(user, Action.RECORDS_WRITE))


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


async def _refuse(send: "ASGISendCallable", status: int, limit: int) -> None:
    megabytes = limit // 2**20
    code, message = {
        401: ("not_signed_in", f"Sign in to send more than {megabytes} MB."),
        413: ("too_large", f"This is too large: the limit is {megabytes} MB."),
    }[status]
    error = {"code": code, "message": message, "details": {"limit_bytes": limit}}
    body = json.dumps({"error": error}).encode()
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(body)).encode()),
                (b"connection", b"close"),
            ],
            "trailers": False,
        }
    )
    await send({"type": "http.response.body", "body": body, "more_body": False})
