"""What differs between any two versions: word by word, and at a bounded cost."""

import uuid
from collections.abc import Callable

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from backend.accounts.models import User
from backend.curation.models import DatasetVersion, Record
from backend.curation.services import (
    dataset_version_freeze,
    record_forget,
    record_update,
    records_insert,
)
from ml.formats import RecordFields
from tests.backend.conftest import Api

pytestmark = pytest.mark.django_db
As = Callable[[User | None], Api]


def approved(numbers: range) -> list[Record]:
    contents = [RecordFields(instruction=f"question {n}?", output=f"answer {n}") for n in numbers]
    return records_insert(contents=contents, author=None, status=Record.Status.APPROVED)


def edited(actor: User, record: Record, **content: object) -> Record:
    record.refresh_from_db()
    record = record_update(actor=actor, record=record, content=content)
    Record.objects.filter(pk=record.pk).update(status="approved")
    return record


def frozen(trainer: User) -> DatasetVersion:
    return dataset_version_freeze(actor=trainer, validation_share=0)


def path(version: DatasetVersion, record: Record | None = None) -> str:
    return f"/dataset-versions/{version.pk}/diff" + (f"/{record.pk}" if record else "")


def test_the_first_version_is_compared_with_the_third(
    api: As, trainer: User, reviewer: User
) -> None:
    (record,) = approved(range(1))
    first = frozen(trainer)
    edited(reviewer, record, output="answer 1")
    second = frozen(trainer)
    edited(reviewer, record, phrasings=["one?", "一？"], golden=True)
    approved(range(5, 6))
    third = frozen(trainer)
    caller = api(trainer)
    (row,) = caller.get(path(third), against=str(first.pk), change="changed").json()["results"]
    assert (row["from_revision"], row["to_revision"]) == (1, 3)
    fields = caller.get(path(third, record), against=str(first.pk)).json()
    assert {field["name"]: field["pieces"] for field in fields} == {
        "output": [
            {"kind": "same", "text": "answer "},
            {"kind": "removed", "text": "0"},
            {"kind": "added", "text": "1"},
        ],
        "phrasings": [{"kind": "added", "text": "one?\n一？"}],
        "golden": [{"kind": "removed", "text": "no"}, {"kind": "added", "text": "yes"}],
    }
    assert [field["name"] for field in caller.get(path(second, record)).json()] == ["output"]
    assert caller.get(path(first), against=str(third.pk)).json()["counts"]["removed"] == 1


def test_field_names_are_in_the_readers_language(api: As, trainer: User, reviewer: User) -> None:
    (record,) = approved(range(1))
    frozen(trainer)
    edited(reviewer, record, golden=True)
    approved(range(5, 6))
    version = frozen(trainer)
    trainer.language = "zh-hans"
    trainer.save()
    (field,) = api(trainer).get(path(version, record)).json()
    assert field["title"] == "金标题"
    assert [piece["text"] for piece in field["pieces"]] == ["否", "是"]


def test_an_erased_record_shows_no_words(api: As, trainer: User, reviewer: User) -> None:
    record, _other = approved(range(2))
    frozen(trainer)
    edited(reviewer, record, output="secret")
    version = frozen(trainer)
    record_forget(actor=reviewer, record=record, reason="asked", erase=True)
    caller = api(trainer)
    (row,) = caller.get(path(version)).json()["results"]
    assert (row["change"], row["instruction"]) == ("changed", "")
    assert caller.get(path(version, record)).json() == []


def test_the_cost_does_not_grow_with_the_versions(
    api: As,
    trainer: User,
    reviewer: User,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    records = approved(range(40))
    first = frozen(trainer)
    for record in records:
        edited(reviewer, record, output=f"as of {timezone.now()}")
    approved(range(100, 130))
    version = frozen(trainer)
    caller = api(trainer)
    # Who asks (3), the two versions, the counts, the page.
    with django_assert_max_num_queries(7):
        page = caller.get(path(version), against=str(first.pk), page_size=200).json()
    assert page["counts"]["changed"] == 40
    assert len(page["results"]) == 70
    with django_assert_max_num_queries(6):
        assert caller.get(path(version, records[0]), against=str(first.pk)).status_code == 200


def test_who_may_read_them(
    api: As, trainer: User, reviewer: User, curator: User, approver: User, admin: User,
    employee: User,
) -> None:  # fmt: skip
    (record,) = approved(range(1))
    frozen(trainer)
    edited(reviewer, record, output="better")
    version = frozen(trainer)
    for user in (trainer, reviewer, curator, approver, admin):
        assert api(user).get(path(version)).status_code == 200, user
        assert api(user).get(path(version, record)).status_code == 200, user
    for address in (path(version), path(version, record)):
        assert api(employee).get(address).status_code == 403
        assert api(None).get(address).status_code == 401


def test_what_is_not_there(api: As, trainer: User) -> None:
    (record,) = approved(range(1))
    frozen(trainer)
    version, missing = frozen(trainer), str(uuid.uuid4())
    caller = api(trainer)
    for address in (path(version), path(version, record)):
        assert caller.get(address, against=missing).status_code == 404
        assert caller.get(address, against="1").status_code == 400
    assert caller.get(f"/dataset-versions/{version.pk}/diff/{missing}").status_code == 404
    assert caller.get(f"/dataset-versions/{missing}/diff").status_code == 404
    assert caller.get(path(version), change="nothing").status_code == 400
    assert caller.get(path(version), against=str(version.pk)).json()["results"] == []
