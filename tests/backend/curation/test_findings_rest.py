"""Findings over REST: reading, putting right, ignoring, filtering, counting."""

from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from backend.accounts.models import User
from backend.accounts.roles import Role
from backend.common.models import AuditEntry
from backend.curation.findings.selectors import findings_of_approved, findings_summary
from backend.curation.models import Record, Revision
from backend.curation.services import record_approve, record_create, record_update
from tests.backend.conftest import Api, Person

pytestmark = pytest.mark.django_db
As = Callable[[User | None], Api]
QUESTION = {"instruction": "谁能帮我？", "output": "请致电13912345678，<b>张三</b>。"}


def findings(caller: Api, record: Record) -> dict[str, Any]:
    answer = caller.get(f"/records/{record.pk}/findings")
    assert answer.status_code == 200, answer.content
    return {finding["code"]: finding for finding in answer.json()}


@pytest.fixture
def record(curator: User) -> Record:
    return record_create(actor=curator, content=QUESTION)


def test_findings_are_read_in_words(api: As, curator: User, record: Record) -> None:
    found = findings(api(curator), record)
    assert set(found) == {"html", "phone"}
    phone = found["phone"]
    assert (phone["severity"], phone["field"], phone["found"]) == (
        "warning",
        "output",
        ["139****78"],
    )
    assert phone["message"].endswith("may be somebody's own.")
    assert phone["fixes"] == [{"fix": "correct", "label": "Replace by [电话]"}]
    shown = api(curator).get(f"/records/{record.pk}").json()["findings"]
    assert shown == {"error": 0, "warning": 2, "info": 0}


def test_a_fix_is_an_edit_with_a_revision(api: As, curator: User, record: Record) -> None:
    caller = api(curator)
    phone = findings(caller, record)["phone"]
    path = f"/records/{record.pk}/findings/{phone['id']}/fix"
    assert caller.post(path, {"revision": 7}).status_code == 409
    assert caller.post(path, {"fix": "archive"}).status_code == 400
    assert caller.post(path, {"fix": "nonsense"}).status_code == 400
    answer = caller.post(path, {"revision": 1})
    assert answer.status_code == 200, answer.content
    assert answer.json()["output"] == "请致电[电话]，<b>张三</b>。"
    assert answer.json()["findings"]["warning"] == 1
    assert Revision.objects.get(record=record, number=2).author == curator
    assert caller.post(path, {}).status_code == 404


def test_what_is_ignored_counts_no_more_until_the_field_changes(
    api: As, curator: User, record: Record
) -> None:
    caller = api(curator)
    html = findings(caller, record)["html"]
    path = f"/records/{record.pk}/findings/{html['id']}/ignore"
    answer = caller.post(path)
    assert answer.status_code == 200, answer.content
    assert answer.json()["ignored_by"]["name"] == "王芳"
    assert answer.json()["ignored_at"]
    assert caller.post(path).status_code == 409
    assert AuditEntry.objects.get(action="finding.ignore").actor == curator
    record.refresh_from_db()
    assert record.finding_codes == ["phone"]
    record_update(actor=curator, record=record, content={"tags": ["help"]})
    record.refresh_from_db()
    assert record.finding_codes == ["phone"]
    record_update(actor=curator, record=record, content={"output": "<b>张三</b>"})
    record.refresh_from_db()
    assert record.finding_codes == ["html"]


def test_ignoring_can_be_taken_back(api: As, curator: User, record: Record) -> None:
    caller = api(curator)
    path = f"/records/{record.pk}/findings/{findings(caller, record)['html']['id']}/ignore"
    assert caller.post(path, {"ignored": "perhaps"}).status_code == 400
    caller.post(path)
    assert caller.post(path, {"ignored": False}).json()["ignored_at"] is None
    record.refresh_from_db()
    assert record.finding_codes == ["html", "phone"]


def test_a_duplicate_is_merged_or_archived(api: As, curator: User) -> None:
    caller = api(curator)
    answer = {"output": "有的，在三楼。"}
    one, other = (
        record_create(actor=curator, content=answer | {"instruction": wording})
        for wording in ("公司总部有没有员工食堂？", "公司总部有没有员工食堂呢？")
    )
    near = findings(caller, other)["near_duplicate"]
    assert [fix["fix"] for fix in near["fixes"]] == ["merge", "archive"]
    answer_ = caller.post(f"/records/{other.pk}/findings/{near['id']}/fix")
    assert answer_.json()["status"] == "archived", answer_.content
    one.refresh_from_db()
    assert one.phrasings == ["公司总部有没有员工食堂呢？"]
    assert one.finding_codes == []


def test_lists_are_filtered(api: As, curator: User, record: Record) -> None:
    good = record_create(actor=curator, content={"instruction": "几点上班？", "output": "九点。"})
    caller = api(curator)

    def listed(**params: str) -> list[str]:
        return [row["id"] for row in caller.get("/records", **params).json()["results"]]

    assert listed(finding="phone") == listed(severity="warning") == [str(record.pk)]
    assert listed(severity="none") == [str(good.pk)]
    assert listed(severity="error") == []
    assert caller.get("/records", finding="nonsense").status_code == 400
    assert caller.get("/records", severity="4").status_code == 400


def test_the_summary_counts_approved_records(
    api: As,
    curator: User,
    reviewer: User,
    record: Record,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    caller = api(reviewer)
    assert caller.get("/findings/summary").json()["code"] == {}
    record_approve(actor=reviewer, record=record)
    assert caller.get("/findings/summary").json() == {
        "severity": {"error": 0, "warning": 1, "info": 0},
        "code": {"html": 1, "phone": 1},
        "unchecked": 1,
    }
    assert findings_summary(user=reviewer).severity["warning"] == 1
    with django_assert_max_num_queries(1):
        counted = findings_of_approved()
    assert counted == {"html": 1, "phone": 1}


def test_lengths_are_counted_or_said_to_be_unknown(api: As, curator: User) -> None:
    answer = api(curator).post("/records/length", {"instruction": "几点上班？", "output": ""})
    assert answer.status_code == 200, answer.content
    assert set(answer.json()) == {
        "model",
        "question",
        "answer",
        "total",
        "limit",
        "answer_limit",
    }
    assert api(curator).post("/records/length", {"output": 5, "phrasings": "x"}).status_code == 400
    assert api(curator).post("/records/length", []).status_code == 400


@pytest.mark.parametrize("role", list(Role))
def test_each_role_may_what_it_may(api: As, person: Person, record: Record, role: Role) -> None:
    caller = api(person("somebody", role))
    reads = role is not Role.EMPLOYEE
    writes = role in {Role.CURATOR, Role.REVIEWER, Role.ADMINISTRATOR}
    assert caller.get(f"/records/{record.pk}/findings").status_code == (200 if reads else 403)
    assert caller.get("/findings/summary").status_code == (200 if reads else 403)
    assert caller.post("/records/length", {}).status_code == (200 if reads else 403)
    html = record.findings.get(code="html")
    path = f"/records/{record.pk}/findings/{html.pk}"
    assert caller.post(f"{path}/ignore").status_code == (200 if writes else 403)
    assert caller.post(f"{path}/fix").status_code == (200 if writes else 403)


def test_nobody_else_gets_anything(api: As, record: Record) -> None:
    html = record.findings.get(code="html")
    for path in (f"/records/{record.pk}/findings", "/findings/summary"):
        assert api(None).get(path).status_code in {401, 403}
    for step in ("fix", "ignore"):
        path = f"/records/{record.pk}/findings/{html.pk}/{step}"
        assert api(None).post(path).status_code in {401, 403}
