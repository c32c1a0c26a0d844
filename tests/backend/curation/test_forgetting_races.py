"""Forgetting while somebody else approves, reopens or freezes: what is forgotten stays so."""

import itertools
import threading
from collections.abc import Callable
from functools import partial

import pytest
from django.db import connection

from backend.accounts.models import User
from backend.common.errors import Conflict
from backend.common.models import AuditEntry
from backend.curation.models import DatasetVersion, Record
from backend.curation.services import (
    BulkAction,
    dataset_version_freeze,
    record_approve,
    record_archive,
    record_create,
    record_forget,
    record_reopen,
    record_submit,
    records_bulk,
    records_insert,
)
from ml.formats import RecordFields

TIMES = 8
Step = Callable[[], object]


def together(*steps: Step) -> list[str]:
    """Take different steps in the same moment: whether each was done or refused."""
    barrier = threading.Barrier(len(steps))
    outcomes = ["failed"] * len(steps)

    def run(number: int, step: Step) -> None:
        barrier.wait(timeout=10)
        try:
            step()
            outcomes[number] = "done"
        except Conflict:
            outcomes[number] = "refused"
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(steps)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    return outcomes


def waiting(curator: User, number: int) -> Record:
    content = {"instruction": f"question {number}?", "output": f"answer {number}"}
    return record_submit(actor=curator, record=record_create(actor=curator, content=content))


def stays_forgotten(record: Record) -> None:
    """It is archived, whatever came before, and nothing was decided on it afterwards."""
    record.refresh_from_db()
    assert (record.status, record.forgotten_at is not None) == ("archived", True)
    trail = AuditEntry.objects.filter(entity_id=str(record.pk)).order_by("pk")
    assert trail.last().action == "record.forget"  # type: ignore[union-attr]


@pytest.mark.django_db(transaction=True)
def test_forget_and_approve_at_once(curator: User, reviewer: User) -> None:
    for number in range(TIMES):
        record = waiting(curator, number)
        seen = Record.objects.get(pk=record.pk)
        forgot, approved = together(
            partial(record_forget, actor=curator, record=record, reason="asked"),
            partial(record_approve, actor=reviewer, record=seen),
        )
        assert forgot == "done"
        assert approved in {"done", "refused"}
        stays_forgotten(record)


@pytest.mark.django_db(transaction=True)
def test_forget_and_approve_many_at_once(curator: User, reviewer: User) -> None:
    for round_ in range(TIMES):
        records = [waiting(curator, 100 * round_ + number) for number in range(4)]
        chosen = Record.objects.filter(pk__in=[record.pk for record in records])
        outcomes = together(
            partial(record_forget, actor=curator, record=records[2], reason="asked"),
            partial(records_bulk, actor=reviewer, records=chosen, action=BulkAction.APPROVE),
        )
        assert outcomes == ["done", "done"]
        stays_forgotten(records[2])
        assert chosen.filter(status="approved").count() == 3


@pytest.mark.django_db(transaction=True)
def test_forget_and_reopen_at_once(curator: User, reviewer: User) -> None:
    for number in range(TIMES):
        record = record_archive(actor=curator, record=waiting(curator, number))
        seen = Record.objects.get(pk=record.pk)
        forgot, _reopened = together(
            partial(record_forget, actor=reviewer, record=record, reason="asked"),
            partial(record_reopen, actor=curator, record=seen),
        )
        assert forgot == "done"
        stays_forgotten(record)


@pytest.mark.django_db(transaction=True)
def test_a_page_from_before_does_not_reopen_it(curator: User) -> None:
    record = record_archive(actor=curator, record=waiting(curator, 1))
    seen = Record.objects.get(pk=record.pk)
    record_forget(actor=curator, record=record, reason="asked")
    with pytest.raises(Conflict) as refused:
        record_reopen(actor=curator, record=seen)
    assert refused.value.code == "forgotten"
    stays_forgotten(record)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("erase", [False, True])
def test_a_freeze_at_that_moment_holds_only_what_it_saw_approved(
    curator: User, reviewer: User, trainer: User, erase: bool
) -> None:
    numbers = itertools.count()
    kept = records_insert(
        contents=[RecordFields(instruction="kept?", output="yes")],
        author=None,
        status=Record.Status.APPROVED,
    )
    for _ in range(TIMES):
        record = waiting(curator, next(numbers))
        seen = Record.objects.get(pk=record.pk)
        forgot, _approved, froze = together(
            partial(record_forget, actor=reviewer, record=record, reason="asked", erase=erase),
            partial(record_approve, actor=reviewer, record=seen),
            partial(dataset_version_freeze, actor=trainer, validation_share=0),
        )
        assert (forgot, froze) == ("done", "done")
        record.refresh_from_db()
        version = DatasetVersion.objects.order_by("number").last()
        assert version is not None
        held = version.items.filter(record=record)
        trail = AuditEntry.objects.filter(entity_id=str(record.pk))
        if held.exists():
            assert trail.filter(action="record.approve").exists(), "nobody had approved it"
            assert held.get().revision.number == record.approved_revision
        assert version.items.filter(record=kept[0]).exists()
        # The next one knows better in any case.
        following = dataset_version_freeze(actor=trainer, validation_share=0)
        assert list(following.items.values_list("record", flat=True)) == [kept[0].pk]
        if not erase:
            stays_forgotten(record)
