"""``/healthz``, ``/readyz`` and ``/metrics``."""

from typing import TYPE_CHECKING, Final

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from psycopg_pool import PoolTimeout

from backend.common import heartbeat, model_server
from backend.common.errors import Unavailable

if TYPE_CHECKING:
    from django.http import HttpRequest

PROCESSES: Final = ("replier", "worker", "beat", "trainer")


@never_cache
@require_safe
def healthz(request: "HttpRequest") -> HttpResponse:  # noqa: ARG001
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def readyz(request: "HttpRequest") -> HttpResponse:  # noqa: ARG001
    """200 when everything answers, else 503; either names every part."""
    parts = {"database": _database(), **_redis_and_processes(), "model_server": _model_server()}
    ready = all(state == "ok" for state in parts.values())
    return JsonResponse(
        {"status": "ready" if ready else "not ready", "parts": parts}, status=200 if ready else 503
    )


@require_safe
def metrics(request: "HttpRequest") -> HttpResponse:  # noqa: ARG001
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (DatabaseError, PoolTimeout):
        return "does not answer"
    return "ok"


def _redis_and_processes() -> dict[str, str]:
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2) as client:
            client.ping()
            return {
                "redis": "ok",
                **{
                    kind: "ok" if heartbeat.alive(client, kind) else "shows no sign of life"
                    for kind in PROCESSES
                },
            }
    except redis.RedisError:
        return {"redis": "does not answer", **dict.fromkeys(PROCESSES, "unknown without Redis")}


def _model_server() -> str:
    try:
        model_server.health()
    except Unavailable:
        return "does not answer"
    return "ok"
