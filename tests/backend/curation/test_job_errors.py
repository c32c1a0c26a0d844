"""Why an import failed, in the language of whoever reads it, not of whoever asked for it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

from backend.accounts.models import User
from backend.common import job_runs
from backend.common.models import Job
from backend.curation import uploads
from tests.backend.conftest import Api

pytestmark = pytest.mark.django_db(transaction=True)
As = Callable[[User | None], Api]
BROKEN = b'[{"instruction": "Question?", "output": "Answer."}, {"instruction": '


@pytest.fixture(autouse=True)
def nothing_uploaded_before() -> None:
    """Other tests of this run use the same folder."""
    for path in uploads.folder().iterdir():
        path.unlink()


def speaks(user: User, language: str) -> User:
    user.language = language
    user.save()
    return user


def failed(api: As, user: User, settings: Settings) -> str:
    """The id of an import of a broken file that a worker has tried."""
    settings.IMPORT_AT_ONCE_BYTES = 10
    file = SimpleUploadedFile("rows.json", BROKEN)
    answer = api(user).upload("/records/import", file=file)
    assert answer.status_code == 202, answer.content
    task = str(answer.json()["task"])
    job_runs.job_run(job_id=task)
    return task


def error_of(api: As, user: User, task: str) -> Any:
    shown = api(user).get(f"/tasks/{task}").json()
    assert shown["state"] == "failed"
    return shown["error"]


@pytest.mark.parametrize(("asked", "read"), [("en", "zh-hans"), ("zh-hans", "en")])
def test_a_broken_file_is_explained_in_the_readers_language(
    api: As, curator: User, admin: User, settings: Settings, asked: str, read: str
) -> None:
    task = failed(api, speaks(curator, asked), settings)
    own = error_of(api, curator, task)
    others = error_of(api, speaks(admin, read), task)
    english, chinese = (own, others) if asked == "en" else (others, own)
    assert english["message"].isascii()
    assert not chinese["message"].isascii()
    for said in (english, chinese):
        assert set(said) == {"code", "message", "details"}
        assert said["code"] == "invalid_file"
        assert said["details"] == {"file": [said["message"]]}


def test_the_page_says_it_too(api: As, curator: User, settings: Settings) -> None:
    task = failed(api, curator, settings)
    client = Client()
    client.force_login(speaks(curator, "zh-hans"))
    page = client.get("/admin/curation/record/import/", {"job": task}).content.decode()
    assert error_of(api, curator, task)["message"].split("：")[0] in page


def test_a_sentence_without_its_parts_stays_as_it_was(
    api: As, curator: User, settings: Settings
) -> None:
    """Also those of jobs that failed before the parts were kept."""
    task = failed(api, curator, settings)
    kept = {"code": "invalid_file", "message": "It is broken.", "details": {"file": ["x"]}}
    Job.objects.filter(pk=task).update(error=kept)
    assert error_of(api, speaks(curator, "zh-hans"), task) == kept


def test_whose_role_is_gone_is_told_so(
    api: As, curator: User, admin: User, settings: Settings
) -> None:
    settings.IMPORT_AT_ONCE_ROWS = 1
    content = b'[{"instruction": "1?", "output": "1"}, {"instruction": "2?", "output": "2"}]'
    file = SimpleUploadedFile("rows.json", content)
    task = api(curator).upload("/records/import", file=file).json()["task"]
    curator.groups.clear()
    job_runs.job_run(job_id=task)
    assert error_of(api, admin, task)["code"] == "not_allowed"
