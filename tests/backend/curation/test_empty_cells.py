"""Cells that say nothing are marked as such, so that a phone can leave their lines out."""

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from backend.accounts.models import User
from backend.curation.models import FeedbackItem, Record
from backend.curation.services import record_create, records_insert
from backend.curation.services.inbox import Reported, feedback_report
from ml.formats import RecordFields

pytestmark = pytest.mark.django_db
NONE = '<span class="ld-none">-</span>'
CELLS = ("ld-none", "ld-badges", "ld-tags")  # what the style sheet looks for


@pytest.fixture
def pages() -> Callable[[User, str], str]:
    def page(user: User, address: str) -> str:
        client = Client()
        client.force_login(user)
        answer = client.get(address)
        assert answer.status_code == 200
        return str(answer.content.decode())

    return page


def imported() -> Record:
    content = RecordFields(instruction="When are we paid?", output="On the 25th of each month.")
    (record,) = records_insert(contents=[content], author=None, status=Record.Status.APPROVED)
    return record


def test_a_record_without_author_findings_and_tags(
    pages: Callable[[User, str], str], curator: User
) -> None:
    imported()
    page = pages(curator, "/admin/curation/record/")
    assert "ld-by" not in page
    assert '<span class="ld-badges"></span></td>' in page
    assert '<span class="ld-tags"></span></td>' in page
    assert "loredesk-phone.css" in page
    record_create(actor=curator, content={"instruction": "Who?", "output": "I.", "tags": ["x"]})
    assert pages(curator, "/admin/curation/record/").count("ld-by") == 1


def test_an_item_whose_reporter_is_gone(
    pages: Callable[[User, str], str], curator: User, employee: User
) -> None:
    item, _is_new = feedback_report(
        reporter=employee,
        message_id=uuid.uuid4(),
        reported=Reported(question="When?", answer="Now."),
        rating=FeedbackItem.Rating.DOWN,
    )
    FeedbackItem.objects.filter(pk=item.pk).update(reporter=None)
    page = pages(curator, "/admin/curation/feedbackitem/")
    # Neither a reporter nor the name of an assistant.
    assert page.count(f"{NONE}</td>") + page.count('data-label="assistant"></td>') == 2


def test_who_only_reads_sees_the_mark_and_no_markup(
    pages: Callable[[User, str], str], trainer: User
) -> None:
    page = pages(trainer, f"/admin/curation/record/{imported().pk}/change/")
    assert NONE in page
    assert "&lt;span" not in page


def test_the_style_sheet_knows_what_the_cells_hold() -> None:
    found = finders.find("loredesk-phone.css")
    assert isinstance(found, str)
    rules = Path(found).read_text("utf-8")
    assert all(f".{name}" in rules for name in CELLS)
