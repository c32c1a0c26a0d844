"""Beside the form of a record: characters and tokens follow what is written."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect


def test_tokens_are_counted_while_writing(
    open_as: Callable[..., Page], picture: Callable[[Page, str], None]
) -> None:
    page = open_as("curator", locale="en-GB")
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "console",
        lambda said: problems.append(said.text) if said.type == "error" else None,
    )
    page.goto("/admin/curation/record/add/")
    page.locator("#id_instruction").fill("Where is the printer?")
    page.locator("#id_output").fill("On the second floor.")
    counted = re.compile(r"^20 characters · \d+ tokens$")
    expect(page.locator("#id_output-characters")).to_have_text(counted)
    expect(page.locator("#id_instruction-characters")).to_have_text(
        re.compile(r"^21 characters · \d+ tokens$")
    )
    warning = page.locator("#id_output-too-long")
    expect(warning).to_be_hidden()

    page.locator("#id_output").fill("Turn left at the blue door. " * 90)
    expect(warning).to_have_text(
        re.compile(r"^The answer has [\d,]+ tokens, and the assistant stops after [\d,]+\.")
    )
    picture(page, "editor")
    page.locator("#id_output").fill("Turn left at the blue door. " * 1400)
    expect(warning).to_contain_text("the base model reads only")
    page.locator("#id_output").fill("On the second floor.")
    expect(warning).to_be_hidden()
    expect(page.locator("#id_output-characters")).to_have_text(counted)
    assert problems == []
