"""A small model server that speaks the real one's protocol, and adapters to switch between."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from backend.accounts.models import User
from backend.assistants.models import Assistant
from backend.curation.models import DatasetVersion
from backend.training.models import Adapter, TrainingRun

BASE = "packaged:smollm2-135m-instruct"


@dataclass
class ModelServer:
    """What the server has, was asked for, and is to refuse."""

    url: str = ""
    models: list[str] = field(default_factory=lambda: ["smollm2-135m-instruct"])
    loaded: dict[str, str] = field(default_factory=dict)  # name -> path
    refusal: str = ""  # of the next loads
    # What ``/tokenize`` says of messages; None as with a server that has no such route.
    token_ids: "Callable[[list[dict[str, str]]], list[int]] | None" = None

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if path == "/v1/models":
            return 200, {"data": [{"id": name} for name in [*self.models, *self.loaded]]}
        if path == "/v1/load_lora_adapter" and self.refusal:
            return 400, {"error": {"message": self.refusal, "code": "bad_adapter"}}
        if path == "/v1/load_lora_adapter":
            self.loaded[body["lora_name"]] = body["lora_path"]
            return 200, {}
        if path == "/tokenize" and self.token_ids and body["model"] in self.loaded:
            return 200, {"tokens": self.token_ids(body["messages"])}
        return 404, {"error": {"message": "no such route", "code": "not_found"}}


@pytest.fixture
def model_server(settings: Settings) -> Iterator[ModelServer]:
    state = ModelServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.reply({})

        def do_POST(self) -> None:
            self.reply(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def reply(self, body: dict[str, Any]) -> None:
            status, answer = state.answer(self.path, body)
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Tests need no access log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    state.url = settings.MODEL_SERVER_URL = f"http://127.0.0.1:{server.server_port}"
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def assistant(db: None) -> Assistant:
    return Assistant.objects.create(
        slug="abc", name="小助手", system_prompt="You help at work.", base_model=BASE
    )


@pytest.fixture
def make_adapter(
    assistant: Assistant, trainer: User, settings: Settings, tmp_path: Path
) -> Callable[..., Adapter]:
    """Makes the adapter of a finished run, its files included."""
    settings.DATA_DIR = tmp_path
    version = DatasetVersion.objects.create(number=1, sha256="0" * 64)

    def make(number: int, *, base_model: str = BASE, started_by: User = trainer) -> Adapter:
        run = TrainingRun.objects.create(
            number=number,
            dataset_version=version,
            assistant=assistant,
            base_model=base_model,
            system_prompt=assistant.system_prompt,
            state=TrainingRun.State.SUCCEEDED,
            started_by=started_by,
        )
        path = f"runs/{number}/adapter"
        (tmp_path / path).mkdir(parents=True)
        (tmp_path / path / "adapter_config.json").write_text("{}")
        return Adapter.objects.create(
            name=f"abc-run-{number}",
            run=run,
            assistant=assistant,
            base_model=base_model,
            path=path,
            card={"steps": 12},
        )

    return make
