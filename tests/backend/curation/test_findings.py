"""What is wrong with records, by themselves and with each other, when each is saved and in bulk."""

from collections.abc import Callable

import pytest
from django.db import connection, transaction

from backend.accounts.models import User
from backend.common.errors import Conflict
from backend.curation.content import content_check
from backend.curation.findings import sweep
from backend.curation.findings.summary import severity_counts
from backend.curation.findings.writing import PER_KIND, Checks, records_check
from backend.curation.models import Finding, Record
from backend.curation.services import (
    record_archive,
    record_create,
    record_delete,
    record_reopen,
    record_update,
    records_insert,
)
from tests.backend.conftest import Api, at_once

pytestmark = pytest.mark.django_db
As = Callable[[User | None], Api]
LEAVE = {"instruction": "年假有几天？", "output": "入职满一年后，每年有13天年假。"}


def write(actor: User, **content: object) -> Record:
    return record_create(actor=actor, content=LEAVE | content)


def codes(record: Record) -> list[str]:
    """As its list shows them, which has to be as its findings are."""
    record.refresh_from_db()
    stored = Finding.objects.filter(record=record, ignored_at=None)
    assert sorted(set(stored.values_list("code", flat=True))) == record.finding_codes
    worst = max(stored.values_list("severity", flat=True), default=0)
    assert record.worst_finding == worst
    assert sum(severity_counts(record).values()) == stored.count()
    return list(record.finding_codes)


def sweep_all() -> None:
    while sweep.findings_sweep():
        pass


def test_a_good_record_has_none(curator: User) -> None:
    assert codes(write(curator)) == []


def test_what_is_wrong_is_found_as_it_is_saved_and_gone_as_it_is_put_right(curator: User) -> None:
    record = write(curator, output="请致电13912345678，<b>张三</b>。")
    assert codes(record) == ["html", "phone"]
    assert severity_counts(record) == {"error": 0, "warning": 2, "info": 0}
    phone = record.findings.get(code="phone")
    assert (phone.field, phone.params) == ("output", {"found": ["139****78"], "count": 1})
    record = record_update(actor=curator, record=record, content={"output": "请致电前台。"})
    assert codes(record) == []


def test_the_same_twice_is_found_on_both_sides(curator: User) -> None:
    one = write(curator)
    other = write(curator, instruction=" 年假有几天? ", output="入职满一年后,每年有13天年假")
    assert codes(one) == ["duplicate"]
    assert codes(other) == ["duplicate", "untrimmed"]
    assert one.findings.get().other == other
    assert other.findings.get(code="duplicate").other == one


def test_two_answers_to_one_question_are_a_conflict_until_one_is_changed(curator: User) -> None:
    one = write(curator)
    other = write(curator, output="每年有20天年假。")
    assert codes(one) == codes(other) == ["conflict"]
    record_update(actor=curator, record=other, content={"instruction": "病假有几天？"})
    assert codes(one) == codes(other) == []


def test_answers_that_hold_at_different_times_are_no_conflict(curator: User) -> None:
    one = write(curator, valid_until="2025-12-31")
    other = write(curator, output="每年有20天年假。", valid_from="2026-01-01")
    assert codes(one) == codes(other) == []


def test_a_phrasing_that_another_record_asks_is_found(curator: User) -> None:
    one = write(curator, phrasings=["我能休多少天年假？"])
    other = write(curator, instruction="我能休多少天年假？", output="30天。")
    assert codes(one) == codes(other) == ["conflict"]


def test_nearly_the_same_question_is_found(curator: User) -> None:
    one = write(curator, instruction="员工入职满一年后每年的年假一共有几天？")
    other = write(curator, instruction="员工入职满一年后每年的年假总共有几天？")
    assert codes(one) == codes(other) == ["near_duplicate"]
    near = one.findings.get()
    assert (near.other, near.severity) == (other, Finding.Severity.INFO)
    assert 75 <= near.params["similarity"] < 100
    third = write(
        curator, instruction="员工入职满三年后每年的年假共有几天？", system="另一个助手。"
    )
    assert codes(third) == []


def test_what_is_tested_with_must_not_be_trained(curator: User) -> None:
    one = write(curator)
    golden = write(curator, golden=True)
    assert codes(one) == codes(golden) == ["golden_clash"]
    assert one.worst_finding == Finding.Severity.ERROR


