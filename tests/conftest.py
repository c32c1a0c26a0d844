"""Gives every run of the tests its own PostgreSQL and Valkey, and no network.

The environment is set while this file is imported, before anything reads Django's settings; the
services start with the first test that can need them.
"""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import django
import pytest
from hypothesis import HealthCheck, settings

from backend.config import env
from tests.network import refuse_the_network
from tests.services import Services, environment

# How long an example takes says nothing on a machine that does other things too.
settings.register_profile(
    "loredesk", deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
settings.load_profile("loredesk")

HERE = Path(__file__).parent
WITHOUT_SERVICES = {"architecture", "ml", "e2e"}

FOLDER = Path(tempfile.mkdtemp(prefix="loredesk-test-"))
FOLDER.chmod(0o711)  # PostgreSQL's account must get through to its own folder
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)

SERVICES = None if {"DATABASE_URL", "REDIS_URL"} <= os.environ.keys() else Services(FOLDER)

env.DOTENV = Path(os.devnull)  # type: ignore[misc]  # what a developer keeps there is not for tests
os.environ.update(environment(FOLDER, SERVICES))
os.environ["DJANGO_SETTINGS_MODULE"] = "backend.config.settings"


def pytest_configure(config: pytest.Config) -> None:
    """Loads Django, unless only parts are asked for that know nothing of it."""
    paths = [config.invocation_params.dir / argument.partition("::")[0] for argument in config.args]
    if not {part_of(path) for path in paths} <= WITHOUT_SERVICES:
        django.setup()


def part_of(path: Path) -> str:
    """The folder below ``tests/`` that a test lies in; empty for ``tests/`` itself."""
    path = path.resolve()
    return path.relative_to(HERE).parts[0] if HERE in path.parents else ""


@pytest.fixture(scope="session", autouse=True)
def services(request: pytest.FixtureRequest) -> Iterator[None]:
    """PostgreSQL and Valkey for this run, unless the environment names both or no test asks."""
    parts = {part_of(item.path) for item in request.session.items}
    if SERVICES is None or parts <= WITHOUT_SERVICES:
        yield
        return
    SERVICES.start()
    yield
    SERVICES.stop()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(services: None) -> None:
    """Makes pytest-django wait for the database."""


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        refuse_the_network(patch)
        yield
