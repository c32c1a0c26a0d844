"""The OpenAI-compatible routes, called by the official client and by hand."""

import asyncio
import json
from typing import Any

import openai
import pytest
from django.test.utils import CaptureQueriesContext

from backend.accounts.models import ApiKey, User
from backend.assistants.models import Assistant
from backend.chat.models import Conversation, Message
from backend.chat.replier.process import Replier
from tests.backend.api.conftest import App, Key
from tests.backend.chat.conftest import eventually, in_thread, row
from tests.fake_model_server import FakeModelServer

pytestmark = pytest.mark.django_db(transaction=True)

HELLO: Any = [{"role": "user", "content": "Who are you?"}]


@pytest.fixture
def secret(key: Key, employee: User) -> str:
    return key(employee)


async def test_the_official_client_streams_an_answer(
    app: App, secret: str, assistant: Assistant, replier: Replier, fake: FakeModelServer
) -> None:
    fake.answer, fake.token_s = lambda _body: ["我是", "小助手", "，ABC 的。🙂"], 0.05
    stream = await app.openai(secret).chat.completions.create(
        model="abc", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(pieces) == "我是小助手，ABC 的。🙂"
    assert sum(map(bool, pieces)) > 1
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 3
    ours = (chunks[-1].model_extra or {})["loredesk"]
    stored = await row(ours["message_id"])
    assert stored.text == "".join(pieces)
    assert str(stored.conversation_id) == ours["conversation_id"]
    assert stored.conversation.origin == Conversation.Origin.API
    assert (ours["adapter"], ours["sources"]) == (None, [])
    assert {chunk.model for chunk in chunks} == {"abc"}


async def test_without_usage_asked_for_the_last_event_carries_our_ids(
    app: App, secret: str, assistant: Assistant, replier: Replier
) -> None:
    async with app.client(secret) as client:
        answer = await client.post(
            "/v1/chat/completions", json={"model": "abc", "messages": HELLO, "stream": True}
        )
    assert answer.headers["content-type"].startswith("text/event-stream")
    data = [line.removeprefix("data: ") for line in answer.text.split("\n\n") if line]
    assert data[-1] == "[DONE]"
    last = json.loads(data[-2])
    assert last["choices"][0]["finish_reason"] == "stop"
    assert last["loredesk"]["message_id"]
    assert all(json.loads(one)["object"] == "chat.completion.chunk" for one in data[:-1])


async def test_the_official_client_gets_a_whole_answer(
    app: App, secret: str, assistant: Assistant, replier: Replier, fake: FakeModelServer
) -> None:
    answer = await app.openai(secret).chat.completions.create(
        model="abc",
        messages=HELLO,
        temperature=0.5,
        top_p=0.9,
        seed=7,
        stop=["###"],
        max_tokens=50,
    )
    assert answer.choices[0].message.content == "You said: Who are you?"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 1
    assert (await row((answer.model_extra or {})["loredesk"]["message_id"])).state == "finished"
    sent = fake.requests[-1]
    assert {name: sent[name] for name in ("temperature", "top_p", "seed", "stop")} == {
        "temperature": 0.5,
        "top_p": 0.9,
        "seed": 7,
        "stop": ["###"],
    }
    assert sent["max_tokens"] == 50


async def test_the_history_of_a_client_reaches_the_model_turn_by_turn(
    app: App, secret: str, assistant: Assistant, replier: Replier, fake: FakeModelServer
) -> None:
    messages: Any = [
        {"role": "system", "content": "Answer briefly."},
        {"role": "user", "content": "First?"},
        {"role": "assistant", "content": "One."},
        {"role": "user", "content": [{"type": "text", "text": "Second?"}]},
    ]
    answer = await app.openai(secret).chat.completions.create(model="abc", messages=messages)
    assert fake.last_messages == [
        {
            "role": "system",
            "content": "You help the people of a company.\n李伟 of 市场部 is asking.\n"
            "Answer briefly.",
        },
        {"role": "user", "content": "First?"},
        {"role": "assistant", "content": "One."},
        {"role": "user", "content": "Second?"},
    ]
    ours = (answer.model_extra or {})["loredesk"]
    assert await in_thread(Message.objects.count)() == 4
    stored = await row(ours["message_id"])
    assert stored.conversation.title == "Second?"


async def test_the_second_turn_of_our_conversation_carries_the_first(
    app: App, secret: str, assistant: Assistant, replier: Replier, fake: FakeModelServer
) -> None:
    client = app.openai(secret).chat.completions
    first = await client.create(model="abc", messages=HELLO)
    talk = (first.model_extra or {})["loredesk"]["conversation_id"]
    second: Any = [{"role": "user", "content": "And who am I?"}]
    again = await client.create(model="abc", messages=second, metadata={"conversation_id": talk})
    assert (again.model_extra or {})["loredesk"]["conversation_id"] == talk
    assert fake.last_messages[1:] == [
        {"role": "user", "content": "Who are you?"},
        {"role": "assistant", "content": "You said: Who are you?"},
        {"role": "user", "content": "And who am I?"},
    ]


async def test_models_are_the_assistants_that_the_owner_may_ask(
    app: App, key: Key, employee: User, stranger: User, assistant: Assistant
) -> None:
    @in_thread
    def others() -> None:
        assert employee.department
        market = Assistant.objects.create(slug="market", name="M", base_model="x")
        market.departments.add(employee.department)
        Assistant.objects.create(slug="retired", name="R", base_model="x", is_active=False)

    await others()
    mine = await app.openai(await in_thread(key)(employee)).models.list()
    assert sorted(model.id for model in mine.data) == ["abc", "market"]
    theirs = app.openai(await in_thread(key)(stranger))
    assert [model.id for model in (await theirs.models.list()).data] == ["abc"]
    assert (await theirs.models.retrieve("abc")).object == "model"
    with pytest.raises(openai.NotFoundError):
        await theirs.models.retrieve("market")
    with pytest.raises(openai.NotFoundError) as refused:
        await theirs.chat.completions.create(model="market", messages=HELLO)
    assert refused.value.code == "model_not_found"
    assert await in_thread(Conversation.objects.count)() == 0


async def test_wrong_keys_are_refused_in_openais_shape(
    app: App, key: Key, employee: User, assistant: Assistant
) -> None:
    wrong = app.openai("ldk_wrong")
    with pytest.raises(openai.AuthenticationError) as refused:
        await wrong.chat.completions.create(model="abc", messages=HELLO)
    assert refused.value.code == "invalid_api_key"
    async with app.client() as client:
        for answer in (
            await client.get("/v1/models"),
            await client.post("/v1/chat/completions", json={"model": "abc", "messages": HELLO}),
        ):
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"
            error = answer.json()["error"]
            assert set(error) == {"message", "type", "param", "code"}
            assert error["type"] == "authentication_error"
    manage = await in_thread(key)(employee, "manage")
    with pytest.raises(openai.PermissionDeniedError):
        await app.openai(manage).models.list()
    slow = app.openai(await in_thread(key)(employee, requests_per_minute=2))
    await slow.models.list()
    await slow.models.list()
    with pytest.raises(openai.RateLimitError):
        await slow.models.list()


LAST_ASSISTANT = [*HELLO, {"role": "assistant", "content": "I am"}]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"messages": HELLO}, "model"),
        ({"model": "abc"}, "messages"),
        ({"model": "abc", "messages": []}, "messages"),
        ({"model": "abc", "messages": "hi"}, "messages"),
        ({"model": "abc", "messages": ["hi"]}, "messages"),
        ({"model": "abc", "messages": [{"role": "user"}]}, "messages"),
        ({"model": "abc", "messages": [{"role": "user", "content": " "}]}, "messages"),
        ({"model": "abc", "messages": [{"role": "user", "content": 7.5}]}, "messages[0]"),
        ({"model": "abc", "messages": [{"role": "user", "content": {}}]}, "messages[0]"),
        ({"model": "abc", "messages": [{"role": "king", "content": "hi"}]}, "messages[0]"),
        ({"model": "abc", "messages": [{"role": "user", "content": "a\x00"}]}, "messages[0]"),
        ({"model": "abc", "messages": [{"role": "user", "content": [{}]}]}, "messages[0]"),
        ({"model": "abc", "messages": LAST_ASSISTANT}, "messages"),
        ({"model": "abc", "messages": HELLO, "temperature": 3}, "temperature"),
        ({"model": "abc", "messages": HELLO, "temperature": "hot"}, "temperature"),
        ({"model": "abc", "messages": HELLO, "top_p": -1}, "top_p"),
        ({"model": "abc", "messages": HELLO, "max_tokens": 0}, "max_tokens"),
        ({"model": "abc", "messages": HELLO, "seed": 2**70}, "seed"),
        ({"model": "abc", "messages": HELLO, "stop": ["a"] * 5}, "stop"),
        ({"model": "abc", "messages": HELLO, "stop": {"a": 1}}, "stop"),
        ({"model": "abc", "messages": HELLO, "n": 2}, "n"),
        ({"model": "abc", "messages": HELLO, "tools": [{"type": "function"}]}, "tools"),
        ({"model": "abc", "messages": HELLO, "metadata": "x"}, "metadata"),
        ({"model": "abc", "messages": HELLO * 2, "metadata": {"conversation_id": "x"}}, "messages"),
        ({"model": ["abc"], "messages": HELLO}, "model"),
    ],
)
async def test_a_bad_body_is_refused_with_the_parameter_and_nothing_is_kept(
    app: App, secret: str, assistant: Assistant, body: dict[str, Any], param: str
) -> None:
    async with app.client(secret) as client:
        answer = await client.post("/v1/chat/completions", json=body)
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert error["param"] == param
    assert error["message"]
    assert await in_thread(Conversation.objects.count)() == 0


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', '{"temperature": NaN}', "[" * 50_000])
async def test_a_body_that_is_no_json_object_is_refused(app: App, secret: str, text: str) -> None:
    async with app.client(secret) as client:
        for path in ("/v1/chat/completions", "/generate"):
            answer = await client.post(
                path, content=text, headers={"content-type": "application/json"}
            )
            assert answer.status_code == 400
            assert answer.json()["error"]["code"].startswith("not_")


