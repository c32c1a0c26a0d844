"""The running stack for the browser tests: the same start as ``make run``, with data of its own.

Never imports Django: Playwright's event loop stays in this process, and the ORM refuses to run
beside one.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from backend.config.embedded.ports import free_port
from tests.stack import ROOT, Stack, running_stack

PASSWORD = "browser-tests-7351"
CHROMIUM_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--pictures",
        default=None,
        help="Folder for the pictures of the README, for instance docs/images.",
    )


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Ready to be used; stopped in order at the end."""
    folder = Path(tempfile.mkdtemp(prefix="loredesk-e2e-"))
    folder.chmod(0o711)  # PostgreSQL's account must get through to its own folder
    try:
        with running_stack(
            folder / "data", free_port(), LOREDESK_ADMIN_PASSWORD=PASSWORD
        ) as running:
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def base_url(stack: Stack) -> str:
    return stack.url


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:  # Playwright's options are of many types
    return {
        "executable_path": os.environ.get("CHROMIUM", "/usr/bin/chromium"),
        "args": CHROMIUM_FLAGS,
    }


@pytest.fixture
def open_as(browser: Browser, base_url: str) -> Iterator[Callable[..., Page]]:
    """A page of its own browser profile, signed in as the person named."""
    contexts: list[BrowserContext] = []

    def open_page(username: str, **options: Any) -> Page:  # Playwright's options
        context = browser.new_context(
            base_url=base_url, viewport={"width": 1360, "height": 860}, **options
        )
        contexts.append(context)
        context.set_default_timeout(20_000)
        page = context.new_page()
        page.goto("/signin")
        page.get_by_test_id("signin-username").fill(username)
        page.get_by_test_id("signin-password").fill(PASSWORD)
        page.get_by_test_id("signin-submit").click()
        page.wait_for_url(f"{base_url}/")
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def picture(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Page, str], None]:
    """Keeps a picture of the page: for the README with ``--pictures``, else in a temp folder."""
    wanted = request.config.getoption("--pictures")
    folder = ROOT / wanted if wanted else tmp_path

    def take(page: Page, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=folder / f"{name}.png", animations="disabled")

    return take
