"""What a person does on the chat page, in words."""

import re
import unicodedata
from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect

ANSWER_WITHIN_MS = 120_000
ENDED = re.compile("finished|stopped|failed|interrupted")


@dataclass
class Answer:
    """An answer as the page shows it."""

    bubble: Locator
    message_id: str
    state: str
    text: str


def new_chat(page: Page) -> None:
    page.get_by_test_id("new-chat").first.click()
    expect(page.get_by_test_id("message-assistant")).to_have_count(0)


def send(page: Page, question: str) -> Locator:
    """Type and send; returns the newest answer's bubble, which may still be empty."""
    before = page.get_by_test_id("message-assistant").count()
    page.get_by_test_id("composer-input").fill(question)
    page.get_by_test_id("composer-send").click()
    bubbles = page.get_by_test_id("message-assistant")
    expect(bubbles).to_have_count(before + 1)
    return bubbles.nth(before)


def ask(page: Page, question: str) -> Answer:
    """Send in a new chat and wait for the end of the answer."""
    new_chat(page)
    return ended(send(page, question))


def ended(bubble: Locator) -> Answer:
    expect(bubble).to_have_attribute("data-state", ENDED, timeout=ANSWER_WITHIN_MS)
    message_id = bubble.get_attribute("data-message-id")
    assert message_id
    shown = bubble.get_by_test_id("message-text")
    return Answer(
        bubble, message_id, bubble.get_attribute("data-state") or "", shown.inner_text().strip()
    )


def plain(text: str) -> str:
    """Letters and digits only, so that quotes, spaces and full-width signs do not count."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(sign for sign in folded if sign.isalnum())
