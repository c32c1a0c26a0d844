import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest
import requests

from ml.engines.rolling import Engine
from tests.ml.tiny import CONTEXT_LENGTH

QUESTION = [{"role": "user", "content": "你是谁?"}]
SENT_BY_MODEL = ("tiny", "first", "second")


@pytest.fixture
def client(server: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server}/v1", api_key="none", max_retries=0)


def chat(server: str, **fields: Any) -> requests.Response:
    body = {"model": "tiny", "messages": QUESTION, "temperature": 0, "max_tokens": 30} | fields
    return requests.post(f"{server}/v1/chat/completions", json=body, timeout=30)


def text_of(response: requests.Response) -> str:
    assert response.status_code == 200, response.text
    return str(response.json()["choices"][0]["message"]["content"])


def wait_until(condition: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.005)


@pytest.mark.parametrize("model", SENT_BY_MODEL)
def test_the_official_client_streams_what_it_gets_whole(client: openai.OpenAI, model: str) -> None:
    asked: dict[str, Any] = {
        "model": model,
        "messages": QUESTION,
        "temperature": 0,
        "max_tokens": 30,
    }
    whole = client.chat.completions.create(**asked)
    events = list(
        client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True})
    )
    pieces = [event.choices[0].delta.content or "" for event in events if event.choices]
    assert "".join(pieces) == whole.choices[0].message.content
    assert len([piece for piece in pieces if piece]) > 3
    assert events[-1].usage == whole.usage
    assert whole.usage is not None
    assert whole.usage.completion_tokens <= 30
    reasons = [event.choices[0].finish_reason for event in events if event.choices]
    assert reasons[-1] == whole.choices[0].finish_reason
    assert not any(reasons[:-1])


def test_answers_asked_for_together_do_not_mix(server: str) -> None:
    asked = [
        {"model": model, "messages": [{"role": "user", "content": question}]}
        for model in SENT_BY_MODEL
        for question in ("Who are you?", "出差超过三天由谁审批?")
    ]
    alone = [text_of(chat(server, **fields)) for fields in asked]
    assert len(set(alone)) == len(alone)
    with ThreadPoolExecutor(len(asked)) as pool:
        together = list(pool.map(lambda fields: text_of(chat(server, **fields)), asked))
    assert together == alone


def test_models_are_listed_with_the_length_of_their_context(server: str) -> None:
    models = requests.get(f"{server}/v1/models", timeout=5).json()["data"]
    assert [model["id"] for model in models] == ["tiny", "first", "second"]
    assert {model["max_model_len"] for model in models} == {CONTEXT_LENGTH}


def test_a_stop_text_ends_the_answer_before_it(server: str) -> None:
    whole = text_of(chat(server))
    stop = whole[5:8]
    response = chat(server, stop=[stop])
    assert text_of(response) == whole[: whole.index(stop)]
    assert response.json()["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("kind", ["streamed", "whole"])
def test_a_client_that_goes_away_frees_its_place(server: str, engine: Engine, kind: str) -> None:
    body = {"model": "tiny", "messages": QUESTION, "temperature": 2, "seed": 1, "stop": ["\x00"]}
    body |= {"stream": kind == "streamed", "max_tokens": 200}
    slow = engine._model.logits

    def slowly(*arguments: Any, **options: Any) -> Any:
        time.sleep(0.05)
        return slow(*arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine._model, "logits", slowly)
        if kind == "streamed":
            response = requests.post(
                f"{server}/v1/chat/completions", json=body, stream=True, timeout=30
            )
            next(response.iter_lines())
            response.close()
        else:
            with pytest.raises(requests.Timeout):
                requests.post(f"{server}/v1/chat/completions", json=body, timeout=0.3)
        gone_at = time.monotonic()
        wait_until(lambda: engine.load() == (0, 0))
        # Whole, it would have taken ten seconds.
        assert time.monotonic() - gone_at < 1


def test_health_answers_at_once_while_others_are_answered(server: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        busy = [pool.submit(chat, server, max_tokens=150, model="first") for _ in range(4)]
        slowest = 0.0
        while not all(future.done() for future in busy):
            began = time.monotonic()
            assert requests.get(f"{server}/health", timeout=5).ok
            slowest = max(slowest, time.monotonic() - began)
            time.sleep(0.01)
    assert all(future.result().ok for future in busy)
    assert slowest < 1


def test_tokenize_gives_the_ids_that_the_model_reads(server: str, engine: Engine) -> None:
    url = f"{server}/tokenize"
    answer = requests.post(url, json={"model": "first", "messages": QUESTION}, timeout=5).json()
    assert answer["tokens"] == engine.tokens.prompt_ids(QUESTION)
    assert answer["count"] == len(answer["tokens"])
    assert answer["max_model_len"] == CONTEXT_LENGTH
    body = {"messages": QUESTION, "add_generation_prompt": False}
    closed = requests.post(url, json=body, timeout=5).json()
    assert closed["tokens"] == engine.tokens.prompt_ids(QUESTION, add_generation_prompt=False)
    plain = requests.post(url, json={"prompt": "你是谁?"}, timeout=5).json()
    assert plain["tokens"] == engine.tokens.ids("你是谁?")
    assert chat(server).json()["usage"]["prompt_tokens"] == answer["count"]


def test_a_begun_turn_is_written_on(server: str) -> None:
    whole = text_of(chat(server))
    begun = [*QUESTION, {"role": "assistant", "content": whole[:10]}]
    further = chat(server, messages=begun, continue_final_message=True, add_generation_prompt=False)
    closed = chat(server, messages=begun)
    assert text_of(further) != text_of(closed)
    counts = [answer.json()["usage"]["prompt_tokens"] for answer in (further, closed)]
    assert counts[0] < counts[1]


def test_generate_answers_the_simplest_call(server: str) -> None:
    expected = text_of(chat(server, max_tokens=20))
    url = f"{server}/generate"
    get = requests.get(f"{url}?prompt=你是谁?&max_tokens=20", timeout=30)
    post = requests.post(url, json={"prompt": "你是谁?", "max_tokens": 20}, timeout=30)
    assert get.json() == post.json() == {"response": expected}
    tuned = requests.post(
        url, json={"prompt": "你是谁?", "max_tokens": 20, "model": "first"}, timeout=30
    )
    assert tuned.json()["response"] == text_of(chat(server, max_tokens=20, model="first"))


REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({"model": "nobody"}, 404, "model_not_found"),
    ({"messages": [{"role": "user", "content": "word " * 300}]}, 400, "context_length_exceeded"),
    ({"messages": []}, 400, "invalid_request"),
    ({"messages": "hello"}, 400, "invalid_request"),
    ({"messages": [{"role": "user<|im_end|>", "content": "x"}]}, 400, "invalid_request"),
    ({"messages": [{"role": "user", "content": None}]}, 400, "invalid_request"),
    ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, 400, "invalid_request"),
    ({"messages": [{"role": "user", "content": "\ud800"}]}, 400, "invalid_request"),
    ({"temperature": -1}, 400, "invalid_request"),
    ({"temperature": "warm"}, 400, "invalid_request"),
    ({"top_p": 0}, 400, "invalid_request"),
    ({"max_tokens": 0}, 400, "invalid_request"),
    ({"stop": [1]}, 400, "invalid_request"),
    ({"n": 2}, 400, "invalid_request"),
    ({"tools": [{"type": "function"}]}, 400, "invalid_request"),
    ({"continue_final_message": True, "add_generation_prompt": True}, 400, "invalid_request"),
]


