"""The import page: look, correct, confirm, watch; its state is in the address."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

from backend.accounts.models import User
from backend.common import job_runs
from backend.common.models import Job
from backend.curation.models import Record

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = "/admin/curation/record/import/"
QUESTION = {"instruction": "年假有几天？", "output": "13天。"}
Pages = Callable[[User], Client]


def file_of(rows: Any, name: str = "rows.json") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, rows if isinstance(rows, bytes) else json.dumps(rows).encode())


def text_of(answer: Any) -> str:
    assert answer.status_code == 200, answer.status_code
    return str(answer.content.decode())


def uploaded(client: Client, rows: Any, name: str = "rows.json") -> str:
    answer = client.post(PAGE, {"file": file_of(rows, name)})
    assert answer.status_code == 302, answer.content.decode()
    return str(answer["Location"])


def test_an_import_shows_first_and_stores_when_confirmed(pages: Pages, curator: User) -> None:
    rows = [QUESTION, QUESTION, {"instruction": "<b>no answer</b>"}]
    client = pages(curator)
    preview = uploaded(client, rows)
    page = text_of(client.get(preview))
    assert "Row 1 says the same." in page
    assert "The answer is missing." in page
    assert "Import 1 record" in page
    assert not Record.objects.exists()
    assert "Row 1 says" not in text_of(client.get(f"{preview}&outcome=invalid"))
    done = client.post(preview, {"step": "import"})
    page = text_of(client.get(done["Location"]))
    assert "1 record imported as a draft." in page
    assert Record.objects.get().source_detail == "rows.json, row 1"
    link = page.partition('href="/admin/curation/record/?')[2].partition('"')[0]
    shown = text_of(client.get("/admin/curation/record/?" + link.replace("&amp;", "&")))
    assert "年假有几天" in shown
    again = client.post(preview, {"step": "import"}, follow=True)
    assert "The file is no longer here. Choose it again." in text_of(again)
    assert Record.objects.count() == 1
    assert "rows.json" in text_of(client.get(PAGE))


def test_somebody_elses_preview_is_not_to_be_seen(
    pages: Pages, curator: User, reviewer: User
) -> None:
    preview = uploaded(pages(curator), [QUESTION])
    for answer in (pages(reviewer).get(preview), pages(reviewer).post(preview, {"step": "import"})):
        assert answer.status_code == 302
        assert answer["Location"] != preview or answer.request["REQUEST_METHOD"] == "POST"
    assert not Record.objects.exists()


def test_a_file_that_cannot_be_read_says_so_and_can_be_read_differently(
    pages: Pages, curator: User
) -> None:
    client = pages(curator)
    lines = b"\n".join(json.dumps(QUESTION | {"output": str(n)}).encode() for n in range(2))
    failed = uploaded(client, lines, "rows.csv")
    assert 'role="alert"' in text_of(client.get(failed))
    again = client.post(failed, {"step": "look", "format": "jsonl"})
    assert "Import 1 record" in text_of(client.get(again["Location"]))
    assert "Choose" in text_of(client.post(PAGE, {}))


def test_a_large_file_is_followed_and_cancelled(
    pages: Pages, curator: User, settings: Settings
) -> None:
    settings.IMPORT_AT_ONCE_ROWS = 1
    client = pages(curator)
    preview = uploaded(client, [QUESTION, {"instruction": "b?", "output": "c"}])
    page = text_of(client.get(preview))
    assert "<progress" in page
    assert "hx-get" in page
    job_runs.job_run(job_id=Job.objects.get().pk)
    assert "Import 2 records" in text_of(client.get(preview, headers={"HX-Request": "true"}))
    running = client.post(preview, {"step": "import"})["Location"]
    client.post(running, {"step": "cancel"})
    assert "Nothing of this file was stored" in text_of(client.get(running))
    job_runs.job_run(job_id=running.partition("job=")[2])
    assert not Record.objects.exists()


def test_placeholders_are_offered_and_filled(pages: Pages, curator: User) -> None:
    client = pages(curator)
    preview = uploaded(client, [{"instruction": "Who are you?", "output": "I am {{name}}."}])
    assert 'name="placeholder:name"' in text_of(client.get(preview))
    filled = client.post(preview, {"step": "look", "placeholder:name": "Loredesk"})["Location"]
    client.post(filled, {"step": "import"})
    assert Record.objects.get().output == "I am Loredesk."


def test_an_address_of_nothing_leads_back(pages: Pages, curator: User) -> None:
    for address in (f"{PAGE}?job=x", f"{PAGE}?job=00000000-0000-0000-0000-000000000000"):
        assert pages(curator).get(address)["Location"] == PAGE
