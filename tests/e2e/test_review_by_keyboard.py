"""A reviewer goes through the queue without a mouse."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

QUESTIONS = ("Where is the first lamp?", "Where is the second lamp?", "第三盏灯在哪里？")


def write_record(page: Page, question: str) -> None:
    page.goto("/admin/curation/record/add/")
    page.locator("#id_instruction").fill(question)
    page.locator("#id_output").fill("In the hall.")
    page.locator("[name=_save]").first.click()
    page.wait_for_url(re.compile(r"/admin/curation/record/(\?.*)?$"))


def submit_drafts(page: Page) -> None:
    page.goto("/admin/curation/record/?status__exact=draft")
    page.locator("#action-toggle").check()
    page.locator("select[name=action]").select_option("submit")
    page.locator("button[name=index], button[type=submit][value='0']").first.click()
    expect(page.get_by_text("3 records submitted for review.")).to_be_visible()


def at(page: Page, question: str, place: str) -> None:
    """Waits until the page shows this record at this place of the queue."""
    expect(page.locator("#ld-question")).to_have_text(question)
    expect(page.locator("#ld-progress")).to_contain_text(place)


def test_records_are_approved_and_rejected_by_keys_alone(
    open_as: Callable[..., Page], picture: Callable[[Page, str], None]
) -> None:
    curator = open_as("curator", locale="en-GB")
    for question in QUESTIONS:
        write_record(curator, question)
    submit_drafts(curator)

    page = open_as("reviewer", locale="en-GB")
    page.goto("/admin/curation/record/review/?author=")
    at(page, QUESTIONS[0], "1 of 3")
    expect(page.locator(".ld-similar")).to_contain_text(QUESTIONS[1])
    picture(page, "review")

    # To and fro, and the keys in words.
    page.keyboard.press("n")
    at(page, QUESTIONS[1], "2 of 3")
    page.keyboard.press("ArrowLeft")
    at(page, QUESTIONS[0], "1 of 3")
    page.keyboard.press("?")
    expect(page.locator("#ld-help")).to_be_visible()
    page.keyboard.press("a")  # not while a dialog is open
    page.keyboard.press("Escape")
    at(page, QUESTIONS[0], "1 of 3")

    page.keyboard.press("a")
    at(page, QUESTIONS[1], "1 of 2")
    expect(page.locator("#ld-undo")).to_contain_text(QUESTIONS[0])
    page.keyboard.press("u")
    at(page, QUESTIONS[0], "1 of 3")
    page.keyboard.press("a")
    at(page, QUESTIONS[1], "1 of 2")

    page.keyboard.press("r")
    expect(page.locator("#ld-reason")).to_be_focused()
    page.keyboard.type("area?")  # letters are text here
    page.keyboard.press("Enter")
    at(page, QUESTIONS[2], "1 of 1")
    page.keyboard.press("r")
    page.keyboard.press("2")
    expect(page.locator("#ld-reason")).to_have_value("The answer is incomplete.")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing waits for review.")).to_be_visible()

    for question, status in zip(QUESTIONS, ("approved", "rejected", "rejected"), strict=True):
        page.goto(f"/admin/curation/record/?status__exact={status}&q={question}")
        expect(page.locator("#result_list")).to_contain_text(question)
    page.get_by_role("link", name=re.compile("第三盏灯")).first.click()
    expect(page.get_by_text("Sent back: The answer is incomplete.")).to_be_visible()