async def test_other_methods_are_refused_in_json(app: App, secret: str) -> None:
    async with app.client(secret) as client:
        for answer in (await client.get("/v1/chat/completions"), await client.put("/generate")):
            assert answer.status_code == 405
            assert answer.json()["error"]["message"]


async def test_a_conversation_is_its_owners_and_its_assistants(
    app: App,
    key: Key,
    secret: str,
    stranger: User,
    assistant: Assistant,
    replier: Replier,
    fake: FakeModelServer,
) -> None:
    mine = app.openai(secret).chat.completions
    first = await mine.create(model="abc", messages=HELLO)
    metadata = {"conversation_id": (first.model_extra or {})["loredesk"]["conversation_id"]}
    theirs = app.openai(await in_thread(key)(stranger)).chat.completions
    with pytest.raises(openai.NotFoundError):
        await theirs.create(model="abc", messages=HELLO, metadata=metadata)
    with pytest.raises(openai.NotFoundError):
        await mine.create(model="abc", messages=HELLO, metadata={"conversation_id": "nonsense"})
    await in_thread(Assistant.objects.create)(slug="other", name="O", base_model="x")
    with pytest.raises(openai.BadRequestError) as refused:
        await mine.create(model="other", messages=HELLO, metadata=metadata)
    assert refused.value.param == "model"
    assert await in_thread(Message.objects.count)() == 2


