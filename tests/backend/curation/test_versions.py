"""Freezing: what enters, on which side, and that it never changes afterwards."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_django import DjangoAssertNumQueries

from backend.accounts.models import User
from backend.common.models import AuditEntry
from backend.curation.frozen import dataset_version_write
from backend.curation.models import DatasetVersion, Record
from backend.curation.services import (
    dataset_version_freeze,
    record_create,
    record_delete,
    record_update,
    records_insert,
)
from ml.formats import RecordFields, parse
from tests.backend.conftest import Api, at_once

pytestmark = pytest.mark.django_db
As = Callable[[User | None], Api]


def approved(*contents: RecordFields) -> list[Record]:
    return records_insert(contents=contents, author=None, status=Record.Status.APPROVED)


def question(number: int, **fields: object) -> RecordFields:
    return RecordFields(instruction=f"question {number}?", output=f"answer {number}", **fields)  # type: ignore[arg-type]


def splits(version: DatasetVersion) -> dict[str, str]:
    return dict(version.items.values_list("record__instruction", "split"))


def test_only_what_is_approved_enters(api: As, trainer: User, curator: User) -> None:
    record_create(actor=curator, content={"instruction": "draft?", "output": "x"})
    approved(question(1), question(2, phrasings=("second?", "two?")), question(3, golden=True))
    answer = api(trainer).post("/dataset-versions", {"validation_share": 0, "note": "first"})
    assert answer.status_code == 201, answer.content
    body = answer.json()
    assert body["number"] == 1
    assert body["counts"] == {"train": 2, "validation": 0, "golden": 1, "dropped": 0}
    assert body["examples"] == {"train": 4, "validation": 0, "golden": 1}
    assert (body["note"], body["validation_share"]) == ("first", 0)
    assert body["created_by"]["name"] == "trainer"
    version = DatasetVersion.objects.get()
    assert splits(version) == {
        "question 1?": "train",
        "question 2?": "train",
        "question 3?": "golden",
    }
    assert api(curator).get(f"/dataset-versions/{version.pk}").json() == body
    assert api(curator).get("/dataset-versions").json() == {"results": [body], "next": None}
    assert AuditEntry.objects.get().data["sha256"] == body["sha256"]


def test_a_version_keeps_the_words_it_was_frozen_with(
    api: As, trainer: User, curator: User, tmp_path: Path
) -> None:
    (record,) = approved(question(1))
    version = dataset_version_freeze(actor=trainer)
    record_update(actor=curator, record=record, content={"output": "changed"})
    dataset_version_write(version=version, folder=tmp_path)
    (line,) = (tmp_path / "train.jsonl").read_text("utf-8").splitlines()
    assert json.loads(line)["messages"][-1]["content"] == "answer 1"
    items = api(trainer).get(f"/dataset-versions/{version.pk}/items").json()["results"]
    assert [(i["output"], i["revision"], i["split"]) for i in items] == [("answer 1", 1, "train")]
    refused = api(curator).delete(f"/records/{record.pk}")
    assert refused.status_code == 409
    assert refused.json()["error"]["code"] == "record_in_version"


def test_the_hash_names_the_content_and_nothing_else(trainer: User, curator: User) -> None:
    records = approved(*map(question, range(20)))
    first = dataset_version_freeze(actor=trainer, validation_share=0.2)
    again = dataset_version_freeze(actor=trainer, validation_share=0.2, note="other words")
    assert (again.number, again.sha256) == (2, first.sha256)
    record_update(actor=curator, record=records[0], content={"output": "changed"})
    Record.objects.update(status="approved")
    assert dataset_version_freeze(actor=trainer, validation_share=0.2).sha256 != first.sha256


def test_the_share_is_held_out_by_question(trainer: User) -> None:
    approved(*map(question, range(300)))
    version = dataset_version_freeze(actor=trainer, validation_share=0.2)
    assert 30 <= version.counts["validation"] <= 90
    assert version.counts["train"] + version.counts["validation"] == 300


def test_what_asks_the_same_stands_on_one_side(trainer: User) -> None:
    contents = [question(n, phrasings=(f"in other words {n // 3}",)) for n in range(90)]
    approved(*contents, *(question(n) for n in range(90)))  # twice the same question as well
    version = dataset_version_freeze(actor=trainer, validation_share=0.3)
    sides: dict[int, set[str]] = {}
    for text, split in version.items.values_list("record__instruction", "split"):
        sides.setdefault(int(text.split()[1].rstrip("?")) // 3, set()).add(split)
    assert len(sides) == 30
    assert all(len(side) == 1 for side in sides.values())
    assert version.counts["validation"] >= 6


def test_a_record_keeps_its_side_whatever_comes_beside_it(trainer: User) -> None:
    approved(*map(question, range(60)))
    first = splits(dataset_version_freeze(actor=trainer, validation_share=0.2))
    approved(*map(question, range(60, 120)))
    later = splits(dataset_version_freeze(actor=trainer, validation_share=0.4))
    assert {text: later[text] for text in first} == first
    new = [side for text, side in later.items() if text not in first]
    assert 12 <= new.count("validation") <= 40


def test_no_share_moves_what_has_a_side(trainer: User) -> None:
    approved(*map(question, range(40)))
    dataset_version_freeze(actor=trainer, validation_share=0.3)
    first = splits(DatasetVersion.objects.get())
    assert splits(dataset_version_freeze(actor=trainer, validation_share=0)) == first
    assert splits(dataset_version_freeze(actor=trainer, validation_share=0.5)) == first


def test_held_out_that_becomes_a_near_duplicate_of_training_is_dropped(
    api: As, trainer: User, reviewer: User
) -> None:
    approved(*map(question, range(40)))
    version = dataset_version_freeze(actor=trainer, validation_share=0.3)
    held_out = version.items.filter(split="validation").earliest("id").record
    trained = version.items.filter(split="train").earliest("id").record
    record_update(
        actor=reviewer,
        record=held_out,
        content={"phrasings": [trained.instruction]},
    )
    Record.objects.update(status="approved")
    later = dataset_version_freeze(actor=trainer, validation_share=0.3)
    assert later.counts["dropped"] == 1
    dropped = api(trainer).get(f"/dataset-versions/{later.pk}/items", split="dropped").json()
    (item,) = dropped["results"]
    assert item["record"] == str(held_out.pk)
    assert "training record" in item["reason"]
    # And it is not in what is trained, validated or asked.
    assert str(held_out.pk) not in api(trainer).get(
        f"/dataset-versions/{later.pk}/export"
    ).content.decode("latin-1")


def test_golden_questions_never_train_under_another_record(trainer: User) -> None:
    approved(
        question(1),
        question(2, golden=True),
        RecordFields(instruction="QUESTION 2", output="answer 2"),
        question(3, phrasings=("Question 2!",)),
    )
    version = dataset_version_freeze(actor=trainer, validation_share=0)
    assert splits(version) == {
        "question 1?": "train",
        "question 2?": "golden",
        "QUESTION 2": "dropped",
        "question 3?": "dropped",
    }


@pytest.mark.parametrize("number", [2, 3, 8])
def test_a_small_set_has_both_sides(trainer: User, number: int) -> None:
    for share in (0.01, 0.5):
        approved(*map(question, range(number)))
        counts = dataset_version_freeze(actor=trainer, validation_share=share).counts
        assert counts["train"] >= 1
        assert counts["validation"] >= 1
        assert counts["train"] + counts["validation"] == number
        Record.objects.update(status="archived")


def test_one_question_is_trained(trainer: User) -> None:
    approved(question(1), question(1))
    assert dataset_version_freeze(actor=trainer, validation_share=0.5).counts["train"] == 2


def test_one_new_question_beside_trained_ones_is_not_held_out_for_want_of_another(
    trainer: User,
) -> None:
    approved(*map(question, range(5)))
    dataset_version_freeze(actor=trainer, validation_share=0)
    approved(question(5))
    assert dataset_version_freeze(actor=trainer, validation_share=0.001).counts["train"] == 6


def test_nothing_to_train_on_is_refused(api: As, trainer: User) -> None:
    approved(question(1, golden=True))
    answer = api(trainer).post("/dataset-versions")
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "nothing_to_train"
    assert not DatasetVersion.objects.exists()


@pytest.mark.parametrize("body", [
    {"validation_share": 0.51}, {"validation_share": -0.1}, {"validation_share": "much"},
    {"validation_share": None}, {"validation_share": "nan"}, {"validation_share": "inf"},
    {"note": "x" * 301}, {"note": "a\0b"}, {"note": []}, [], "text",
])  # fmt: skip
def test_a_value_out_of_range_is_named(api: As, trainer: User, body: object) -> None:
    approved(question(1), question(2))
    answer = api(trainer).post("/dataset-versions", json.dumps(body))
    assert answer.status_code == 400
    if isinstance(body, dict):
        assert list(answer.json()["error"]["details"]) == list(body)
    assert not DatasetVersion.objects.exists()


def test_freezing_is_for_trainers_and_reading_for_staff(
    api: As, employee: User, curator: User, reviewer: User, approver: User, trainer: User
) -> None:
    approved(question(1), question(2))
    for user, expected in (
        (None, 401), (employee, 403), (curator, 403), (reviewer, 403), (approver, 403),
        (trainer, 201),
    ):  # fmt: skip
        assert api(user).post("/dataset-versions").status_code == expected
    version = DatasetVersion.objects.get()
    for path in ("", f"/{version.pk}", f"/{version.pk}/items", f"/{version.pk}/export"):
        assert api(None).get("/dataset-versions" + path).status_code == 401
        assert api(employee).get("/dataset-versions" + path).status_code == 403
        assert api(approver).get("/dataset-versions" + path).status_code == 200
    unknown = "00000000-0000-0000-0000-000000000000"
    for path in ("", "/items", "/export"):
        assert api(trainer).get(f"/dataset-versions/{unknown}{path}").status_code == 404


def test_the_export_is_a_folder_that_llamafactory_reads(api: As, trainer: User) -> None:
    approved(
        question(1, phrasings=("one?",), system="Be brief.", history=(("a", "b"),)),
        question(2),
        question(3, golden=True),
    )
    version = dataset_version_freeze(actor=trainer, validation_share=0.5)
    answer = api(trainer).get(f"/dataset-versions/{version.pk}/export")
    assert answer["Content-Type"] == "application/zip"
    assert "loredesk-v1.zip" in answer["Content-Disposition"]
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    info = json.loads(archive.read("loredesk_v1/dataset_info.json"))
    assert set(info) == {"loredesk_v1_train", "loredesk_v1_validation"}
    rows = []
    for entry in info.values():
        data = archive.read(f"loredesk_v1/{entry['file_name']}")
        rows += [row.fields for row in parse(data) if row.fields]
    assert {row.instruction for row in rows} == {"question 1?", "one?", "question 2?"}
    canonical = archive.read("loredesk_v1/canonical.jsonl")
    assert hashlib.sha256(canonical).hexdigest() == version.sha256
    assert api(trainer).get(f"/dataset-versions/{version.pk}/export").content == answer.content


def test_the_written_files_hold_canonical_examples(trainer: User, tmp_path: Path) -> None:
    first, _second, golden = approved(
        question(1, phrasings=("one?",), system="Be brief.", history=(("a", "b"),)),
        question(2),
        question(3, golden=True),
    )
    version = dataset_version_freeze(actor=trainer, validation_share=0)
    assert dataset_version_write(version=version, folder=tmp_path) == version.examples
    lines = (tmp_path / "train.jsonl").read_text("utf-8").splitlines()
    assert json.loads(lines[1]) == {
        "id": f"{first.pk}#1",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "b"},
            {"role": "user", "content": "one?"},
            {"role": "assistant", "content": "answer 1"},
        ],
        "language": "en",
    }
    assert (tmp_path / "validation.jsonl").read_bytes() == b""
    assert str(golden.pk) in (tmp_path / "golden.jsonl").read_text("utf-8")
    assert str(golden.pk) not in "".join(lines)


def test_the_lists_need_as_many_queries_for_one_as_for_many(
    api: As, trainer: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    approved(*map(question, range(12)))
    for _number in range(5):
        version = dataset_version_freeze(actor=trainer)
    caller = api(trainer)
    with django_assert_max_num_queries(4):  # session, person, roles, versions
        assert len(caller.get("/dataset-versions").json()["results"]) == 5
    with django_assert_max_num_queries(5):  # and the version itself
        items = caller.get(f"/dataset-versions/{version.pk}/items").json()["results"]
    assert len(items) == 12


def test_a_deleted_record_leaves_no_trace_in_the_next_version(trainer: User, curator: User) -> None:
    first, _second = approved(question(1), question(2))
    record_delete(actor=curator, record=first)
    version = dataset_version_freeze(actor=trainer, validation_share=0)
    assert splits(version) == {"question 2?": "train"}


@pytest.mark.django_db(transaction=True)
def test_two_freezes_at_once_are_two_versions(trainer: User) -> None:
    approved(*map(question, range(10)))
    at_once(lambda: dataset_version_freeze(actor=trainer, validation_share=0.3))
    first, second = DatasetVersion.objects.order_by("number")
    assert (first.number, second.number) == (1, 2)
    assert splits(first) == splits(second)
