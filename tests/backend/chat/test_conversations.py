"""Conversations and messages over REST: a person's own, in few queries."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from backend.accounts.models import ApiKey, User
from backend.accounts.services import api_key_create
from backend.assistants.models import Assistant
from backend.chat.models import Conversation, Message
from backend.chat.services.questions import Accepted, message_send

Api = Callable[[User | None], Any]
NOWHERE = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def talk(employee: User, assistant: Assistant) -> Accepted:
    """A question with its answer."""
    return asked(employee, "Who approves a trip?")


def asked(user: User, text: str, **fields: Any) -> Accepted:
    if "conversation_id" not in fields:
        fields.setdefault("assistant", "abc")
    accepted = message_send(user=user, text=text, **fields)
    Message.objects.filter(pk=accepted.reply_id).update(
        state=Message.State.FINISHED,
        text="Your manager.",
        seq=3,
        event_lengths=[0, 13, 0],
        usage={"prompt_tokens": 20, "completion_tokens": 3, "tokens_per_second": 17.5},
    )
    return accepted


def test_the_list_shows_ones_own_newest_first(
    api: Api, employee: User, stranger: User, talk: Accepted
) -> None:
    asked(stranger, "Theirs")
    second = asked(employee, "And\n  expenses?")
    found = api(employee).get("/conversations").json()
    assert [row["title"] for row in found["results"]] == ["And expenses?", "Who approves a trip?"]
    assert found["next"] is None
    assert found["results"][0]["id"] == str(second.conversation_id)
    assert found["results"][0]["current_message"] == str(second.reply_id)
    assert found["results"][0]["assistant"] == str(Assistant.objects.get().pk)
    # Asking on brings it to the top.
    asked(employee, "And abroad?", conversation_id=talk.conversation_id)
    found = api(employee).get("/conversations").json()
    assert found["results"][0]["id"] == str(talk.conversation_id)
    assert found["results"][0]["title"] == "Who approves a trip?"


def test_titles_are_searched(api: Api, employee: User, talk: Accepted) -> None:
    asked(employee, "怎么报销差旅费?")
    client = api(employee)
    assert [r["title"] for r in client.get("/conversations", q="报销").json()["results"]] == [
        "怎么报销差旅费?"
    ]
    assert client.get("/conversations", q="TRIP").json()["results"][0]["id"] == str(
        talk.conversation_id
    )
    assert client.get("/conversations", q="%").json()["results"] == []


def test_the_list_is_paged_and_its_queries_do_not_grow(
    api: Api, employee: User, assistant: Assistant
) -> None:
    client = api(employee)

    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert client.get("/conversations").status_code == 200
        return len(captured)

    asked(employee, "0")
    one = queries()
    for number in range(1, 60):
        Conversation.objects.create(
            owner=employee, assistant=assistant, title=str(number), active_at=timezone.now()
        )
    assert queries() == one <= 4
    first = client.get("/conversations", page_size=40).json()
    assert len(first["results"]) == 40
    rest = client.client.get(first["next"]).json()
    assert len(rest["results"]) == 20
    titles = [row["title"] for row in first["results"] + rest["results"]]
    assert titles == [str(number) for number in reversed(range(60))]


def test_messages_come_oldest_first_with_their_parents(
    api: Api, employee: User, talk: Accepted
) -> None:
    second = asked(employee, "And abroad?", conversation_id=talk.conversation_id)
    edited = asked(
        employee, "And at home?", conversation_id=talk.conversation_id, parent_id=talk.reply_id
    )
    path = f"/conversations/{talk.conversation_id}/messages"
    client = api(employee)
    with CaptureQueriesContext(connection) as captured:
        found = client.get(path).json()["results"]
    assert len(captured) <= 5
    assert [(row["id"], row["parent"]) for row in found] == [
        (str(talk.message_id), None),
        (str(talk.reply_id), str(talk.message_id)),
        (str(second.message_id), str(talk.reply_id)),
        (str(second.reply_id), str(second.message_id)),
        (str(edited.message_id), str(talk.reply_id)),
        (str(edited.reply_id), str(edited.message_id)),
    ]
    shown = client.get(path, branch="current").json()["results"]
    assert [row["id"] for row in shown] == [found[place]["id"] for place in (0, 1, 4, 5)]


def test_a_message_has_the_fields_of_the_contract(api: Api, employee: User, talk: Accepted) -> None:
    question = api(employee).get(f"/messages/{talk.message_id}").json()
    assert question["role"] == "user"
    assert question["state"] == "finished"
    assert question["text"] == "Who approves a trip?"
    assert question["usage"] is None
    answer = api(employee).get(f"/messages/{talk.reply_id}").json()
    assert answer == {
        "id": str(talk.reply_id),
        "conversation": str(talk.conversation_id),
        "parent": str(talk.message_id),
        "role": "assistant",
        "text": "Your manager.",
        "reasoning": "",
        "state": "finished",
        "seq": 3,
        "sources": [],
        "adapter": None,
        "usage": {"prompt_tokens": 20, "completion_tokens": 3, "tokens_per_second": 17.5},
        "finish_reason": "",
        "error": None,
        "feedback": None,
        "created_at": answer["created_at"],
    }


def test_a_conversation_is_renamed_and_shows_another_branch(
    api: Api, employee: User, talk: Accepted
) -> None:
    asked(employee, "More", conversation_id=talk.conversation_id)
    client, path = api(employee), f"/conversations/{talk.conversation_id}"
    change = {"title": "  Trips \n abroad ", "current_message": str(talk.reply_id)}
    changed = client.patch(path, change)
    assert changed.status_code == 200
    assert changed.json()["title"] == "Trips abroad"
    row = Conversation.objects.get(pk=talk.conversation_id)
    assert (row.title, row.current_message_id) == ("Trips abroad", talk.reply_id)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"title": ""}, 400),
        ({"title": "   "}, 400),
        ({"title": "x" * 201}, 400),
        ({"title": "a\x00b"}, 400),
        ({"title": ["x"]}, 400),
        ({"current_message": "no"}, 400),
        ({"current_message": NOWHERE}, 404),
    ],
)
def test_a_bad_change_is_refused_and_changes_nothing(
    api: Api, employee: User, talk: Accepted, change: dict[str, object], status: int
) -> None:
    answer = api(employee).patch(f"/conversations/{talk.conversation_id}", change)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]
    row = Conversation.objects.get(pk=talk.conversation_id)
    assert (row.title, row.current_message_id) == ("Who approves a trip?", talk.reply_id)


def test_a_message_of_another_conversation_cannot_be_shown(
    api: Api, employee: User, talk: Accepted
) -> None:
    other = asked(employee, "Other")
    answer = api(employee).patch(
        f"/conversations/{talk.conversation_id}", {"current_message": str(other.reply_id)}
    )
    assert answer.status_code == 404


def test_deleting_takes_the_messages_along(api: Api, employee: User, talk: Accepted) -> None:
    assert api(employee).delete(f"/conversations/{talk.conversation_id}").status_code == 204
    assert not Conversation.objects.exists()
    assert not Message.objects.exists()
    assert api(employee).get(f"/conversations/{talk.conversation_id}").status_code == 404


def test_nobody_else_finds_anything_the_administrator_included(
    api: Api, employee: User, stranger: User, admin: User, talk: Accepted
) -> None:
    path = f"/conversations/{talk.conversation_id}"
    for person in (stranger, admin):
        client = api(person)
        assert client.get("/conversations").json()["results"] == []
        for answer in (
            client.get(path),
            client.patch(path, {"title": "Mine"}),
            client.delete(path),
            client.get(f"{path}/messages"),
            client.get(f"/messages/{talk.message_id}"),
        ):
            assert answer.status_code == 404
            assert answer.json()["error"]["code"] == "not_found"
    assert Conversation.objects.get().title == "Who approves a trip?"


def test_nobody_without_signing_in(api: Api, talk: Accepted) -> None:
    for path in ("/conversations", f"/conversations/{talk.conversation_id}/messages"):
        answer = api(None).get(path)
        assert answer.status_code in {401, 403}
        assert "error" in answer.json()


@pytest.mark.parametrize(("scope", "status"), [("chat", 200), ("manage", 403)])
def test_a_key_needs_the_scope_for_chatting(
    api: Api, employee: User, talk: Accepted, scope: str, status: int
) -> None:
    _key, secret = api_key_create(
        actor=employee, owner=employee, name="k", scopes=[ApiKey.Scope(scope)]
    )
    client = api(None)
    answer = client.client.get(
        "/api/v1/conversations", headers={"authorization": f"Bearer {secret}"}
    )
    assert answer.status_code == status