async def test_user_is_a_label_unless_the_key_may_act_for_others(
    app: App,
    key: Key,
    admin: User,
    employee: User,
    stranger: User,
    assistant: Assistant,
    replier: Replier,
    fake: FakeModelServer,
) -> None:
    def owner_of(answer: Any) -> Any:
        talk = answer.model_extra["loredesk"]["conversation_id"]
        return in_thread(lambda: Conversation.objects.get(pk=talk).owner)()

    plain = app.openai(await in_thread(key)(stranger)).chat.completions
    answer = await plain.create(model="abc", messages=HELLO, user="employee")
    assert await owner_of(answer) == stranger
    assert "李伟" not in fake.last_messages[0]["content"]

    acting = app.openai(
        await in_thread(key)(stranger, "chat", "act_as", actor=admin)
    ).chat.completions
    answer = await acting.create(model="abc", messages=HELLO, user="employee")
    assert await owner_of(answer) == employee
    assert "李伟 of 市场部" in fake.last_messages[0]["content"]
    with pytest.raises(openai.BadRequestError) as refused:
        await acting.create(model="abc", messages=HELLO, user="nobody")
    assert refused.value.param == "user"
    # For somebody, with that person's rights.
    assert employee.department
    await in_thread(assistant.departments.set)([employee.department])
    await acting.create(model="abc", messages=HELLO, user="employee")
    with pytest.raises(openai.NotFoundError):
        await acting.create(model="abc", messages=HELLO)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_failed_answer_has_its_status(
    app: App,
    secret: str,
    assistant: Assistant,
    replier: Replier,
    fake: FakeModelServer,
    monkeypatch: pytest.MonkeyPatch,
    stream: bool,
) -> None:
    fake.max_model_len = 100
    ask = app.openai(secret).chat.completions.create
    long: Any = [{"role": "user", "content": "z" * 5000}]
    with pytest.raises(openai.BadRequestError) as refused:
        await ask(model="abc", messages=long, stream=stream)
    assert refused.value.code == "context_length_exceeded"
    monkeypatch.setattr("backend.chat.replier.answering.RESTART_S", 0.3)
    fake.failing = 503
    with pytest.raises(openai.APIStatusError) as failed:
        await ask(model="abc", messages=HELLO, stream=stream)
    assert failed.value.status_code == 503


