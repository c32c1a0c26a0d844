"""A judge is asked in both orders, and an opinion that follows the order is none."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ml.errors import ConfigError, MlError
from ml.evaluation.judge import KEY_VARIABLE, Duel, Judge, judge_of, judged
from ml.evaluation.opinions import opinion_of, tally

DUEL = Duel("golden:1", "谁审批?", "部门经理。", "部门经理审批。", "不清楚。")


class Endpoint:
    """An OpenAI-compatible server that says what a test has it say."""

    def __init__(self) -> None:
        self.url = ""
        self.says: Callable[[str], str] = lambda _shown: "TIE"
        self.headers: list[str | None] = []


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    state = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.headers.append(self.headers.get("Authorization"))
            content = state.says(body["messages"][-1]["content"])
            data = json.dumps({"choices": [{"message": {"content": content}}]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Tests need no access log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}/v1"
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


def prefers(text: str) -> Callable[[str], str]:
    """A judge that finds the answer with ``text`` better, wherever it stands."""
    return lambda shown: (
        "A"
        if text in shown.partition("<<<answer B>>>")[0].partition("<<<answer A>>>")[2]
        else "<think>A or B?</think>\nB"
    )


def replies(endpoint: Endpoint) -> list[str]:
    steps: list[int] = []
    judge = Judge(endpoint.url, "wise")
    found = list(judged(judge, [DUEL], on_step=lambda: steps.append(1)))
    assert len(steps) == len(found) == 1
    return list(found[0][1])


def test_an_opinion_that_survives_the_swap_counts(endpoint: Endpoint) -> None:
    endpoint.says = prefers("部门经理审批。")
    assert opinion_of(replies(endpoint)) == "candidate"
    endpoint.says = prefers("不清楚。")
    assert opinion_of(replies(endpoint)) == "reference"


def test_who_prefers_what_stands_first_has_no_opinion(endpoint: Endpoint) -> None:
    endpoint.says = lambda _shown: "A"
    assert replies(endpoint) == ["A", "A"]
    assert opinion_of(["A", "A"]) == opinion_of(["B", "TIE"]) == "tie"
    assert tally([{"replies": pair} for pair in (["A", "B"], ["B", "A"], ["A", "A"])]) == {
        "candidate": 1,
        "reference": 1,
        "tie": 1,
    }


def test_the_key_comes_from_the_environment(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    replies(endpoint)
    monkeypatch.setenv(KEY_VARIABLE, "secret")
    replies(endpoint)
    assert endpoint.headers == [None, None, "Bearer secret", "Bearer secret"]


@pytest.mark.parametrize(
    ("said", "reply"),
    [
        ("答案是B。", "B"),
        ("A good answer is short, so: TIE", "TIE"),
        ("Both are lovely.", "TIE"),
        ("B is better than A because", "TIE"),
    ],
)
def test_only_a_last_word_counts(endpoint: Endpoint, said: str, reply: str) -> None:
    endpoint.says = lambda _shown: said
    assert replies(endpoint) == [reply, reply]


def test_a_judge_that_is_away_is_told(endpoint: Endpoint) -> None:
    endpoint.url = "http://127.0.0.1:9/v1"
    with pytest.raises(MlError, match="does not answer"):
        replies(endpoint)


@pytest.mark.parametrize("given", [{"url": "http://x"}, {"url": "file:///etc", "model": "m"}, "x"])
def test_a_judge_without_an_address_or_a_model_is_refused(given: object) -> None:
    with pytest.raises(ConfigError):
        judge_of(given)


def test_no_judge_is_none() -> None:
    assert judge_of(None) is None
