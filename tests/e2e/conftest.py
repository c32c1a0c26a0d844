"""The running stack for the browser tests: the same start as ``make run``, with data of its own.

Never imports Django: Playwright's event loop stays in this process, and the ORM refuses to run
beside one.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from backend.config.embedded.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "browser-tests-7351"
READY_WITHIN_S = 240
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


@dataclass(frozen=True)
class Stack:
    """Where the stack answers, and what it keeps."""

    url: str
    data_dir: Path
    process: subprocess.Popen[bytes]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--pictures",
        default=None,
        help="Folder for the pictures of the README, for instance docs/images.",
    )


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Starts everything, waits until ``/readyz`` says so, stops everything in order."""
    folder = Path(tempfile.mkdtemp(prefix="loredesk-e2e-"))
    folder.chmod(0o711)  # PostgreSQL's account must get through to its own folder
    data_dir = folder / "data"
    converted = ROOT / "data" / "local" / "models"
    if converted.is_dir():
        shutil.copytree(converted, data_dir / "models", copy_function=os.link)
    port = free_port()
    environment = os.environ | {
        "PORT": str(port),
        "LOREDESK_DATA_DIR": str(data_dir),
        "LOREDESK_ADMIN_PASSWORD": PASSWORD,
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
    }
    for name in ("DATABASE_URL", "REDIS_URL", "MODEL_SERVER_URL", "SECRET_KEY", "FOUR_EYES"):
        environment.pop(name, None)
    log = (folder / "stack.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "backend.config.embedded"],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_ready(url, process, folder)
        yield Stack(url, data_dir, process)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=120)
        finally:
            log.close()
            if os.environ.get("KEEP_E2E_DATA") is None:
                shutil.rmtree(folder, ignore_errors=True)


def _wait_until_ready(url: str, process: "subprocess.Popen[bytes]", folder: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    pytest.fail("the stack did not become ready:\n" + (folder / "stack.log").read_text("utf-8"))


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
