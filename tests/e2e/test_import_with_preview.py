"""A curator imports a table whose headings nobody knows: look, correct, import, find, cancel."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

PAGE = "/admin/curation/record/import/"
TABLE = """提问;答复内容
报销多久到账？;五个工作日。
报销多久到账？;五个工作日。
报销多久到账？;三天。
机房钥匙归谁管？;
停车证去哪里办？;一楼前台。
"""
MANY = 30_000


def choose(page: Page, name: str, content: str) -> None:
    page.goto(PAGE)
    page.locator("#id_file").set_input_files(
        {"name": name, "mimeType": "text/csv", "buffer": content.encode()}
    )
    page.get_by_role("button", name="Look at the rows").click()


def row_of(page: Page, question: str, outcome: str) -> str:
    found = page.locator("#import-job tbody tr").filter(has_text=question)
    return found.filter(has_text=re.compile(outcome, re.IGNORECASE)).first.inner_text()


def delete_drafts(page: Page, *questions: str) -> None:
    token = page.locator("[name=csrfmiddlewaretoken]").first.input_value()
    for question in questions:
        found = page.request.get("/api/v1/records", params={"q": question, "status": "draft"})
        for record in found.json()["results"]:
            address = f"/api/v1/records/{record['id']}"
            assert page.request.delete(address, headers={"X-CSRFToken": token}).status == 204


def test_a_table_is_looked_at_corrected_and_imported(
    open_as: Callable[..., Page], picture: Callable[[Page, str], None]
) -> None:
    page = open_as("curator", locale="en-GB")
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "console",
        lambda said: problems.append(said.text) if said.type == "error" else None,
    )

    # The file cannot be read as it is, and the page says so and offers what it has recognised.
    choose(page, "常见问题.csv", TABLE)
    expect(page.get_by_role("alert")).to_contain_text("提问, 答复内容")
    expect(page.locator("#option-delimiter")).to_contain_text("as recognised: semicolon")
    expect(page.get_by_label("column “提问”")).to_have_value("instruction")
    page.get_by_label("column “答复内容”").select_option("output")
    page.get_by_role("button", name="Look again").click()

    # What each row would become, and why; a reload of the address shows the same.
    expect(page.get_by_role("status")).to_contain_text(
        "2 records of 常见问题.csv would be imported"
    )
    page.reload()
    expect(page.get_by_role("status")).to_contain_text("Nothing is stored yet.")
    assert "Row 2 says the same." in row_of(page, "报销", "duplicate")
    assert re.search(r"row 2\b", row_of(page, "报销", "conflict"), re.IGNORECASE)
    assert "The answer is missing." in page.locator("#import-job tbody").inner_text()
    picture(page, "import")
    page.locator(".ld-tab", has_text=re.compile("invalid", re.IGNORECASE)).click()
    expect(page.locator("#import-job tbody tr")).to_have_count(1)

    page.get_by_role("button", name="Import 2 records").click()
    expect(page.get_by_role("status")).to_contain_text("2 records imported as drafts.")
    page.get_by_role("link", name="Show the imported records").click()
    expect(page.locator("#result_list tbody tr")).to_have_count(2)
    expect(page.locator("#result_list")).to_contain_text("停车证去哪里办？")
    assert problems == []
    delete_drafts(page, "报销多久到账？", "停车证去哪里办？")  # other tests count what waits


def test_a_long_import_is_followed_and_cancelled(open_as: Callable[..., Page]) -> None:
    page = open_as("curator", locale="en-GB")
    rows = "".join(f"Where is locker {n}?,In corridor {n % 40}.\n" for n in range(MANY))
    choose(page, "lockers.csv", f"question,answer\n{rows}")
    expect(page.locator("#import-job progress")).to_be_visible()
    # Nobody reloads: the page follows by itself until the worker is done.
    importing = page.get_by_role("button", name=re.compile("Import 30.?000 records"))
    expect(importing).to_be_visible(timeout=120_000)
    importing.click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("status")).to_contain_text("Cancelled.")
    page.goto("/admin/curation/record/?q=locker")
    expect(page.locator("#result_list")).to_have_count(0)
    page.goto(PAGE)
    expect(page.locator(".ld-table")).to_contain_text("lockers.csv")
