"""The inbox pages: the list, one item, and what a curator does there."""

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.utils import translation
from django.utils.html import escape
from django.utils.translation import gettext
from pytest_django import DjangoAssertNumQueries

from backend.accounts.models import User
from backend.assistants.models import Assistant
from backend.curation.models import FeedbackItem, Record
from backend.curation.services import feedback_report, inbox_item_draft, inbox_item_handle
from backend.curation.services.inbox import Reported

pytestmark = pytest.mark.django_db
LIST = "/admin/curation/feedbackitem/"
BLNS = Path(__file__).parents[4] / "shared" / "data" / "hostile" / "blns" / "blns.json"
Pages = Callable[[User], Client]


def report(reporter: User, question: str, answer: str = "10天。", **fields: Any) -> FeedbackItem:
    sent: dict[str, Any] = {"rating": "down"} | fields
    item, _is_new = feedback_report(
        reporter=reporter,
        message_id=uuid.uuid4(),
        reported=Reported(
            question=question,
            answer=answer,
            assistant=Assistant.objects.get_or_create(slug="abc", name="小助手")[0],
            adapter_name="abc-run-7",
            sources=[{"title": "Handbook"}, "x"],
            history=[["你好", "您好"]],
        ),
        **sent,
    )
    return item


@pytest.fixture
def item(employee: User) -> FeedbackItem:
    return report(employee, "年假有几天？", comment="Old number", correction="13天。")


def page_of(item: FeedbackItem) -> str:
    return f"{LIST}{item.pk}/change/"


def said(answer: Any) -> list[str]:
    return [str(message) for message in get_messages(answer.wsgi_request)]


def text_of(answer: Any) -> str:
    assert answer.status_code == 200, answer.status_code
    return str(answer.content.decode())


@pytest.mark.parametrize("role", ["curator", "reviewer", "admin"])
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_who_writes_records_works_the_inbox(
    request: pytest.FixtureRequest, pages: Pages, item: FeedbackItem, role: str, language: str
) -> None:
    user: User = request.getfixturevalue(role)
    user.language = language
    user.save()
    client = pages(user)
    page = text_of(client.get(f"{LIST}?state__exact=open"))
    for shown in ("年假有几天？", "Old number", "李伟", "小助手", "thumb_down"):
        assert shown in page
    assert f"{LIST}add/" not in page
    page = text_of(client.get(page_of(item)))
    for shown in ("abc-run-7", "Handbook", "您好", "<ins>13</ins>", "<del>10</del>"):
        assert shown in page
    with translation.override(language):
        assert gettext("Make a draft") in page
    assert f'href="{LIST}?state__exact=open"' in text_of(client.get("/admin/"))


@pytest.mark.parametrize("role", ["employee", "trainer", "approver"])
def test_nobody_else_sees_it(
    request: pytest.FixtureRequest, pages: Pages, item: FeedbackItem, role: str
) -> None:
    client = pages(request.getfixturevalue(role))
    for address in (LIST, page_of(item), f"{LIST}add/"):
        assert client.get(address, follow=True).status_code == 403
    assert client.post(page_of(item), {"step": "handle"}, follow=True).status_code == 403
    item.refresh_from_db()
    assert item.state == "open"
    if role != "employee":
        assert LIST not in text_of(client.get("/admin/"))


def test_nothing_is_added_or_deleted_by_hand(pages: Pages, admin: User, item: FeedbackItem) -> None:
    client = pages(admin)
    assert client.get(f"{LIST}add/").status_code == 403
    assert client.post(f"{LIST}{item.pk}/delete/", {"post": "yes"}).status_code == 403
    assert client.get(f"{LIST}{item.pk}/history/")["Location"] == page_of(item)
    assert FeedbackItem.objects.exists()


def test_a_click_makes_a_draft_and_opens_it(
    pages: Pages, curator: User, item: FeedbackItem
) -> None:
    client = pages(curator)
    answer = client.post(page_of(item), {"step": "draft", "revision": "1"})
    record = Record.objects.get()
    assert answer["Location"] == f"/admin/curation/record/{record.pk}/change/"
    assert (record.output, record.source) == ("13天。", "feedback")
    form = text_of(client.get(answer["Location"]))
    assert "13天。" in form
    page = text_of(client.get(page_of(item)))
    assert answer["Location"] in page
    assert "Make a draft" not in page


def test_handling_leads_to_the_next_open_item(
    pages: Pages, curator: User, employee: User, item: FeedbackItem
) -> None:
    newer = report(employee, "Who approves a trip?")
    client = pages(curator)
    assert f'rel="next" href="{page_of(item)}"' in text_of(client.get(page_of(newer)))
    sent = {"step": "handle", "revision": "1", "note": "Known."}
    answer = client.post(page_of(newer), sent)
    assert answer["Location"] == page_of(item)
    newer.refresh_from_db()
    assert (newer.state, newer.note, newer.handled_by) == ("handled", "Known.", curator)
    assert client.post(page_of(item), sent)["Location"] == f"{LIST}?state__exact=open"
    assert "Note: Known." in text_of(client.get(page_of(item)))
    assert client.post(page_of(item), {"step": "reopen"})["Location"] == page_of(item)
    assert "It came back to the inbox" in text_of(client.get(page_of(item)))