async def test_an_answer_that_breaks_off_is_an_error_in_the_stream(
    app: App, secret: str, assistant: Assistant, replier: Replier, fake: FakeModelServer
) -> None:
    fake.answer, fake.break_after, fake.token_s = lambda _body: ["a", "b", "c"], 2, 0.1
    stream = await app.openai(secret).chat.completions.create(
        model="abc", messages=HELLO, stream=True
    )
    pieces: list[str] = []
    with pytest.raises(openai.APIError) as broken:
        await _read_into(pieces, stream)
    assert "".join(pieces) == "ab"
    assert broken.value.code == "interrupted"
    fake.break_after = 2
    with pytest.raises(openai.APIStatusError) as whole:
        await app.openai(secret).chat.completions.create(model="abc", messages=HELLO)
    assert whole.value.code == "interrupted"


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_goes_away_stops_the_computing(
    app: App,
    secret: str,
    assistant: Assistant,
    replier: Replier,
    fake: FakeModelServer,
    stream: bool,
) -> None:
    fake.answer, fake.token_s = lambda _body: ["on and "] * 1000, 0.02
    asking = asyncio.create_task(_read_a_little(app, secret, stream))
    await asyncio.to_thread(fake.wait_until, lambda: fake.running == 1)
    await asyncio.sleep(0.3)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await asyncio.to_thread(fake.wait_until, lambda: fake.running == 0)
    stopped = in_thread(lambda: Message.objects.filter(state="stopped", text__gt="").exists())
    await eventually(stopped)


async def _read_into(pieces: list[str], stream: Any) -> None:
    async for chunk in stream:
        pieces.append(chunk.choices[0].delta.content or "")


async def _read_a_little(app: App, secret: str, stream: bool) -> None:
    body = {"model": "abc", "messages": HELLO, "stream": stream}
    async with (
        app.client(secret) as client,
        client.stream("POST", "/v1/chat/completions", json=body) as answer,
    ):
        async for _line in answer.aiter_lines():
            pass


