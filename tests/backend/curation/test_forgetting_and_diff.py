"""What a freeze would do, what differs between versions, and records that are forgotten."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.common.errors import Conflict
from backend.common.models import AuditEntry
from backend.curation.models import DatasetVersion, DatasetVersionItem, Record, Revision
from backend.curation.services import (
    dataset_version_freeze,
    record_approve,
    record_forget,
    record_reopen,
    record_update,
    records_insert,
)
from ml.formats import RecordFields
from tests.backend.conftest import Api

pytestmark = pytest.mark.django_db
As = Callable[[User | None], Api]


def approved(*contents: RecordFields) -> list[Record]:
    return records_insert(contents=contents, author=None, status=Record.Status.APPROVED)


def question(number: int, **fields: object) -> RecordFields:
    return RecordFields(instruction=f"question {number}?", output=f"answer {number}", **fields)  # type: ignore[arg-type]


def day(offset: int) -> str:
    return (timezone.localdate() + timedelta(days=offset)).isoformat()


def test_what_is_not_valid_today_is_left_out_and_says_why(api: As, trainer: User) -> None:
    approved(
        question(1, valid_until=day(-1)),
        question(2, valid_from=day(1)),
        question(3, valid_from=day(0), valid_until=day(0)),
    )
    seen = api(trainer).get("/dataset-versions/preview", validation_share=0).json()
    assert seen["dropped_by_reason"] == {"expired": 1, "not_yet_valid": 1}
    assert [row["instruction"] for row in seen["expiring_records"]] == ["question 3?"]
    version = dataset_version_freeze(actor=trainer, validation_share=0)
    reasons = dict(version.items.values_list("record__instruction", "reason"))
    assert reasons == {"question 1?": "expired", "question 2?": "not_yet_valid", "question 3?": ""}
    assert seen["counts"] == version.counts
    assert seen["examples"] == version.examples


def test_near_duplicates_stand_together_and_away_from_golden_ones(trainer: User) -> None:
    near = "How do I reset the password of my company mail account on the phone"
    approved(
        RecordFields(instruction=near + "?", output="a"),
        RecordFields(instruction=near + " now?", output="b"),
        RecordFields(instruction="Which form asks for days of parental leave this year", output="c",
                     golden=True),
        RecordFields(instruction="Which form asks for days of parental leave this year please",
                     output="d"),
        *map(question, range(5)),
    )  # fmt: skip
    version = dataset_version_freeze(actor=trainer, validation_share=0.5)
    by_answer = {
        content["output"]: (split, reason)
        for content, split, reason in version.items.values_list(
            "revision__content", "split", "reason"
        )
    }
    assert by_answer["a"] == by_answer["b"]
    assert by_answer["c"] == ("golden", "")
    assert by_answer["d"] == ("dropped", "near_golden")


def test_two_versions_are_compared(api: As, trainer: User, reviewer: User) -> None:
    records = approved(*map(question, range(4)))
    first = dataset_version_freeze(actor=trainer, validation_share=0)
    record_update(actor=reviewer, record=records[0], content={"output": "better"})
    Record.objects.filter(pk=records[0].pk).update(status="approved")
    Record.objects.filter(pk=records[1].pk).update(status="archived")
    records[2] = record_update(actor=reviewer, record=records[2], content={"valid_until": day(-1)})
    Record.objects.filter(pk=records[2].pk).update(status="approved")
    approved(question(9))
    expected = {"added": 1, "changed": 1, "removed": 1, "moved": 0, "dropped": 1}
    caller = api(trainer)
    assert caller.get("/dataset-versions/preview").json()["changes"] == expected
    second = dataset_version_freeze(actor=trainer, validation_share=0)
    seen = caller.get(f"/dataset-versions/{second.pk}/diff").json()
    assert seen["counts"] == expected
    assert (seen["before"]["number"], seen["after"]["number"]) == (1, 2)
    assert {row["instruction"]: row["change"] for row in seen["results"]} == {
        "question 0?": "changed",
        "question 1?": "removed",
        "question 2?": "dropped",
        "question 9?": "added",
    }
    path = f"/dataset-versions/{second.pk}/diff"
    (row,) = caller.get(path, against=str(first.pk), change="changed").json()["results"]
    assert (row["from_revision"], row["to_revision"]) == (1, 2)
    (field,) = caller.get(f"{path}/{records[0].pk}").json()
    assert (field["name"], field["before"], field["after"]) == ("output", "answer 0", "better")
    page = caller.get(path, page_size=3).json()
    rest = caller.client.get(page["next"]).json()
    assert len(page["results"]) == 3
    assert len(rest["results"]) == 1
    assert caller.get(f"/dataset-versions/{first.pk}/diff").status_code == 404
    assert caller.get(path, against="x").status_code == 400
    assert caller.get(f"{path}/{first.pk}").status_code == 404


def test_nothing_changes_a_version(trainer: User) -> None:
    approved(question(1))
    version = dataset_version_freeze(actor=trainer, validation_share=0)
    for change in (
        version.save, version.delete, DatasetVersion.objects.all().delete,
        version.items.all().delete, lambda: version.items.update(split="golden"),
        version.items.get().save, version.items.get().delete,
        lambda: DatasetVersion.objects.update(note="x"),
    ):  # fmt: skip
        with pytest.raises(Conflict, match="never changes"):
            change()
    for statement in (
        "UPDATE curation_datasetversionitem SET split = 'golden'",
        "DELETE FROM curation_datasetversionitem",
        "UPDATE curation_datasetversion SET sha256 = ''",
        "DELETE FROM curation_datasetversion",
    ):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    trainer.delete()
    version.refresh_from_db()
    assert version.created_by is None


def test_what_is_forgotten_never_comes_back(trainer: User, reviewer: User) -> None:
    first, _second = approved(question(1), question(2))
    stale = Record.objects.get(pk=first.pk)
    gone = record_forget(actor=reviewer, record=first, reason="She asked us to.")
    assert (gone.status, gone.forgotten_by, gone.instruction) == (
        "archived", reviewer, "question 1?",
    )  # fmt: skip
    for step in (record_reopen, record_approve):
        with pytest.raises(Conflict) as refused:
            step(actor=reviewer, record=gone)
        assert refused.value.code == "forgotten"
    for record in (gone, stale):
        with pytest.raises(Conflict):
            record_update(actor=reviewer, record=record, content={"output": "again"})
    with pytest.raises(IntegrityError), transaction.atomic():
        Record.objects.filter(pk=gone.pk).update(status="approved")
    with pytest.raises(Conflict):
        record_forget(actor=reviewer, record=gone, reason="again")
    version = dataset_version_freeze(actor=trainer, validation_share=0)
    assert [item.record_id for item in version.items.all()] == [_second.pk]
    assert AuditEntry.objects.get(action="record.forget").data["reason"] == "She asked us to."


def test_what_is_erased_is_nowhere(api: As, trainer: User, reviewer: User) -> None:
    first, second = approved(question(1, phrasings=("one?",), tags=("x",)), question(2))
    first = record_update(actor=reviewer, record=first, content={"output": "secret"})
    Record.objects.filter(pk=first.pk).update(status="approved")
    version = dataset_version_freeze(actor=trainer, validation_share=0)
    record_forget(actor=reviewer, record=first, reason="right to be forgotten", erase=True)
    contents = str(list(Record.objects.filter(pk=first.pk).values()))
    contents += str(list(Revision.objects.filter(record=first).values("content")))
    assert not any(word in contents for word in ("secret", "question", "answer", "one?"))
    seen = api(trainer).get(f"/dataset-versions/{version.pk}").json()
    assert (seen["erased"], seen["sha256"]) == (1, version.sha256)
    items = api(trainer).get(f"/dataset-versions/{version.pk}/items").json()["results"]
    assert [item["erased"] for item in items] == [True, False]
    assert DatasetVersionItem.objects.filter(record=first).exists()
    assert api(trainer).get(f"/dataset-versions/{version.pk}/export").status_code == 200
    assert second.pk


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501, "a\0b"])
def test_a_reason_is_needed(api: As, reviewer: User, reason: str) -> None:
    (record,) = approved(question(1))
    answer = api(reviewer).post(f"/records/{record.pk}/forget", {"reason": reason})
    assert answer.status_code == 400
    assert Record.objects.get().forgotten_at is None


def test_curators_forget_and_reviewers_erase(
    api: As, employee: User, curator: User, reviewer: User, trainer: User, approver: User,
    admin: User,
) -> None:  # fmt: skip
    for user, forget, erase in (
        (None, 401, 401), (employee, 403, 403), (trainer, 403, 403), (approver, 403, 403),
        (curator, 200, 403), (reviewer, 200, 200), (admin, 200, 200),
    ):  # fmt: skip
        for erased, expected in ((False, forget), (True, erase)):
            (record,) = approved(question(1))
            body = {"reason": "asked", "erase": erased}
            answer = api(user).post(f"/records/{record.pk}/forget", body)
            assert answer.status_code == expected, (user, erased)
