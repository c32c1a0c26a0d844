"""What becomes of answers when something ends, restarts, refuses or is slow."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from django.db import connection, connections

from backend.accounts.models import User
from backend.assistants.models import Assistant
from backend.chat import recovery, streams
from backend.chat.models import Message
from backend.chat.replier.process import Replier
from backend.config import env
from tests.backend.chat.conftest import (
    OpenTab,
    Repliers,
    eventually,
    in_thread,
    row,
    text_of,
    types_of,
)
from tests.fake_model_server import BASE, FakeModelServer, tokens_of

pytestmark = pytest.mark.django_db(transaction=True)

LONG = [f"word{n} " for n in range(400)]


class Process:
    """``manage.py replier`` as the supervisor runs it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def end(self, sign: signal.Signals) -> int:
        if self.process.returncode is None:
            self.process.send_signal(sign)
        return await asyncio.wait_for(self.process.wait(), 15)


@pytest_asyncio.fixture
async def replier_process(fake: FakeModelServer) -> AsyncIterator[Process]:
    database = connection.settings_dict
    url = "postgres://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**database)
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        "manage.py",
        "replier",
        cwd=env.ROOT,
        env={**os.environ, "DATABASE_URL": url, "MODEL_SERVER_URL": fake.url},
    )
    process = Process(started)
    yield process
    await process.end(signal.SIGKILL)


async def test_a_killed_replier_leaves_a_truthful_answer_and_a_retry(
    tab: OpenTab,
    employee: User,
    assistant: Assistant,
    fake: FakeModelServer,
    replier_process: Process,
    repliers: Repliers,
) -> None:
    fake.answer, fake.token_s = lambda _body: LONG, 0.05
    page = await tab(employee)
    accepted = await page.ask("Talk")
    await page.send("reply.follow", message_id=accepted["reply_id"], after_seq=0)
    seen = await page.until("reply.token", timeout_s=20)
    seen += [await page.next() for _ in range(30)]
    assert await replier_process.end(signal.SIGKILL) == -signal.SIGKILL

    await repliers.start()
    seen += await page.until("reply.interrupted", timeout_s=20)
    stored = await row(accepted["reply_id"])
    assert stored.state == Message.State.INTERRUPTED
    # Everything that reached the page, though the row was last saved up to a second before.
    assert stored.text == text_of(seen)
    assert [event["seq"] for event in seen] == list(range(1, stored.seq + 1))

    fake.answer = lambda _body: ["Here you are."]
    await page.send("reply.regenerate", message_id=accepted["reply_id"])
    retry = await page.next()
    assert text_of(await page.follow(retry["reply_id"])) == "Here you are."


async def test_a_replier_told_to_end_ends_quickly_and_says_so_at_once(
    tab: OpenTab,
    employee: User,
    assistant: Assistant,
    fake: FakeModelServer,
    replier_process: Process,
) -> None:
    fake.answer, fake.token_s = lambda _body: LONG, 0.05
    page = await tab(employee)
    accepted = await page.ask("Talk")
    await page.send("reply.follow", message_id=accepted["reply_id"], after_seq=0)
    seen = await page.until("reply.token", timeout_s=20)
    seen += [await page.next() for _ in range(5)]
    loop = asyncio.get_running_loop()
    told_at = loop.time()
    assert await replier_process.end(signal.SIGTERM) == 0
    assert loop.time() - told_at < 5
    seen += await page.until("reply.interrupted", timeout_s=2)
    stored = await row(accepted["reply_id"])
    assert (stored.state, stored.text) == (Message.State.INTERRUPTED, text_of(seen))
    fake.wait_until(lambda: fake.running == 0)


async def test_an_answer_that_has_not_begun_is_answered_by_the_next_replier(
    tab: OpenTab, employee: User, assistant: Assistant, fake: FakeModelServer, repliers: Repliers
) -> None:
    fake.first_token_s = 30
    page = await tab(employee)
    accepted = await page.ask("Talk")
    await repliers.start()
    await page.send("reply.follow", message_id=accepted["reply_id"], after_seq=0)
    await page.until("reply.started")
    await repliers.end()
    assert (await row(accepted["reply_id"])).state == Message.State.QUEUED

    fake.first_token_s = 0
    await repliers.start()
    events = await page.until("reply.finished")
    assert text_of(events) == "You said: Talk"
    assert (await row(accepted["reply_id"])).attempts == 2