async def test_a_long_wait_is_kept_alive_and_then_told(
    app: App,
    secret: str,
    assistant: Assistant,
    replier: Replier,
    fake: FakeModelServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("backend.api.openai.views.STATUS_WITHIN_S", 0.1)
    monkeypatch.setattr("backend.api.openai.streaming.COMMENT_EVERY_S", 0.1)
    fake.first_token_s = 0.5
    stream = await app.openai(secret).chat.completions.create(
        model="abc", messages=HELLO, stream=True
    )
    chunks = [chunk async for chunk in stream]
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == "You said: Who are you?"


async def test_generate_is_the_simplest_call(
    app: App, key: Key, employee: User, assistant: Assistant, replier: Replier
) -> None:
    secret = await in_thread(key)(employee)
    async with app.client(secret) as client:
        got = await client.get("/generate", params={"prompt": "你是谁?"})
        assert (got.status_code, got.json()["response"]) == (200, "You said: 你是谁?")
        posted = await client.post("/generate", json={"prompt": "Hi", "max_tokens": 5})
        assert posted.json()["response"] == "You said: Hi"
        # As curl sends it with -d and no header of its own.
        form = {"content-type": "application/x-www-form-urlencoded"}
        for content in ('{"prompt": "Hi"}', "prompt=Hi"):
            answer = await client.post("/generate", content=content, headers=form)
            assert answer.json()["response"] == "You said: Hi"
        for answer in (
            await client.get("/generate"),
            await client.get("/generate", params={"prompt": " "}),
            await client.post("/generate", json={"prompt": ["x"]}),
            await client.post("/generate", json={"prompt": "x", "max_tokens": -1}),
        ):
            assert answer.status_code == 400
            assert set(answer.json()["error"]) == {"code", "message", "details"}
        missing = await client.post("/generate", json={"prompt": "x", "assistant": "none"})
        assert missing.status_code == 404


async def test_generate_answers_as_the_default_of_the_key(
    app: App, key: Key, employee: User, assistant: Assistant, replier: Replier
) -> None:
    other = await in_thread(Assistant.objects.create)(
        slug="other", name="O", base_model=assistant.base_model
    )
    secret = await in_thread(key)(employee, default_assistant="other")
    async with app.client(secret) as client:
        answer = await client.get("/generate", params={"prompt": "Hi"})
    talk = answer.json()["loredesk"]["conversation_id"]
    stored = await in_thread(Conversation.objects.get)(pk=talk)
    assert stored.assistant_id == other.pk


async def test_a_signed_in_browser_generates_with_its_csrf_token_only(
    app: App, employee: User, assistant: Assistant, replier: Replier
) -> None:
    async with app.client() as client:
        assert (await client.get("/generate", params={"prompt": "Hi"})).status_code == 401
        await client.get("/api/v1/session")
        token = {"X-CSRFToken": client.cookies["csrftoken"]}
        signed_in = await client.post(
            "/api/v1/session",
            json={"username": "employee", "password": "a-Long-enough-1"},
            headers=token,
        )
        assert signed_in.status_code == 200
        got = await client.get("/generate", params={"prompt": "Hi"})
        assert got.json()["response"] == "You said: Hi"
        refused = await client.post("/generate", json={"prompt": "Hi"})
        assert refused.status_code == 403
        token = {"X-CSRFToken": client.cookies["csrftoken"]}
        posted = await client.post("/generate", json={"prompt": "Hi"}, headers=token)
        assert posted.json()["response"] == "You said: Hi"


async def test_many_requests_wait_at_once_and_hold_no_connection(
    app: App,
    key: Key,
    employee: User,
    assistant: Assistant,
    replier: Replier,
    fake: FakeModelServer,
) -> None:
    secret = await in_thread(key)(employee, requests_per_minute=1000)
    fake.first_token_s = 1.5
    client = app.openai(secret).chat.completions
    asked = [
        asyncio.create_task(client.create(model="abc", messages=HELLO, stream=bool(n % 2)))
        for n in range(40)
    ]
    await asyncio.to_thread(fake.wait_until, lambda: fake.running == 40, timeout_s=10)
    # More than the pool has connections: the database still answers at once.
    async with app.client(secret) as plain:
        assert (await plain.get("/v1/models", timeout=2)).status_code == 200
    for answer in await asyncio.gather(*asked):
        if isinstance(answer, openai.AsyncStream):
            assert [chunk async for chunk in answer]


def test_the_queries_of_a_question_do_not_grow_with_the_history(
    employee: User, assistant: Assistant
) -> None:
    from django.db import connection

    from backend.chat.services.outside import question_follow_up, question_send
    from backend.chat.services.questions import Turn

    accepted = question_send(user=employee, assistant="abc", turns=[Turn(role="user", text="0")])
    counts = []
    for number in range(1, 6):
        Message.objects.filter(pk=accepted.reply_id).update(state="finished", text="a")
        with CaptureQueriesContext(connection) as captured:
            accepted = question_follow_up(
                user=employee,
                assistant="abc",
                conversation_id=accepted.conversation_id,
                text=str(number),
            )
        counts.append(len(captured))
    assert counts[0] == counts[-1] <= 16
    assert ApiKey.objects.count() == 0
