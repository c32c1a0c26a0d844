"""Rating an answer over REST: one's own, and only one that has ended."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from backend.accounts.models import ApiKey, User
from backend.accounts.services import api_key_create
from backend.assistants.models import Assistant
from backend.chat.models import Message
from backend.chat.services.questions import Accepted, message_send
from backend.curation.models import FeedbackItem
from backend.curation.services import inbox_item_draft, inbox_item_handle

Api = Callable[[User | None], Any]
BLNS = Path(__file__).parents[4] / "shared" / "data" / "hostile" / "blns" / "blns.json"
NOWHERE = "00000000-0000-4000-8000-000000000000"


def asked(user: User, text: str, answer: str = "Your manager.", **fields: Any) -> Accepted:
    if "conversation_id" not in fields:
        fields.setdefault("assistant", "abc")
    accepted = message_send(user=user, text=text, **fields)
    Message.objects.filter(pk=accepted.reply_id).update(
        state=Message.State.FINISHED, text=answer, sources=[{"title": "Handbook"}]
    )
    return accepted


@pytest.fixture
def talk(employee: User, assistant: Assistant) -> Accepted:
    return asked(employee, "Who approves a trip?")


def feedback(talk: Accepted) -> str:
    return f"/messages/{talk.reply_id}/feedback"


def test_a_word_on_an_answer_reaches_the_inbox_and_the_message(
    api: Api, employee: User, assistant: Assistant, talk: Accepted
) -> None:
    client = api(employee)
    made = client.post(
        feedback(talk), {"rating": "down", "comment": "Outdated", "correction": "The CFO."}
    )
    assert made.status_code == 201, made.content
    item = FeedbackItem.objects.get()
    assert (item.question, item.answer) == ("Who approves a trip?", "Your manager.")
    assert (item.rating, item.comment, item.correction) == ("down", "Outdated", "The CFO.")
    assert (item.reporter, item.assistant, item.assistant_name) == (employee, assistant, "小助手")
    assert (item.sources, item.history, item.state) == ([{"title": "Handbook"}], [], "open")
    shown = client.get(f"/messages/{talk.reply_id}").json()["feedback"]
    assert shown == made.json()
    assert (shown["rating"], shown["outcome"], shown["note"]) == ("down", "waiting", "")
    path = f"/conversations/{talk.conversation_id}/messages"
    found = client.get(path).json()["results"]
    assert [row["feedback"] for row in found] == [None, shown]


def test_again_changes_it_and_what_is_not_sent_stays(
    api: Api, employee: User, talk: Accepted
) -> None:
    client = api(employee)
    client.post(feedback(talk), {"rating": "down", "comment": "Outdated"})
    changed = client.post(feedback(talk), {"rating": "down", "correction": "The CFO."})
    assert changed.status_code == 200
    item = FeedbackItem.objects.get()
    assert (item.comment, item.correction, item.revision) == ("Outdated", "The CFO.", 2)
    replaced = client.put(feedback(talk), {"rating": "up"})
    assert replaced.status_code == 200
    item.refresh_from_db()
    assert (item.rating, item.comment, item.correction) == ("up", "", "")
    assert client.delete(feedback(talk)).status_code == 204
    assert client.delete(feedback(talk)).status_code == 204
    assert not FeedbackItem.objects.exists()
    assert client.get(f"/messages/{talk.reply_id}").json()["feedback"] is None


def test_earlier_turns_go_along_only_when_they_are_sent(
    api: Api, employee: User, talk: Accepted
) -> None:
    then = asked(employee, "And abroad?", "The CFO.", conversation_id=talk.conversation_id)
    # A branch that the question does not stand on.
    asked(employee, "Secret?", conversation_id=talk.conversation_id, parent_id=talk.reply_id)
    client = api(employee)
    client.post(feedback(then), {"rating": "down"})
    item = FeedbackItem.objects.get()
    assert (item.question, item.history) == ("And abroad?", [])
    client.post(feedback(then), {"rating": "down", "with_history": True})
    item.refresh_from_db()
    assert item.history == [["Who approves a trip?", "Your manager."]]
    client.post(feedback(then), {"rating": "down", "comment": "x"})
    item.refresh_from_db()
    assert len(item.history) == 1
    client.post(feedback(then), {"rating": "down", "with_history": False})
    item.refresh_from_db()
    assert item.history == []


def test_nobody_rates_or_reads_what_is_not_theirs(
    api: Api, employee: User, stranger: User, curator: User, admin: User, talk: Accepted
) -> None:
    api(employee).post(feedback(talk), {"rating": "down"})
    for person in (stranger, curator, admin):
        client = api(person)
        for answer in (
            client.post(feedback(talk), {"rating": "up"}),
            client.put(feedback(talk), {"rating": "up"}),
            client.delete(feedback(talk)),
            client.get(f"/messages/{talk.reply_id}"),
        ):
            assert answer.status_code == 404
            assert answer.json()["error"]["code"] == "not_found"
        assert client.get("/feedback/mine").json()["results"] == []
    assert FeedbackItem.objects.get().rating == "down"
    assert api(None).post(feedback(talk), {"rating": "up"}).status_code in {401, 403}


def test_only_an_answer_that_has_ended(api: Api, employee: User, talk: Accepted) -> None:
    client = api(employee)
    question = client.post(f"/messages/{talk.message_id}/feedback", {"rating": "up"})
    assert question.status_code == 404
    assert client.post(f"/messages/{NOWHERE}/feedback", {"rating": "up"}).status_code == 404
    for state in Message.State:
        Message.objects.filter(pk=talk.reply_id).update(state=state)
        under_way = state in {Message.State.QUEUED, Message.State.STREAMING}
        answer = client.post(feedback(talk), {"rating": "up"})
        assert answer.status_code == (409 if under_way else answer.status_code)
        assert answer.status_code in ({409} if under_way else {200, 201})
        assert not under_way or answer.json()["error"]["code"] == "reply_under_way"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"rating": None},
        {"rating": "sideways"},
        {"rating": ["up"]},
        {"rating": "up", "comment": "x" * 2001},
        {"rating": "up", "comment": "a\0b"},
        {"rating": "up", "comment": {"a": 1}},
        {"rating": "up", "correction": "x" * 40_001},
        {"rating": "up", "correction": "a\0b"},
        {"rating": "up", "with_history": "perhaps"},
        ["up"],
        "up",
    ],
)
def test_a_bad_body_is_refused_and_stores_nothing(
    api: Api, employee: User, talk: Accepted, body: object
) -> None:
    for answer in (
        api(employee).post(feedback(talk), body),
        api(employee).put(feedback(talk), body),
    ):
        assert answer.status_code == 400, answer.content
        assert answer.json()["error"]["message"]
    assert not FeedbackItem.objects.exists()


def test_half_a_character_is_refused(api: Api, employee: User, talk: Accepted) -> None:
    client = api(employee).client
    answer = client.post(
        f"/api/v1{feedback(talk)}",
        '{"rating": "down", "comment": "\\ud800"}',
        content_type="application/json",
    )
    assert answer.status_code == 400
    assert not FeedbackItem.objects.exists()


def test_what_was_decided_shows_on_the_message_and_cannot_be_taken_back(
    api: Api, employee: User, curator: User, talk: Accepted
) -> None:
    client = api(employee)
    client.post(feedback(talk), {"rating": "down", "correction": "The CFO."})
    inbox_item_handle(actor=curator, item=FeedbackItem.objects.get(), note="It is right.")
    refused = client.delete(feedback(talk))
    assert refused.status_code == 409
    assert refused.json()["error"]["code"] == "feedback_handled"
    shown = client.get(f"/messages/{talk.reply_id}").json()["feedback"]
    assert (shown["outcome"], shown["note"]) == ("handled", "It is right.")
    # The same word again changes nothing; another one brings it back.
    client.post(feedback(talk), {"rating": "down"})
    assert FeedbackItem.objects.get().state == "handled"
    back = client.post(feedback(talk), {"rating": "down", "comment": "No, look at page 3."})
    assert (back.json()["outcome"], back.json()["note"]) == ("waiting", "")
    inbox_item_draft(actor=curator, item=FeedbackItem.objects.get())
    again = client.post(feedback(talk), {"rating": "down"})
    assert again.json()["outcome"] == "draft"


def test_feedback_outlives_the_conversation(api: Api, employee: User, talk: Accepted) -> None:
    client = api(employee)
    client.post(feedback(talk), {"rating": "down", "comment": "Outdated"})
    assert client.delete(f"/conversations/{talk.conversation_id}").status_code == 204
    [mine] = client.get("/feedback/mine").json()["results"]
    assert (mine["question"], mine["comment"]) == ("Who approves a trip?", "Outdated")


def test_queries_do_not_grow_with_the_messages(api: Api, employee: User, talk: Accepted) -> None:
    client = api(employee)
    path = f"/conversations/{talk.conversation_id}/messages"

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(path).status_code == 200
        return len(captured)

    client.post(feedback(talk), {"rating": "up"})
    one = queries()
    for number in range(10):
        more = asked(employee, str(number), conversation_id=talk.conversation_id)
        client.post(feedback(more), {"rating": "down"})
    assert queries() == one <= 5


@pytest.mark.parametrize(("scope", "status"), [("chat", 201), ("manage", 403)])
def test_a_key_needs_the_scope_for_chatting(
    api: Api, employee: User, talk: Accepted, scope: str, status: int
) -> None:
    _key, secret = api_key_create(
        actor=employee, owner=employee, name="k", scopes=[ApiKey.Scope(scope)]
    )
    answer = api(None).client.post(
        f"/api/v1{feedback(talk)}",
        {"rating": "up"},
        content_type="application/json",
        headers={"authorization": f"Bearer {secret}"},
    )
    assert answer.status_code == status


def test_hostile_texts_come_back_as_they_were(api: Api, employee: User, talk: Accepted) -> None:
    if not BLNS.exists():
        pytest.skip("shared/data/hostile is not here")
    client = api(employee)
    for text in json.loads(BLNS.read_text()):
        answer = client.post(
            feedback(talk), {"rating": "down", "comment": text, "correction": text}
        )
        assert answer.status_code in {200, 201}, text
        kept = text.strip().replace("\r\n", "\n").replace("\r", "\n")
        shown = client.get(f"/messages/{talk.reply_id}").json()["feedback"]
        assert (shown["comment"], shown["correction"]) == (kept, kept)
