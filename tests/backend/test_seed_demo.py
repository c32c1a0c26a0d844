"""The demo of a first start: everything once, and nothing of anybody's reset later."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth import authenticate
from django.core.management import call_command
from pytest_django import Settings

from backend.accounts.models import Department, User
from backend.accounts.roles import Role, roles_of
from backend.api import demo
from backend.assistants.models import Assistant
from backend.common.models import AuditEntry
from backend.curation.models import Record, Revision
from backend.curation.services import dataset_version_freeze

pytestmark = pytest.mark.django_db
DATA = Path(__file__).parents[2] / "data"


def seed() -> str:
    said = StringIO()
    call_command("seed_demo", stdout=said)
    return said.getvalue()


@pytest.fixture
def random_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOREDESK_ADMIN_PASSWORD", raising=False)


def test_a_first_start_has_everything(random_password: None, settings: Settings) -> None:
    said = seed()
    password = said.rpartition(": ")[2].strip()
    assert len(password) >= 16
    for username, role in (("admin", Role.ADMINISTRATOR), *((r.value, r) for r in Role)):
        if username == "administrator":
            continue
        person = authenticate(username=username, password=password)
        assert isinstance(person, User), username
        assert roles_of(person) == {role}
        assert person.is_staff == (role is not Role.EMPLOYEE)
        assert person.department is not None
    assert User.objects.get(username="employee").display_name == "李伟"
    assistant = Assistant.objects.get()
    assert (assistant.slug, assistant.base_model) == ("abc", settings.BASE_MODEL)
    assert set(assistant.suggested_questions) == {"zh", "en"}
    rows = json.loads((DATA / "abc_records.json").read_text("utf-8"))
    golden = json.loads((DATA / "abc_golden.json").read_text("utf-8"))
    assert Record.objects.filter(status="approved", golden=False).count() == len(rows)
    assert Record.objects.filter(status="approved", golden=True).count() == len(golden)
    assert Record.objects.exclude(author=None).count() == 0
    assert Revision.objects.count() == len(rows) + len(golden)


def test_the_prompt_of_the_demo_assistant_does_not_say_who_it_is(random_password: None) -> None:
    seed()
    prompt = Assistant.objects.get().system_prompt
    assert "ABC" not in prompt
    assert "{{ name }}" in prompt
    assert "{{ department }}" in prompt
    assert len(prompt.splitlines()) <= 3


def test_running_it_again_changes_and_resets_nothing(random_password: None) -> None:
    seed()
    record = Record.objects.earliest("created_at")
    record.delete()
    Record.objects.update(output="changed")
    Assistant.objects.update(system_prompt="changed")
    admin = User.objects.get(username="admin")
    admin.set_password("changed")
    admin.save()
    User.objects.filter(username="approver").delete()

    def everything() -> list[object]:
        tables = (User, Department, Assistant, Record, Revision, AuditEntry)
        return [list(table.objects.order_by("pk").values()) for table in tables]

    before = everything()
    assert "nothing was changed" in seed()
    assert everything() == before


def test_the_given_password_is_used_and_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOREDESK_ADMIN_PASSWORD", "a-Given-one-7")
    said = seed()
    assert "a-Given-one-7" not in said
    assert authenticate(username="admin", password="a-Given-one-7")


def test_a_failure_leaves_nothing(monkeypatch: pytest.MonkeyPatch, random_password: None) -> None:
    monkeypatch.setattr(demo, "FILES", ("abc_records.json", "missing.json"))
    with pytest.raises(FileNotFoundError):
        seed()
    assert not User.objects.exists()
    assert not Record.objects.exists()


def test_the_demo_records_can_be_frozen_at_once(random_password: None) -> None:
    seed()
    counts = dataset_version_freeze(actor=User.objects.get(username="trainer")).counts
    assert counts["dropped"] == 0
    assert counts["golden"] >= 20
    assert counts["validation"] >= 2
