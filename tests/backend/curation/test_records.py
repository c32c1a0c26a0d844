"""Records over REST: write, read, find, edit, delete."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from backend.accounts.models import User
from backend.common.models import AuditEntry
from backend.curation.models import Record, Revision
from backend.curation.services import record_create, record_update
from tests.backend.conftest import Api

pytestmark = pytest.mark.django_db
As = Callable[[User | None], Api]
BLNS = Path(__file__).parents[4] / "shared" / "data" / "hostile" / "blns" / "blns.json"
QUESTION = {"instruction": "年假有几天？", "output": "入职满一年后，每年有13天年假。"}


@pytest.fixture
def record(curator: User) -> Record:
    return record_create(actor=curator, content=QUESTION)


def test_a_curator_writes_a_record(api: As, curator: User) -> None:
    sent = {
        "instruction": "How many days of annual leave?",
        "input": "After one year",
        "output": "13 days.",
        "system": "Answer in one line.",
        "history": [["Hello", "Hi"]],
        "phrasings": ["How much annual leave is there?"],
        "tags": ["leave"],
        "golden": True,
    }
    answer = api(curator).post("/records", sent)
    assert answer.status_code == 201, answer.content
    body = answer.json()
    assert {key: body[key] for key in sent} == sent
    assert (body["language"], body["status"], body["revision"]) == ("en", "draft", 1)
    assert body["author"]["name"] == "王芳"
    row = Record.objects.get(pk=body["id"])
    assert (row.instruction, row.author) == (sent["instruction"], curator)
    assert Revision.objects.get(record=row).content["output"] == "13 days."


def test_the_language_is_found_out(api: As, curator: User) -> None:
    assert api(curator).post("/records", QUESTION).json()["language"] == "zh"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"output": ""}, "output"),
        ({"output": None}, "output"),
        ({"output": " \n\u200b"}, "output"),
        ({"output": 5}, "output"),
        ({"output": ["a"]}, "output"),
        ({"output": "a\0b"}, "output"),
        ({"output": "x" * 40_001}, "output"),
        ({"instruction": "  "}, "instruction"),
        ({"instruction": {"a": 1}}, "instruction"),
        ({"instruction": "x" * 20_001}, "instruction"),
        ({"system": "x" * 8001}, "system"),
        ({"phrasings": "one"}, "phrasings"),
        ({"phrasings": [1]}, "phrasings"),
        ({"phrasings": ["a\0"]}, "phrasings"),
        ({"phrasings": ["a"] * 201}, "phrasings"),
        ({"tags": {"a": 1}}, "tags"),
        ({"tags": ["x" * 61]}, "tags"),
        ({"history": [["only one"]]}, "history"),
        ({"history": "none"}, "history"),
        ({"history": [["a", "\0"]]}, "history"),
        ({"language": "fr"}, "language"),
        ({"language": ["zh"]}, "language"),
        ({"golden": "yes"}, "golden"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_stored(
    api: As, curator: User, wrong: dict[str, Any], field: str
) -> None:
    answer = api(curator).post("/records", QUESTION | wrong)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["code"] == "invalid"
    assert list(error["details"]) == [field]
    assert error["details"][field] == [error["message"]]
    assert not Record.objects.exists()


@pytest.mark.parametrize("body", ["[]", '"text"', "5", "null", "{", "", "[[[[", '{"a": NaN}'])
def test_a_body_that_is_no_object_is_refused(api: As, curator: User, body: str) -> None:
    client = api(curator).client
    answer = client.post("/api/v1/records", body, content_type="application/json")
    assert answer.status_code == 400, answer.content
    assert answer.json()["error"]["message"]


def test_half_a_character_is_refused(api: As, curator: User) -> None:
    body = '{"instruction": "a\\ud800", "output": "b"}'
    client = api(curator).client
    answer = client.post("/api/v1/records", body, content_type="application/json")
    assert answer.status_code == 400
    assert "instruction" in answer.json()["error"]["details"]


@pytest.mark.skipif(not BLNS.is_file(), reason="the list of naughty strings is not here")
def test_every_naughty_string_is_kept_to_the_character_or_refused(api: As, curator: User) -> None:
    caller = api(curator)
    strings = json.loads(BLNS.read_text("utf-8"))
    kept = 0
    for string in strings:
        answer = caller.post(
            "/records", {"instruction": "Q" + string, "output": "A" + string, "tags": [string[:60]]}
        )
        assert answer.status_code in {201, 400}, (string, answer.content)
        if answer.status_code == 201:
            again = caller.get(f"/records/{answer.json()['id']}").json()
            one_line_break = string.replace("\r\n", "\n").replace("\r", "\n")
            assert again["output"] == "A" + one_line_break
            kept += 1
        found = caller.get("/records", q=string[:200])
        assert found.status_code in {200, 400}, (string, found.content)
    assert kept > len(strings) * 0.9


def test_line_breaks_become_one_kind(api: As, curator: User) -> None:
    sent = QUESTION | {"output": "one\r\ntwo\rthree\n"}
    assert api(curator).post("/records", sent).json()["output"] == "one\ntwo\nthree\n"


def test_an_edit_is_a_revision_and_the_old_form_stays(
    api: As, curator: User, reviewer: User, record: Record
) -> None:
    answer = api(reviewer).patch(f"/records/{record.pk}", {"output": "13天。", "revision": 1})
    assert answer.status_code == 200, answer.content
    assert (answer.json()["output"], answer.json()["revision"]) == ("13天。", 2)
    assert answer.json()["instruction"] == QUESTION["instruction"]
    revisions = api(curator).get(f"/records/{record.pk}/revisions").json()["results"]
    assert [(r["number"], r["content"]["output"], r["author"]["name"]) for r in revisions] == [
        (2, "13天。", "Chen Jing"),
        (1, QUESTION["output"], "王芳"),
    ]


def test_an_edit_that_changes_nothing_is_no_revision(
    api: As, curator: User, record: Record
) -> None:
    answer = api(curator).patch(f"/records/{record.pk}", {"output": QUESTION["output"]})
    assert answer.json()["revision"] == 1
    assert Revision.objects.count() == 1


def test_a_replacement_empties_what_it_does_not_name(api: As, curator: User) -> None:
    made = api(curator).post("/records", QUESTION | {"tags": ["leave"], "golden": True}).json()
    answer = api(curator).put(f"/records/{made['id']}", QUESTION | {"output": "13天。"}).json()
    assert (answer["tags"], answer["golden"], answer["output"]) == ([], False, "13天。")
    refused = api(curator).put(f"/records/{made['id']}", {"instruction": "alone"})
    assert refused.status_code == 400
    assert "output" in refused.json()["error"]["details"]


def test_two_editors_cannot_overwrite_each_other(
    api: As, curator: User, reviewer: User, record: Record
) -> None:
    assert api(curator).patch(f"/records/{record.pk}", {"output": "a", "revision": 1}).status_code
    late = api(reviewer).patch(f"/records/{record.pk}", {"output": "b", "revision": 1})
    assert late.status_code == 409
    assert late.json()["error"]["code"] == "edited_meanwhile"
    assert late.json()["error"]["details"]["revision"] == 2
    assert Record.objects.get().output == "a"


@pytest.mark.parametrize("revision", ["two", 0, -1, 2**40, 1.5, [1]])
def test_a_revision_that_is_no_number_is_refused(
    api: As, curator: User, record: Record, revision: object
) -> None:
    answer = api(curator).patch(f"/records/{record.pk}", {"output": "a", "revision": revision})
    assert answer.status_code == 400
    assert "revision" in answer.json()["error"]["details"]
    assert Record.objects.get().revision == 1


def test_a_record_that_no_version_holds_is_deleted_and_the_audit_keeps_it(
    api: As, curator: User, record: Record
) -> None:
    assert api(curator).delete(f"/records/{record.pk}").status_code == 204
    assert api(curator).get(f"/records/{record.pk}").status_code == 404
    entry = AuditEntry.objects.get(action="record.delete")
    assert entry.actor == curator
    assert entry.data["content"]["output"] == QUESTION["output"]


def test_the_list_filters_and_finds(api: As, curator: User) -> None:
    caller = api(curator)
    for body in (
        {"instruction": "怎么连接VPN？", "output": "打开Ivy，选择VPN。", "tags": ["vpn"]},
        {"instruction": "Who approves travel?", "output": "Your head.", "tags": ["travel", "vpn"]},
        {"instruction": "Meals abroad?", "output": "40 euros.", "phrasings": ["Food abroad?"]},
        {"instruction": "100% sure?", "output": "Yes_no.", "golden": True},
    ):
        assert caller.post("/records", body).status_code == 201
    caller.post(f"/records/{Record.objects.get(tags__contains=['travel']).pk}/submit")

    def found(**params: object) -> list[str]:
        answer = caller.get("/records", **params)
        assert answer.status_code == 200, answer.content
        return [row["instruction"] for row in answer.json()["results"]]

    assert found() == ["100% sure?", "Meals abroad?", "Who approves travel?", "怎么连接VPN？"]
    assert found(language="zh") == ["怎么连接VPN？"]
    assert found(status="in_review") == ["Who approves travel?"]
    assert found(status=["in_review", "draft"], tag="vpn") == [
        "Who approves travel?",
        "怎么连接VPN？",
    ]
    assert found(golden="true") == ["100% sure?"]
    assert found(q="连接vpn") == ["怎么连接VPN？"]
    assert found(q="选择") == ["怎么连接VPN？"]
    assert found(q="TRAVEL head") == ["Who approves travel?"]
    assert found(q="food") == ["Meals abroad?"]
    assert found(q="100%") == ["100% sure?"]
    assert found(q="0%") == []
    assert found(q="s_n") == ["100% sure?"]
    assert found(q="no such words") == []
    for wrong in ({"status": "lost"}, {"language": "fr"}, {"q": "a\0b"}, {"tag": "\0"}):
        assert caller.get("/records", **wrong).status_code == 400, wrong


def test_pages_of_the_list_hold_everything_once(api: As, curator: User) -> None:
    for number in range(7):
        record_create(actor=curator, content={"instruction": f"q{number}", "output": "a"})
    caller, seen, address = api(curator), [], "/records?page_size=3"
    while address:
        body = caller.get(address).json()
        seen += [row["instruction"] for row in body["results"]]
        address = (body["next"] or "").partition("/api/v1")[2]
    assert seen == [f"q{number}" for number in reversed(range(7))]
    assert caller.get("/records?cursor=rubbish").status_code in {400, 404}


def test_the_list_needs_as_many_queries_for_one_as_for_many(
    api: As,
    curator: User,
    reviewer: User,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(12):
        writer = curator if number % 2 else reviewer
        record = record_create(actor=writer, content={"instruction": f"q{number}", "output": "a"})
        record_update(actor=curator, record=record, content={"output": "b"})
    caller = api(curator)
    with django_assert_max_num_queries(4):  # session, person, roles, records
        assert len(caller.get("/records").json()["results"]) == 12


@pytest.mark.parametrize("path", ["", "/{id}", "/{id}/revisions", "/export"])
def test_reading_is_for_staff(
    api: As, employee: User, trainer: User, record: Record, path: str
) -> None:
    address = "/records" + path.format(id=record.pk)
    assert api(None).get(address).status_code == 401
    assert api(employee).get(address).status_code == 403
    expected = 403 if path == "/export" else 200  # taking records out is for those who write them
    assert api(trainer).get(address).status_code == expected


def test_writing_is_for_curators_and_reviewers(
    api: As, employee: User, trainer: User, approver: User, record: Record
) -> None:
    for user, expected in ((None, 401), (employee, 403), (trainer, 403), (approver, 403)):
        caller = api(user)
        for answer in (
            caller.post("/records", QUESTION),
            caller.patch(f"/records/{record.pk}", {"output": "x"}),
            caller.put(f"/records/{record.pk}", QUESTION),
            caller.delete(f"/records/{record.pk}"),
            caller.post(f"/records/{record.pk}/submit"),
            caller.post(f"/records/{record.pk}/archive"),
        ):
            assert answer.status_code == expected, answer.request
            assert set(answer.json()) == {"error"}
    assert Record.objects.get().output == QUESTION["output"]


@pytest.mark.parametrize("identity", ["nothing", "0", "00000000-0000-0000-0000-000000000000"])
def test_an_unknown_record_is_404(api: As, curator: User, identity: str) -> None:
    caller = api(curator)
    for answer in (
        caller.get(f"/records/{identity}"),
        caller.patch(f"/records/{identity}", {"output": "x"}),
        caller.delete(f"/records/{identity}"),
        caller.post(f"/records/{identity}/approve"),
    ):
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "not_found"
