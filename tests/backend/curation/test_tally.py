"""The numbers above the list are those of the records, whatever wrote them."""

import itertools
from collections import Counter

import pytest
from django.db import connection, transaction
from django.http import QueryDict
from django.test import Client

from backend.accounts.models import User
from backend.curation.admin.records import number_of
from backend.curation.findings.selectors import with_finding, with_finding_count
from backend.curation.findings.services import finding_ignore
from backend.curation.models import Finding, Record, RecordTally
from backend.curation.services import (
    BulkAction,
    dataset_version_freeze,
    record_approve,
    record_archive,
    record_create,
    record_reopen,
    record_submit,
    record_update,
    records_bulk,
)
from backend.curation.standing import curation_state, record_counts
from backend.curation.tally import SHORT, tally_compact
from backend.curation.tasks import sweep_findings
from tests.backend.conftest import at_once

Kind = tuple[object, ...]
KIND = ("status", "language", "golden", "worst_finding")


def tallied(user: User) -> dict[Kind, int]:
    counts = {tuple(kind): number for *kind, number in record_counts(user=user)}
    return {kind: number for kind, number in counts.items() if number}


def counted() -> dict[Kind, int]:
    return dict(Counter(Record.objects.values_list(*KIND)))


def record(author: User, question: str, **fields: object) -> Record:
    content = {"instruction": question, "output": "四月起十天。", **fields}
    return record_create(actor=author, content=content)


@pytest.mark.django_db
def test_every_way_of_writing_is_counted(curator: User, reviewer: User) -> None:
    assert tallied(curator) == {} == counted()
    first, *others = [record(curator, f"年假有几天，第{n}问？") for n in range(6)]
    record(curator, "How many days?", golden=True)
    assert tallied(curator) == counted()
    record_submit(actor=curator, record=first)
    record_approve(actor=reviewer, record=first)
    everything = Record.objects.all()
    records_bulk(actor=curator, records=everything, action=BulkAction.GOLDEN)
    records_bulk(actor=reviewer, records=everything, action=BulkAction.APPROVE)
    assert tallied(curator) == counted()
    assert sum(tallied(curator).values()) == 7
    tally_compact()
    assert tallied(curator) == counted()
    others[0].delete()
    assert tallied(curator) == counted()
    with transaction.atomic():
        record(curator, "不会留下的问题？")
        transaction.set_rollback(True)
    assert tallied(curator) == counted()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("TRUNCATE curation_record CASCADE")
    assert tallied(curator) == {}


@pytest.mark.django_db
def test_many_lines_become_few(curator: User) -> None:
    some = record(curator, "年假有几天？")
    for number in range(SHORT):
        Record.objects.filter(pk=some.pk).update(golden=not number % 2)
    assert RecordTally.objects.count() > SHORT
    sweep_findings()
    assert RecordTally.objects.count() == 1
    assert tallied(curator) == counted()


@pytest.mark.django_db
def test_what_a_restored_copy_doubled_is_mended(curator: User) -> None:
    record(curator, "年假有几天？")
    RecordTally.objects.bulk_create(
        RecordTally(status="draft", language="zh", golden=False, worst_finding=0, number=1)
        for _line in range(SHORT + 1)
    )
    assert tallied(curator) != counted()
    tally_compact()
    assert tallied(curator) == counted()


@pytest.mark.django_db(transaction=True)
def test_compacting_while_others_write_loses_nothing(curator: User) -> None:
    some = record(curator, "年假有几天？")
    for number in range(SHORT + 1):
        Record.objects.filter(pk=some.pk).update(golden=not number % 2)
    steps = itertools.count()

    def step() -> None:
        if next(steps) % 2:
            record(curator, "How many days of leave?")
        tally_compact()

    at_once(step, times=6)
    assert tallied(curator) == counted()
    assert sum(tallied(curator).values()) == 4


@pytest.mark.django_db
@pytest.mark.parametrize(
    "query",
    [
        "",
        "p=2&o=1",
        "status__exact=draft",
        "status__exact=rejected",
        "language__exact=en&golden__exact=1",
        "status__exact=draft&language__exact=zh&golden__exact=0",
        "finding=email",
        "severity=none&status__exact=draft",
        "severity=warning",
        "severity=error",
    ],
)
def test_the_list_holds_as_many_as_it_says(curator: User, query: str) -> None:
    for number in range(3):
        record(curator, f"年假有几天，第{number}问？", output="请写信给 leave@acme-corp.cn。")
    record(curator, "How many days?", golden=True, language="en")
    client = Client()
    client.force_login(curator)
    shown = client.get(f"/admin/curation/record/?{query.replace('p=2&', '')}").context["cl"]
    assert shown.result_count == len(shown.result_list) == shown.queryset.count()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "query",
    [
        "q=leave",
        "status__exact=draft&status__exact=approved",
        "status__exact=x",
        "tag=a",
        "golden__exact=",
    ],
)
def test_what_the_tally_cannot_tell_is_counted(query: str) -> None:
    assert number_of(QueryDict(query), [("draft", "zh", False, 0, 3)]) is None


@pytest.mark.django_db
def test_ignored_findings_are_not_counted(curator: User) -> None:
    for number in range(2):
        record(curator, f"年假有几天，第{number}问？", output="请写信给 leave@acme-corp.cn。")
    assert with_finding_count(user=curator, code="email") == 2
    assert with_finding(Record.objects.all(), "email").count() == 2
    finding_ignore(actor=curator, finding=Finding.objects.filter(code="email")[0], ignored=True)
    assert with_finding_count(user=curator, code="email") == 1
    assert with_finding(Record.objects.all(), "email").count() == 1
    assert with_finding_count(user=curator, code="phone") == 0


@pytest.mark.django_db
def test_what_is_approved_since_the_last_version(
    curator: User, reviewer: User, trainer: User
) -> None:
    records = [
        record(curator, question) for question in ("年假有几天？", "怎么报销？", "谁管门禁？")
    ]
    records_bulk(actor=reviewer, records=Record.objects.all(), action=BulkAction.APPROVE)
    assert curation_state(user=curator).approved_since == 3
    dataset_version_freeze(actor=trainer)
    assert curation_state(user=curator).approved_since == 0
    changed, archived, _same = [Record.objects.get(pk=each.pk) for each in records]
    record_update(actor=curator, record=changed, content={"output": "十五天。"}, revision=1)
    record_archive(actor=curator, record=archived)
    assert curation_state(user=curator).approved_since == 0
    changed.refresh_from_db()
    record_submit(actor=curator, record=changed)
    changed.refresh_from_db()
    record_approve(actor=reviewer, record=changed)
    assert curation_state(user=curator).approved_since == 1
    # Reopened as it was, it is what the version holds.
    archived.refresh_from_db()
    record_reopen(actor=curator, record=archived)
    records_bulk(
        actor=reviewer, records=Record.objects.filter(pk=archived.pk), action=BulkAction.APPROVE
    )
    assert curation_state(user=curator).approved_since == 1
    # What an earlier version holds does not matter, nor when it changed.
    dataset_version_freeze(actor=trainer)
    Record.objects.update(updated_at="2020-01-01T00:00Z")
    assert curation_state(user=curator).approved_since == 0
