"""The wires that other systems rely on stay where the contracts put them."""

import re
from collections.abc import Iterable
from pathlib import Path

from django.core.management import call_command
from django.urls import get_resolver

ROOT = Path(__file__).resolve().parents[2]


def test_the_committed_schema_is_what_the_code_says(tmp_path: Path) -> None:
    fresh = tmp_path / "openapi.json"
    call_command("spectacular", "--format", "openapi-json", "--file", str(fresh), "--validate")
    committed = (ROOT / "docs" / "openapi.json").read_text("utf-8")
    assert fresh.read_text("utf-8").strip() == committed.strip(), "run make schema"


def test_the_socket_events_of_page_and_server_are_the_same() -> None:
    names = re.compile(r"""["'](reply\.[a-z]+|run\.[a-z]+|message\.[a-z]+|error)["']""")
    server = set(
        names.findall((ROOT / "backend/chat/events.py").read_text("utf-8"))
        + names.findall((ROOT / "backend/training/events.py").read_text("utf-8"))
    )
    page = set(names.findall((ROOT / "frontend/src/realtime/events.ts").read_text("utf-8")))
    assert server, "the server's events were not found"
    assert server - page == set(), "the page does not know these"
    assert page - server == set(), "the server never sends or takes these"


def test_every_route_of_the_first_step_exists() -> None:
    routes = set()

    def walk(patterns: Iterable[object], prefix: str = "") -> None:
        for pattern in patterns:
            text = prefix + str(getattr(pattern, "pattern", ""))
            if inner := getattr(pattern, "url_patterns", None):
                walk(inner, text)
            else:
                routes.add(re.sub(r"<[^>]+>", "{}", text))

    walk(get_resolver().url_patterns)
    expected = {
        "healthz",
        "readyz",
        "metrics",
        "generate",
        "v1/models",
        "v1/chat/completions",
        "api/v1/schema",
        "api/v1/session",
        "api/v1/records",
        "api/v1/records/{}",
        "api/v1/records/import",
        "api/v1/records/export",
        "api/v1/records/{}/submit",
        "api/v1/records/{}/approve",
        "api/v1/records/{}/reject",
        "api/v1/dataset-versions",
        "api/v1/dataset-versions/{}",
        "api/v1/dataset-versions/{}/export",
        "api/v1/training-runs",
        "api/v1/training-runs/{}",
        "api/v1/training-runs/{}/metrics",
        "api/v1/training-runs/{}/log",
        "api/v1/training-runs/{}/stop",
        "api/v1/training-runs/{}/resume",
        "api/v1/adapters",
        "api/v1/adapters/{}",
        "api/v1/adapters/{}/evaluate",
        "api/v1/adapters/{}/promote",
        "api/v1/evaluations",
        "api/v1/evaluations/{}",
        "api/v1/assistants",
        "api/v1/assistants/{}",
        "api/v1/assistants/{}/rollback",
        "api/v1/conversations",
        "api/v1/conversations/{}",
        "api/v1/conversations/{}/messages",
    }
    assert expected - routes == set()