async def test_an_answer_that_kills_its_repliers_is_not_tried_for_ever(
    tab: OpenTab, employee: User, assistant: Assistant, fake: FakeModelServer
) -> None:
    page = await tab(employee)
    accepted = await page.ask("Poison")
    for _attempt in range(recovery.MAX_ATTEMPTS):
        reply = await row(accepted["reply_id"])
        reply.state, reply.replier = Message.State.STREAMING, "gone"
        reply.attempts += 1
        await in_thread(reply.save)()
        assert await in_thread(recovery.reply_settle)(reply=reply)
    assert (await row(accepted["reply_id"])).state == Message.State.INTERRUPTED


async def test_a_question_that_redis_forgot_is_answered_all_the_same(
    tab: OpenTab, employee: User, assistant: Assistant, replier: Replier
) -> None:
    page = await tab(employee)
    await page.answer("Warm up")
    await in_thread(streams.client().flushdb)()
    accepted = await page.ask("Forgotten")
    await in_thread(streams.client().flushdb)()
    assert text_of(await page.follow(accepted["reply_id"])) == "You said: Forgotten"


async def test_a_question_read_by_a_replier_that_died_is_claimed(
    tab: OpenTab,
    employee: User,
    assistant: Assistant,
    fake: FakeModelServer,
    repliers: Repliers,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("backend.chat.replier.process.UNTAKEN_MS", 100)
    page = await tab(employee)
    accepted = await page.ask("Taken?")

    @in_thread
    def read_and_die() -> None:
        streams.client().xgroup_create(streams.QUEUE, streams.GROUP, id="0")
        assert streams.client().xreadgroup(streams.GROUP, "dead", {streams.QUEUE: ">"})

    await read_and_die()
    await asyncio.sleep(0.2)
    await repliers.start()
    # Not by the database's look at what is lost, which takes two seconds to be sure.
    assert text_of(await page.follow(accepted["reply_id"], timeout_s=1.5)) == "You said: Taken?"
    await eventually(in_thread(lambda: streams.client().xlen(streams.QUEUE) == 0))


async def test_an_offer_that_leads_nowhere_is_offered_again(
    tab: OpenTab, employee: User, assistant: Assistant
) -> None:
    page = await tab(employee)
    accepted = await page.ask("Stranded")

    @in_thread
    def strand() -> None:
        client = streams.client()
        client.xgroup_create(streams.QUEUE, streams.GROUP, id="0")
        client.xreadgroup(streams.GROUP, "dead", {streams.QUEUE: ">"})
        client.xgroup_delconsumer(streams.QUEUE, streams.GROUP, "dead")
        Message.objects.filter(state="queued").update(queued_at="2020-01-01T00:00:00Z")

    await strand()
    assert await in_thread(streams.queue_offered)() == set()
    assert (await in_thread(recovery.replies_heal)()).offered == 1
    assert await in_thread(streams.queue_offered)() == {accepted["reply_id"]}
    assert (await in_thread(recovery.replies_heal)()).offered == 0


async def test_several_repliers_and_several_offers_make_one_answer(
    tab: OpenTab, employee: User, assistant: Assistant, fake: FakeModelServer, repliers: Repliers
) -> None:
    fake.answer, fake.token_s = lambda _body: ["a", "b", "c"], 0.02
    page = await tab(employee)
    accepted = [await page.ask(f"{n}?") for n in range(10)]
    for _ in range(3):
        for one in accepted:
            await in_thread(streams.queue_add)(one["reply_id"])
    for _ in range(3):
        await repliers.start()
    for one in accepted:
        assert text_of(await page.follow(one["reply_id"])) == "abc"
    assert len(fake.requests) == 10
    await eventually(in_thread(lambda: streams.client().xlen(streams.QUEUE) == 0))


async def test_a_second_writer_is_refused_and_the_row_says_what_the_stream_says(
    tab: OpenTab,
    employee: User,
    assistant: Assistant,
    replier: Replier,
    fake: FakeModelServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("backend.chat.recovery.SILENT_S", 0.5)
    fake.answer, fake.token_s = lambda _body: LONG, 0.05
    page = await tab(employee)
    accepted = await page.ask("Talk")
    reply_id = accepted["reply_id"]
    await page.send("reply.follow", message_id=reply_id, after_seq=0)
    seen = await page.until("reply.token")

    @in_thread
    def write_as_well() -> None:
        last = streams.entries_after(reply_id, 0)[-1]["seq"]
        event = {"type": "reply.token", "message_id": reply_id, "seq": last + 2, "text": "!"}
        streams.client().xadd(
            streams.stream_key(reply_id), {streams.EVENT: json.dumps(event)}, id=f"{last + 2}-0"
        )

    await write_as_well()
    seen += await page.until("reply.interrupted", timeout_s=15)
    stored = await row(reply_id)
    assert stored.state == Message.State.INTERRUPTED
    fake.wait_until(lambda: fake.running == 0)


async def test_what_the_stream_no_longer_has_is_told_from_the_row(
    tab: OpenTab, employee: User, assistant: Assistant, replier: Replier, fake: FakeModelServer
) -> None:
    fake.answer = lambda _body: ["<think>Hm. ", "<think>Well.", "你好", "，", "🙂", "world"]
    fake.token_s = 0.04
    page = await tab(employee)
    accepted, events = await page.answer("Hello")
    assert types_of(events)[:3] == ["reply.started", "reply.reasoning", "reply.token"]
    stored = await row(accepted["reply_id"])
    assert (stored.reasoning, stored.text) == ("Hm. Well.", "你好，🙂world")
    ttl = await in_thread(streams.client().ttl)(streams.stream_key(accepted["reply_id"]))
    assert 0 < ttl <= streams.FINISHED_TTL_S
    await in_thread(streams.client().flushdb)()
    for seen in range(len(events)):
        assert await page.follow(accepted["reply_id"], after_seq=seen) == events[seen:]


async def test_a_stream_without_its_end_does_not_keep_anybody_waiting(
    tab: OpenTab,
    employee: User,
    assistant: Assistant,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("backend.chat.tail.QUIET_S", 0.2)
    monkeypatch.setattr("backend.chat.tail.LOOK_EVERY_S", 0.1)
    page = await tab(employee)
    accepted = await page.ask("Lost end")
    deleted = await page.ask("Deleted")
    for one in (accepted, deleted):
        await page.send("reply.follow", message_id=one["reply_id"], after_seq=0)
    await asyncio.sleep(0.2)
    reply = await row(accepted["reply_id"])
    reply.state, reply.text, reply.seq = Message.State.FINISHED, "Done.", 3
    reply.event_lengths = [0, 5, 0]
    await in_thread(reply.save)()
    await in_thread((await row(deleted["reply_id"])).delete)()
    events = [await page.next() for _ in range(4)]
    mine = [event for event in events if event["message_id"] == accepted["reply_id"]]
    assert types_of(mine) == ["reply.started", "reply.token", "reply.finished"]
    assert text_of(mine) == "Done."
    assert types_of([event for event in events if event not in mine]) == ["reply.interrupted"]


@pytest.fixture
def own_session(db: None) -> int:
    """The database session of the test itself, which empties the tables in the end."""
    connection.ensure_connection()
    return int(connection.connection.info.backend_pid)


async def test_cut_connections_to_redis_and_database_lose_nothing(
    tab: OpenTab,
    employee: User,
    assistant: Assistant,
    replier: Replier,
    fake: FakeModelServer,
    own_session: int,
) -> None:
    fake.answer, fake.token_s = lambda _body: LONG[:100], 0.03
    page = await tab(employee)
    accepted = await page.ask("Talk")
    await page.send("reply.follow", message_id=accepted["reply_id"], after_seq=0)
    seen = await page.until("reply.token")

    @in_thread
    def cut() -> None:
        with connections["default"].cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid NOT IN (pg_backend_pid(), %s)",
                [own_session],
            )
        for kind in ("normal", "pubsub"):
            streams.client().client_kill_filter(_type=kind, skipme=True)

    for _ in range(3):
        await cut()
        await asyncio.sleep(0.3)
    seen += await page.until("reply.finished", timeout_s=15)
    stored = await row(accepted["reply_id"])
    assert text_of(seen) == stored.text == "".join(LONG[:100])
    assert [event["seq"] for event in seen] == list(range(1, stored.seq + 1))
    # And the next question is heard of.
    _accepted, events = await page.answer("More", conversation_id=accepted["conversation_id"])
    assert events[-1]["type"] == "reply.finished"


async def test_no_database_connection_is_held_while_answers_stream(
    tab: OpenTab, employee: User, assistant: Assistant, replier: Replier, fake: FakeModelServer
) -> None:
    fake.answer, fake.token_s = lambda _body: LONG[:60], 0.05

    def in_use() -> int:
        stats = connection.pool.get_stats()  # type: ignore[attr-defined]  # PostgreSQL's has it
        return int(stats["pool_size"]) - int(stats["pool_available"])

    page = await tab(employee)
    await sync_to_async(connections.close_all)()
    test_alone = in_use()
    accepted = [await page.ask(f"{n}?") for n in range(20)]
    await asyncio.to_thread(fake.wait_until, lambda: fake.running == 20)
    await asyncio.sleep(0.3)
    # Saves happen every second; most of the time nobody has a connection.
    used = []
    for _ in range(20):
        used.append(in_use())
        await asyncio.sleep(0.02)
    assert sorted(used)[len(used) // 2] <= test_alone <= 2, used
    assert fake.running == 20
    for one in accepted:
        assert (await page.follow(one["reply_id"]))[-1]["type"] == "reply.finished"


async def test_a_failure_to_read_the_question_is_told_and_not_repeated(
    tab: OpenTab,
    employee: User,
    assistant: Assistant,
    replier: Replier,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(**_: object) -> None:
        raise RuntimeError("no such prompt")

    monkeypatch.setattr("backend.chat.replier.ledger.prompt_messages", broken)
    page = await tab(employee)
    _accepted, events = await page.answer("Hi")
    assert events[-1]["type"] == "reply.failed"
    assert events[-1]["code"] == "internal_error"
    assert "no such prompt" in caplog.text


def adapter_for(assistant: Assistant, folder: Path) -> str:
    """Puts an adapter into service for the assistant; its name."""
    from backend.curation.models import DatasetVersion
    from backend.serving.models import Deployment
    from backend.training.models import Adapter, TrainingRun

    (folder / "adapter_config.json").write_text("{}")
    version = DatasetVersion.objects.create(number=1, sha256="0" * 64)
    run = TrainingRun.objects.create(
        number=1,
        dataset_version=version,
        assistant=assistant,
        base_model=assistant.base_model,
        state=TrainingRun.State.SUCCEEDED,
    )
    adapter = Adapter.objects.create(
        name="abc-run-1",
        run=run,
        assistant=assistant,
        base_model=assistant.base_model,
        path=str(folder),
        card={"thinking": False},
    )
    Deployment.objects.create(assistant=assistant, adapter=adapter, action="promote")
    return adapter.name


async def test_the_adapter_in_production_answers_and_is_loaded_where_it_was_forgotten(
    tab: OpenTab,
    employee: User,
    assistant: Assistant,
    replier: Replier,
    fake: FakeModelServer,
    tmp_path: Path,
) -> None:
    page = await tab(employee)
    first, events = await page.answer("Base?")
    assert events[0]["adapter"] is None
    name = await in_thread(adapter_for)(assistant, tmp_path)
    _accepted, events = await page.answer("Tuned?", conversation_id=first["conversation_id"])
    assert events[0]["adapter"]["name"] == name
    assert fake.loaded == [{"lora_name": name, "lora_path": str(tmp_path)}]
    await page.answer("Again?", conversation_id=first["conversation_id"])
    assert len(fake.loaded) == 1
    # The server was started anew meanwhile.
    fake.models = {BASE}
    _accepted, events = await page.answer("And now?", conversation_id=first["conversation_id"])
    assert text_of(events) == "You said: And now?"
    assert len(fake.loaded) == 2
    assert [request["model"] for request in fake.requests] == [BASE, *[name] * 4]
    told = [request.get("chat_template_kwargs") for request in fake.requests]
    assert told == [None, *[{"enable_thinking": False}] * 4], "not asked as it was trained"


async def test_an_adapter_that_the_server_refuses_is_told_in_words(
    tab: OpenTab,
    employee: User,
    assistant: Assistant,
    replier: Replier,
    fake: FakeModelServer,
    tmp_path: Path,
) -> None:
    fake.is_adapter_refused = True
    await in_thread(adapter_for)(assistant, tmp_path)
    accepted, events = await (await tab(employee)).answer("Hi")
    assert events[-1]["code"] == "adapter_unusable"
    stored = await row(accepted["reply_id"])
    assert stored.state == Message.State.FAILED
    assert stored.error == {"code": "adapter_unusable", "message": events[-1]["message"]}


async def test_a_restarting_model_server_is_waited_for(
    tab: OpenTab, employee: User, assistant: Assistant, replier: Replier, fake: FakeModelServer
) -> None:
    fake.failing = 503
    page = await tab(employee)
    accepted = await page.ask("Hi")
    await asyncio.sleep(1)
    fake.failing = None
    events = await page.follow(accepted["reply_id"])
    assert types_of(events) == ["reply.started", "reply.token", "reply.finished"]


async def test_a_model_server_that_stays_away_fails_the_answer_in_words(
    tab: OpenTab,
    employee: User,
    assistant: Assistant,
    replier: Replier,
    fake: FakeModelServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("backend.chat.replier.answering.RESTART_S", 0.5)
    fake.failing = 502
    page = await tab(employee)
    accepted, events = await page.answer("Hi")
    assert events[-1]["code"] == "model_server_unavailable"
    assert "does not answer" in events[-1]["message"]
    fake.failing = None
    await page.send("reply.regenerate", message_id=accepted["reply_id"])
    retry = await page.next()
    assert text_of(await page.follow(retry["reply_id"])) == "You said: Hi"


async def test_a_connection_lost_before_the_first_word_is_tried_again_and_after_it_not(
    tab: OpenTab, employee: User, assistant: Assistant, replier: Replier, fake: FakeModelServer
) -> None:
    page = await tab(employee)
    fake.break_after = 0
    accepted = await page.ask("Hi")
    await asyncio.to_thread(fake.wait_until, lambda: len(fake.requests) >= 2)
    fake.break_after = None
    assert text_of(await page.follow(accepted["reply_id"])) == "You said: Hi"

    fake.answer, fake.break_after = lambda _body: ["one ", "two ", "three"], 2
    accepted, events = await page.answer("Count")
    assert events[-1]["type"] == "reply.interrupted"
    assert (await row(accepted["reply_id"])).text == text_of(events) == "one two "


async def test_a_fault_of_the_model_server_is_told_at_once(
    tab: OpenTab, employee: User, assistant: Assistant, replier: Replier, fake: FakeModelServer
) -> None:
    fake.failing = 500
    _accepted, events = await (await tab(employee)).answer("Hi")
    assert events[-1]["code"] == "model_server_failed"
    fake.failing = None
    fake.models.clear()
    _accepted, events = await (await tab(employee)).answer("Hi")
    assert events[-1]["code"] == "model_not_found"


async def test_the_oldest_turns_make_room_and_the_question_stays(
    tab: OpenTab, employee: User, assistant: Assistant, replier: Replier, fake: FakeModelServer
) -> None:
    fake.max_model_len = 300
    fake.answer = lambda _body: ["x" * 200]
    page = await tab(employee)
    talk, _events = await page.answer("q0 " + "y" * 100)
    for number in range(1, 6):
        _accepted, events = await page.answer(
            f"q{number} " + "y" * 100, conversation_id=talk["conversation_id"]
        )
        assert events[-1]["type"] == "reply.finished"
        sent = fake.last_messages
        assert [message["role"] for message in sent[:2]] == ["system", "user"]
        assert sent[-1]["content"].startswith(f"q{number} ")
    kept = [message["content"][:2] for message in fake.last_messages if message["role"] == "user"]
    # As many of the latest as fit beside the room for an answer.
    assert kept == ["q3", "q4", "q5"]
    size, room = tokens_of(fake.last_messages), 300 - 300 // 4
    assert size <= room < size + tokens_of(fake.last_messages[1:3])
    assert fake.requests[-1]["max_tokens"] == min(100, 300 - size)


async def test_a_question_longer_than_the_context_fails_in_words(
    tab: OpenTab, employee: User, assistant: Assistant, replier: Replier, fake: FakeModelServer
) -> None:
    fake.max_model_len = 300
    page = await tab(employee)
    talk, _events = await page.answer("short")
    accepted, events = await page.answer("z" * 2000, conversation_id=talk["conversation_id"])
    assert events[-1]["code"] == "context_length_exceeded"
    assert "longer than the model can read" in events[-1]["message"]
    stored = await row(accepted["reply_id"])
    assert (stored.error or {})["code"] == "context_length_exceeded"


async def test_the_server_is_asked_to_count_only_where_bytes_do_not_settle_it(
    tab: OpenTab, employee: User, assistant: Assistant, replier: Replier, fake: FakeModelServer
) -> None:
    page = await tab(employee)
    for number in range(3):
        await page.answer(f"short {number}")
    assert len(fake.counted) == 1
    # A server that now takes less than it said is asked again, exactly.
    fake.max_model_len = 150
    _accepted, events = await page.answer("w" * 200)
    assert events[-1]["type"] == "reply.finished"
    assert len(fake.counted) > 1
