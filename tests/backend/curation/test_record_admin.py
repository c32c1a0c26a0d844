"""The curators' pages: what each role sees and does there, through the same services."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from backend.accounts.models import User
from backend.curation.models import DatasetVersion, Record, Revision
from backend.curation.services import record_approve, record_create, record_submit, record_update

pytestmark = pytest.mark.django_db
LIST = "/admin/curation/record/"
ADD = f"{LIST}add/"
QUESTION = {"instruction": "年假有几天？", "output": "13天。"}
Pages = Callable[[User], Client]


@pytest.fixture
def record(curator: User) -> Record:
    return record_create(
        actor=curator, content=QUESTION | {"phrasings": ["有多少年假？"], "tags": ["leave"]}
    )


def change(record: Record) -> str:
    return f"{LIST}{record.pk}/change/"


def form_of(record: Record | None = None, **fields: Any) -> dict[str, Any]:
    """What a browser sends from the form."""
    sent: dict[str, Any] = {
        **QUESTION,
        "phrasings": "",
        "tags": "",
        "history": "",
        "input": "",
        "system": "",
        "language": "",
        "revisions-TOTAL_FORMS": "0",
        "revisions-INITIAL_FORMS": "0",
        "_save": "1",
    }
    if record is not None:
        sent |= {
            "instruction": record.instruction,
            "output": record.output,
            "phrasings": "\r\n".join(record.phrasings),
            "tags": ", ".join(record.tags),
            "language": record.language,
            "seen_revision": record.revision,
        }
    return sent | fields


def said(answer: Any) -> list[str]:
    return [str(message) for message in get_messages(answer.wsgi_request)]


def text_of(answer: Any) -> str:
    assert answer.status_code == 200, answer.status_code
    return str(answer.content.decode())


def test_employees_and_strangers_are_kept_out(pages: Pages, employee: User, record: Record) -> None:
    for address in ("/admin/", LIST, ADD, change(record), f"{LIST}import/", f"{LIST}alpaca/"):
        refused = pages(employee).get(address, follow=True)
        assert refused.status_code == 403, address
        assert "not for your role" in refused.content.decode()
        answer = Client().get(address)
        assert answer.status_code == 302
        assert answer["Location"].startswith("/admin/login/")
        assert Client().get(answer["Location"])["Location"].startswith("/signin?next=/admin/")


@pytest.mark.parametrize("role", ["curator", "reviewer", "trainer", "approver", "admin"])
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_each_role_sees_the_pages_and_what_it_may_do_there(
    request: pytest.FixtureRequest, pages: Pages, record: Record, role: str, language: str
) -> None:
    user: User = request.getfixturevalue(role)
    user.language = language
    user.save()
    client = pages(user)
    writes = role in {"curator", "reviewer", "admin"}
    trains = role in {"trainer", "admin"}
    page = text_of(client.get(LIST))
    assert "年假有几天？" in page
    assert ("/studio/runs/new" in text_of(client.get("/admin/"))) == trains
    assert (f"{LIST}retrain/" in page) == trains
    assert (f"{LIST}freeze/" in page) == trains
    assert (f"{LIST}import/" in page) == writes
    assert (f"{LIST}alpaca/" in page) == writes
    assert ('value="approve"' in page) == (role in {"reviewer", "admin"})
    form = text_of(client.get(change(record)))
    assert "年假有几天？" in form
    assert "有多少年假？" in form
    assert ('name="_save"' in form) == writes
    assert ("save_and_approve" in form) == (role in {"reviewer", "admin"})
    assert client.get(ADD).status_code == (200 if writes else 403)
    assert client.get(f"{LIST}import/").status_code == (200 if writes else 403)
    assert client.get(f"{LIST}alpaca/").status_code == (200 if writes else 403)
    assert client.get(f"{LIST}freeze/").status_code == (200 if trains else 403)
    retrain = client.get(f"{LIST}retrain/")
    assert retrain.status_code == (302 if trains else 403)
    if trains:
        assert retrain["Location"] == "/studio/runs/new"


def test_an_empty_house_says_what_to_do(pages: Pages, curator: User) -> None:
    assert "There are no records yet" in text_of(pages(curator).get("/admin/"))
    assert "ld-tabs" in text_of(pages(curator).get(LIST))


def test_the_overview_says_where_the_curation_stands(
    pages: Pages, curator: User, reviewer: User, trainer: User, record: Record, settings: Settings
) -> None:
    record_submit(actor=curator, record=record)
    page = text_of(pages(curator).get("/admin/"))
    assert "<strong>1</strong> record waits for review." in page
    assert "no version is frozen yet" in page
    assert "Four-eyes review is off" not in page
    record_approve(actor=reviewer, record=record)
    pages(trainer).post(
        f"{LIST}freeze/", {"validation_percent": 0, "_form_submitted": "True", "note": ""}
    )
    settings.FOUR_EYES = False
    page = text_of(pages(curator).get("/admin/"))
    assert "<strong>0</strong> approved since version 1." in page
    assert "Four-eyes review is off" in page
    record_update(actor=curator, record=record, content={"output": "14天。"})
    record_approve(actor=reviewer, record=record)
    assert "<strong>1</strong> approved since version 1." in text_of(pages(curator).get("/admin/"))


def test_writing_a_record(pages: Pages, curator: User) -> None:
    answer = pages(curator).post(
        ADD,
        form_of(
            output="one\r\ntwo",
            phrasings="有多少年假？\r\n\r\n  年假几天 \r\n",
            tags="leave， hr、 zh",
            history='[["你好", "您好"]]',
            golden="on",
        ),
    )
    assert answer.status_code == 302, text_of(answer)
    made = Record.objects.get()
    assert made.author == curator
    assert made.output == "one\ntwo"
    assert made.phrasings == ["有多少年假？", "年假几天"]
    assert made.tags == ["leave", "hr", "zh"]
    assert made.history == [["你好", "您好"]]
    assert (made.golden, made.language, made.status) == (True, "zh", "draft")
    assert Revision.objects.get().author == curator


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"output": "  "}, "The answer is missing."),
        ({"output": "\u200b"}, "The answer is missing."),
        ({"instruction": ""}, "This field is required"),
        ({"history": "hello"}, "as in the example"),
        ({"history": '[["one"]]'}, "pairs of texts"),
        ({"tags": "x" * 61}, "longer than 60"),
        ({"phrasings": "x" * 20_001}, "longer than 20000"),
        ({"output": "a\0b"}, "Null characters are not allowed"),
        ({"language": "fr"}, "Select a valid choice"),
    ],
)
def test_a_wrong_field_comes_back_with_the_reason_and_the_text(
    pages: Pages, curator: User, wrong: dict[str, Any], words: str
) -> None:
    answer = pages(curator).post(ADD, form_of(**wrong))
    assert words in text_of(answer)
    assert not Record.objects.exists()


def test_saving_unchanged_is_no_edit(pages: Pages, curator: User, reviewer: User) -> None:
    odd = {
        "instruction": "\n Odd?\n",
        "output": "a\nb\n",
        "phrasings": ["two\nlines", "one"],
        "tags": ["a, b", "c"],
        "history": [["x", "y"]],
    }
    record = record_create(actor=curator, content=odd)
    record_approve(actor=reviewer, record=record)
    sent = form_of(
        record,
        # As a browser sends what it was given: the first line feed of a text area is dropped.
        instruction=" Odd?\r\n",
        output="a\r\nb\r\n",
        phrasings="two\r\nlines\r\n---\r\none",
        history=json.dumps(record.history),
    )
    assert pages(curator).post(change(record), sent).status_code == 302
    record.refresh_from_db()
    assert (record.status, record.revision) == ("approved", 1)
    assert pages(curator).post(change(record), sent | {"output": "c"}).status_code == 302
    record.refresh_from_db()
    assert (record.status, record.revision, record.instruction) == ("draft", 2, "\n Odd?\n")
    assert record.phrasings == ["two\nlines", "one"]
    assert record.tags == ["a, b", "c"]


def test_a_late_editor_keeps_the_text_and_overwrites_nothing(
    pages: Pages, curator: User, record: Record
) -> None:
    late = form_of(record, output="mine")
    record_update(actor=curator, record=record, content={"output": "theirs"})
    answer = text_of(pages(curator).post(change(record), late))
    assert "Somebody else changed this record" in answer
    assert "mine" in answer
    assert Record.objects.get().output == "theirs"
    # A second try of the same page is refused as well: it still shows the old revision.
    assert 'value="1"' in answer.partition('name="seen_revision"')[2][:200]


def test_the_buttons_of_the_form_move_the_record(
    pages: Pages, curator: User, reviewer: User, record: Record
) -> None:
    client = pages(curator)
    client.post(change(record), form_of(record, curation_record_save_and_submit="1", output="14"))
    record.refresh_from_db()
    assert (record.status, record.output) == ("in_review", "14")
    client.post(change(record), form_of(record, curation_record_save_and_approve="1"))
    record.refresh_from_db()
    assert record.status == "in_review", "a curator approved"
    pages(reviewer).post(change(record), form_of(record, curation_record_save_and_approve="1"))
    record.refresh_from_db()
    assert (record.status, record.reviewer) == ("approved", reviewer)


def test_four_eyes_holds_in_the_form_and_keeps_what_was_written(
    pages: Pages, reviewer: User, record: Record
) -> None:
    sent = form_of(record, output="my words", curation_record_save_and_approve="1")
    answer = pages(reviewer).post(change(record), sent)
    assert any("four-eyes" in message for message in said(answer))
    record.refresh_from_db()
    assert (record.status, record.output) == ("draft", "my words")


def test_dialogs_reject_archive_and_reopen(
    pages: Pages, curator: User, reviewer: User, record: Record
) -> None:
    record_submit(actor=curator, record=record)
    address = f"{LIST}{record.pk}/"
    assert pages(curator).get(address + "reject/").status_code == 403
    assert "goes back to its author" in text_of(pages(reviewer).get(address + "reject/"))
    record.refresh_from_db()
    assert record.status == "in_review", "looking at the dialog changed something"
    answer = pages(reviewer).post(
        address + "reject/",
        {"reason": "Which year?", "_form_submitted": "True"},
        headers={"hx-request": "true"},
    )
    assert answer["HX-Redirect"] == change(record)
    record.refresh_from_db()
    assert (record.status, record.review_note) == ("rejected", "Which year?")
    assert "Sent back: Which year?" in text_of(pages(curator).get(change(record)))
    for step, status in (("archive_one", "archived"), ("reopen_one", "draft")):
        pages(curator).post(f"{address}{step}/", {"_form_submitted": "True"})
        record.refresh_from_db()
        assert record.status == status


def act(client: Client, action: str, records: list[Record], **fields: Any) -> Any:
    sent = {"action": action, "_selected_action": [str(r.pk) for r in records], **fields}
    return client.post(LIST, {"seen_at": timezone.now().isoformat(), **sent})


def test_bulk_approval_honours_four_eyes_and_says_what_it_did(
    pages: Pages, curator: User, reviewer: User, record: Record
) -> None:
    own = record_create(actor=reviewer, content={"instruction": "own?", "output": "x"})
    answer = act(pages(reviewer), "approve", [record, own])
    assert said(answer) == [
        "1 record approved.",
        "1 record is unchanged: Somebody else has to decide on this: four-eyes review is on, "
        "and it is your own.",
    ]
    assert set(Record.objects.values_list("pk", "status")) == {
        (record.pk, "approved"),
        (own.pk, "draft"),
    }
    assert said(act(pages(curator), "submit", [own])) == ["1 record submitted for review."]
    assert said(act(pages(curator), "archive", [record, own])) == ["2 records archived."]


def test_a_curator_cannot_send_the_action_that_the_page_does_not_offer(
    pages: Pages, curator: User, trainer: User, record: Record
) -> None:
    act(pages(curator), "approve", [record])
    act(pages(trainer), "archive", [record])
    pages(trainer).post(change(record), form_of(record, output="x"))
    record.refresh_from_db()
    assert (record.status, record.output) == ("draft", "13天。")


def test_exports_hold_the_chosen_or_what_the_filters_leave(
    pages: Pages, curator: User, record: Record
) -> None:
    record_create(actor=curator, content={"instruction": "Other?", "output": "x"})
    client = pages(curator)
    assert "alpaca/?language__exact=zh" in text_of(client.get(f"{LIST}?language__exact=zh"))

    def questions(answer: Any) -> list[str]:
        return [row["instruction"] for row in json.loads(answer.getvalue())]

    assert questions(act(client, "export_chosen", [record])) == ["年假有几天？"]
    assert questions(client.get(f"{LIST}alpaca/?language__exact=zh")) == ["年假有几天？"]
    assert questions(client.get(f"{LIST}alpaca/?q=other")) == ["Other?"]
    lines = client.get(f"{LIST}jsonl/").getvalue().decode().splitlines()
    assert len(lines) == 2
    assert client.get(f"{LIST}alpaca/?nonsense=1").status_code == 302


def test_search_and_filters(pages: Pages, curator: User, record: Record) -> None:
    record_create(actor=curator, content={"instruction": "Other?", "output": "x", "tags": ["it"]})
    client = pages(curator)

    def shows(query: str) -> tuple[bool, bool]:
        page = text_of(client.get(f"{LIST}?{query}"))
        return "年假有几天？" in page, "Other?" in page

    assert shows("") == (True, True)
    assert shows("q=多少年假") == (True, False)
    assert shows("tag=it") == (False, True)
    assert shows("status__exact=approved") == (False, False)
    assert shows("language__exact=zh") == (True, False)
    assert shows("golden__exact=1") == (False, False)
    assert shows("q=a%00b") == (True, True)


def test_the_history_names_who_changed_what(
    pages: Pages, curator: User, reviewer: User, record: Record
) -> None:
    record_update(actor=reviewer, record=record, content={"output": "14天。", "tags": ["hr"]})
    page = text_of(pages(curator).get(change(record)))
    assert "<del>13</del><ins>14</ins>天。" in page
    assert "<del>leave</del><ins>hr</ins>" in page
    assert "Chen Jing" in page


def test_freezing_from_the_page_leads_to_the_version(
    pages: Pages, curator: User, reviewer: User, trainer: User, record: Record
) -> None:
    sent = {"validation_percent": 20, "note": "first", "_form_submitted": "True"}
    answer = pages(trainer).post(f"{LIST}freeze/", sent)
    assert said(answer) == [
        "There is nothing to train on: approve some records that are not golden first."
    ]
    record_approve(actor=reviewer, record=record)
    assert "less than or equal to 50" in text_of(
        pages(trainer).post(f"{LIST}freeze/", sent | {"validation_percent": 51})
    )
    answer = pages(trainer).post(f"{LIST}freeze/", sent)
    version = DatasetVersion.objects.get()
    assert answer["Location"] == f"/studio/versions/{version.pk}"
    assert (version.validation_share, version.note) == (0.2, "first")


def test_the_search_of_the_admin_finds_records(
    pages: Pages, curator: User, trainer: User, record: Record
) -> None:
    page = text_of(pages(curator).get("/admin/search/?s=年假&extended=1"))
    assert change(record) in page


def test_the_list_needs_as_many_queries_for_one_as_for_many(
    pages: Pages,
    curator: User,
    reviewer: User,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(20):
        writer = curator if number % 2 else reviewer
        record_create(actor=writer, content={"instruction": f"q{number}", "output": "a"})
    client = pages(reviewer)
    client.get(LIST)
    with django_assert_max_num_queries(14):
        assert "q19" in text_of(client.get(LIST))


@pytest.mark.parametrize("identity", ["nothing", "00000000-0000-0000-0000-000000000000"])
def test_an_unknown_record_leads_back(pages: Pages, reviewer: User, identity: str) -> None:
    client = pages(reviewer)
    for path in ("change/", "reject/", "archive_one/"):
        answer = client.get(f"{LIST}{identity}/{path}")
        assert answer.status_code in {302, 403, 404}, path
        answer = client.post(f"{LIST}{identity}/{path}", {"_form_submitted": "True"})
        assert answer.status_code in {302, 403, 404}, path