def test_a_later_curator_is_told_who_was_faster(
    pages: Pages, curator: User, reviewer: User, item: FeedbackItem
) -> None:
    inbox_item_handle(actor=curator, item=item)
    for step in ("draft", "handle"):
        answer = pages(reviewer).post(page_of(item), {"step": step, "revision": "1"})
        assert answer["Location"] == page_of(item)
        [sentence] = said(answer)
        assert "王芳 was faster" in sentence
    assert not Record.objects.exists()


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"step": "nonsense"},
        {"step": "reopen"},
        {"step": "handle", "note": "x" * 501},
        {"step": "handle", "note": "a\0b"},
        {"step": "handle", "revision": "7"},
        {"step": "draft", "output": "a\0b"},
        {"step": "draft", "output": "x" * 40_001},
    ],
)
def test_bad_posts_change_nothing(
    pages: Pages, curator: User, item: FeedbackItem, sent: dict[str, str]
) -> None:
    assert pages(curator).post(page_of(item), sent).status_code == 302
    item.refresh_from_db()
    assert item.state == "open"
    assert not Record.objects.exists()


def test_an_answer_that_never_came_is_written_for_the_draft(
    pages: Pages, curator: User, employee: User
) -> None:
    item = report(employee, "Why?", answer="")
    client = pages(curator)
    assert 'name="output"' in text_of(client.get(page_of(item)))
    assert said(client.post(page_of(item), {"step": "draft"})) == ["The answer is missing."]
    client.post(page_of(item), {"step": "draft", "output": "Because."})
    assert Record.objects.get().output == "Because."


def test_many_are_handled_at_once_and_the_rest_is_explained(
    pages: Pages, curator: User, reviewer: User, employee: User, item: FeedbackItem
) -> None:
    other = report(employee, "Other?", rating="up")
    inbox_item_draft(actor=reviewer, item=item)
    answer = pages(curator).post(
        LIST, {"action": "handle_chosen", "_selected_action": [str(item.pk), str(other.pk)]}
    )
    assert said(answer)[0] == "1 item is handled."
    assert "1 item is unchanged: Chen Jing was faster" in said(answer)[1]


def test_search_filters_tabs_and_the_badge(
    pages: Pages, curator: User, employee: User, item: FeedbackItem
) -> None:
    report(employee, "Who approves a trip?", rating="up")
    client = pages(curator)

    def shows(query: str) -> tuple[bool, bool]:
        page = text_of(client.get(f"{LIST}?{query}"))
        return "年假有几天？" in page, "Who approves" in page

    assert shows("") == (True, True)
    assert shows("q=年假") == shows("rating__exact=down") == shows("q=number") == (True, False)
    assert shows("q=trip") == shows("rating__exact=up") == (False, True)
    assert shows(f"assistant__id__exact={item.assistant_id}") == (True, True)
    assert shows("state__exact=handled") == (False, False)
    assert shows("q=a%00b") == (True, True)
    page = text_of(client.get("/admin/"))
    badge = page.partition(f"{LIST}?state__exact=open")[2].partition("</a>")[0]
    assert badge.split("<")[-2].split(">")[1].strip() == "2"


@pytest.mark.parametrize("identity", ["nothing", "00000000-0000-0000-0000-000000000000"])
def test_an_unknown_item_leads_back(pages: Pages, curator: User, identity: str) -> None:
    client = pages(curator)
    for answer in (
        client.get(f"{LIST}{identity}/change/"),
        client.post(f"{LIST}{identity}/change/", {"step": "draft"}),
    ):
        assert answer.status_code == 302
        assert answer["Location"] == LIST


def test_queries_are_bounded(
    pages: Pages,
    curator: User,
    employee: User,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(20):
        item = report(employee, f"q{number}")
        if number % 2:
            inbox_item_draft(actor=curator, item=item)
    client = pages(curator)
    client.get(LIST)
    with django_assert_max_num_queries(14):
        assert "q19" in text_of(client.get(LIST))
    with django_assert_max_num_queries(10):
        text_of(client.get(page_of(item)))


def test_hostile_texts_are_shown_inert(pages: Pages, curator: User, employee: User) -> None:
    if not BLNS.exists():
        pytest.skip("shared/data/hostile is not here")
    texts = [text for text in json.loads(BLNS.read_text()) if "<" in text or "{" in text]
    client = pages(curator)
    text = "\n".join(texts)[:15_000].strip()
    item = report(employee, text, answer=text, comment=text[:1900], correction=f"{text}\nand more")
    page = text_of(client.get(page_of(item)))
    assert escape(text) in page
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    listed = text_of(client.get(LIST))
    assert "<script>alert" not in listed
