"""``manage.py import_records``: a file from the terminal, with the page's rules."""

import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from backend.accounts.models import User
from backend.common.models import AuditEntry
from backend.curation.models import Record

pytestmark = pytest.mark.django_db
ROWS = [
    {"instruction": "年假有几天？", "output": "13天。"},
    {"instruction": "年假有几天？", "output": "15天。"},
    {"instruction": "Where is the printer?", "output": ""},
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(ROWS), "utf-8")
    return path


def run(file: Path, who: User | str, **options: object) -> str:
    out = io.StringIO()
    name = who if isinstance(who, str) else who.username
    call_command("import_records", str(file), username=name, stdout=out, **options)
    return out.getvalue()


def test_rows_are_stored_as_drafts_of_that_person(file: Path, curator: User) -> None:
    said = run(file, curator)
    assert "1 new, 0 duplicate, 1 conflict, 1 invalid" in said
    assert "row 2: conflict: " in said
    assert "row 3: invalid: The answer is missing." in said
    record = Record.objects.get()
    assert (record.author, record.status, record.source) == (curator, "draft", "imported")
    assert record.source_detail == "rows.json, row 1"
    assert AuditEntry.objects.filter(action="records.import", actor=curator).exists()
    assert "0 new, 1 duplicate, 1 conflict, 1 invalid" in run(file, curator)
    assert Record.objects.count() == 1


def test_a_dry_run_says_the_same_and_stores_nothing(file: Path, curator: User) -> None:
    said = run(file, curator, dry_run=True)
    assert "1 new, 0 duplicate, 1 conflict, 1 invalid (nothing is stored)" in said
    assert not Record.objects.exists()


def test_the_format_may_be_said(tmp_path: Path, curator: User) -> None:
    path = tmp_path / "rows.dat"
    path.write_text("\n".join(map(json.dumps, ROWS)), "utf-8")
    with pytest.raises(CommandError, match="cannot be read"):
        run(path, curator)
    with pytest.raises(CommandError, match="cannot be read"):
        run(path, curator, format="docx")
    assert run(path, curator, format="jsonl").endswith("1 invalid\n")


def test_what_cannot_be_is_said(file: Path, curator: User, employee: User, trainer: User) -> None:
    with pytest.raises(CommandError, match="Nobody active signs in as nobody"):
        run(file, "nobody")
    for person in (employee, trainer):
        with pytest.raises(CommandError):
            run(file, person)
    with pytest.raises(CommandError, match="is no file"):
        run(file.parent, curator)
    file.write_text("[{", "utf-8")
    with pytest.raises(CommandError, match="Not valid JSON at line 1, column 3"):
        run(file, curator)
    curator.is_active = False
    curator.save()
    with pytest.raises(CommandError, match="Nobody active"):
        run(file, curator)
    assert not Record.objects.exists()