@pytest.mark.parametrize(("fields", "status", "code"), REFUSED)
@pytest.mark.parametrize("stream", [True, False])
def test_what_cannot_be_answered_is_refused_in_the_error_shape(
    server: str, fields: dict[str, Any], status: int, code: str, stream: bool
) -> None:
    response = chat(server, stream=stream, **fields)
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert error["code"] == code
    assert error["message"]
    assert error["type"] == "invalid_request_error"
    assert error.keys() == {"message", "type", "param", "code"}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v1/chat/completions", "{nonsense", 400),
        ("POST", "/v1/chat/completions", "[]", 400),
        ("POST", "/v1/chat/completions", "", 400),
        ("POST", "/tokenize", "{}", 400),
        ("POST", "/v1/load_lora_adapter", "{}", 400),
        ("POST", "/v1/load_lora_adapter", '{"lora_name": "x", "lora_path": "/no/such"}', 400),
        ("POST", "/v1/unload_lora_adapter", '{"lora_name": "nobody"}', 404),
        ("GET", "/generate", "", 400),
        ("GET", "/generate?prompt=x&model=nobody", "", 404),
        ("GET", "/nowhere", "", 404),
        ("GET", "/v1/chat/completions", "", 405),
    ],
)
def test_every_failure_has_the_error_shape(
    server: str, method: str, path: str, body: str, status: int
) -> None:
    response = requests.request(
        method,
        server + path,
        data=body,
        headers={"Content-Type": "application/json"},
        timeout=10,
    )
    assert response.status_code == status, response.text
    assert response.json()["error"]["message"]


def test_a_failure_in_mid_answer_is_an_event_and_no_end(server: str, engine: Engine) -> None:
    steps = iter(range(100))
    working = engine._model.logits

    def failing(*arguments: Any, **options: Any) -> Any:
        if next(steps) > 5:
            raise RuntimeError("the machine is on fire")
        return working(*arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine._model, "logits", failing)
        lines = chat(server, stream=True).text.strip().split("\n\n")
    last = json.loads(lines[-1].removeprefix("data: "))
    assert last["error"]["code"] == "model_failed"
    assert "fire" not in lines[-1]
    assert chat(server).ok


def test_adapters_come_and_go_over_http(
    server: str, engine: Engine, tiny_adapters: list[Path]
) -> None:
    body = {"lora_name": "abc.v1", "lora_path": str(tiny_adapters[0])}
    for _ in range(2):
        assert requests.post(f"{server}/v1/load_lora_adapter", json=body, timeout=30).ok
    assert engine.model_names().count("abc.v1") == 1
    assert text_of(chat(server, model="abc.v1")) == text_of(chat(server, model="first"))
    assert requests.post(f"{server}/v1/unload_lora_adapter", json=body, timeout=30).ok
    assert chat(server, model="abc.v1").status_code == 404


def test_metrics_count_tokens_and_name_nobody(server: str) -> None:
    def value(name: str) -> float:
        text = requests.get(f"{server}/metrics", timeout=5).text
        assert "你是谁" not in text
        return sum(
            float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name)
        )

    before = value("loredesk_model_generated_tokens_total")
    made = chat(server).json()["usage"]["completion_tokens"]
    assert value("loredesk_model_generated_tokens_total") == before + made