def test_an_archived_record_has_nothing_with_others(curator: User) -> None:
    one, other = write(curator, output="满一年后13天，电话13912345678。"), write(curator)
    assert codes(one) == ["conflict", "phone"]
    record_archive(actor=curator, record=one)
    assert codes(one) == ["phone"]
    assert codes(other) == []
    one.refresh_from_db()
    record_reopen(actor=curator, record=one)
    assert codes(one) == ["conflict", "phone"]
    assert codes(other) == ["conflict"]


def test_a_deleted_record_leaves_nothing_with_others(
    curator: User, django_capture_on_commit_callbacks: Callable[..., object]
) -> None:
    one, other = write(curator), write(curator, output="20天。")
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
        record_delete(actor=curator, record=one)
    assert codes(other) == []


def test_the_worker_checks_what_was_written_in_bulk(curator: User) -> None:
    contents = [
        content_check(LEAVE | {"instruction": f"{place}的办公室在几楼？", "output": answer})
        for place, answer in (
            ("上海", "三楼。"),
            ("北京", "三楼。"),
            ("上海", "三楼"),
            ("深圳", "联系 wang.fang@abc.com.cn"),
        )
    ]
    records = records_insert(contents=contents, author=curator)
    assert [record.finding_codes for record in records] == [[], [], [], []]
    sweep_all()
    assert [codes(record) for record in records] == [["duplicate"], [], ["duplicate"], ["email"]]
    assert not Record.objects.exclude(checked_revision=1).exists()
    before = list(Finding.objects.values_list("pk", flat=True).order_by("pk"))
    Record.objects.update(checked_revision=0)
    sweep_all()
    assert list(Finding.objects.values_list("pk", flat=True).order_by("pk")) == before


def test_other_checks_have_everything_checked_again(curator: User) -> None:
    record = write(curator)
    sweep_all()
    checks = Checks.now()
    assert sweep.due_records(checks, without=set(), limit=9) == []
    other = Checks(checks.limits, checks.fingerprint + "x")
    assert sweep.due_records(other, without=set(), limit=9) == [record.pk]
    assert records_check([record.pk], other).checked == {record.pk}
    assert sweep.due_records(other, without=set(), limit=9) == []


def test_a_crowd_of_the_same_question_stays_bounded(curator: User) -> None:
    contents = [content_check(LEAVE | {"output": f"{number}天。"}) for number in range(60)]
    records_insert(contents=contents, author=curator)
    sweep_all()
    assert not Record.objects.exclude(finding_codes=["conflict"]).exists()
    assert Finding.objects.count() <= 2 * 60 * PER_KIND


@pytest.mark.django_db(transaction=True)
def test_what_somebody_is_changing_is_passed_over_and_stays_due(curator: User) -> None:
    one, other = records_insert(
        contents=[content_check(LEAVE), content_check(LEAVE | {"output": "20天。"})], author=curator
    )

    def hold_and(step: Callable[[], object]) -> None:
        """Take the step in another connection while this one holds ``other``."""
        with transaction.atomic():
            Record.objects.select_for_update().get(pk=other.pk)
            at_once(step, times=1)

    hold_and(sweep_all)
    assert codes(one) == codes(other) == []
    assert set(sweep.due_records(Checks.now(), without=set(), limit=9)) == {one.pk, other.pk}
    sweep_all()
    assert codes(one) == codes(other) == ["conflict"]
    assert sweep.due_records(Checks.now(), without=set(), limit=9) == []


@pytest.mark.django_db(transaction=True)
def test_two_people_and_the_worker_at_once_lose_nothing(curator: User) -> None:
    records = [write(curator, output=f"{number}天。") for number in range(6)]

    def edit_all() -> None:
        for record in records:
            seen = Record.objects.get(pk=record.pk)
            try:
                content = {"output": f"{seen.output}!"}
                record_update(actor=curator, record=seen, content=content)
            except Conflict:
                pass  # somebody else was faster
            sweep.findings_sweep()

    at_once(edit_all, times=4)
    sweep_all()
    for record in records:
        assert codes(record) == ["conflict"]
        assert record.findings.count() == 5
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM curation_record WHERE checked_revision <> revision")
        assert cursor.fetchone() == (0,)
