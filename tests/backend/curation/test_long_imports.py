"""Imports by the worker: told truthfully, cancelled without a trace, done once."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from pytest_django import Settings

from backend.accounts.models import User
from backend.common import job_runs, jobs
from backend.common.models import Job
from backend.curation import import_jobs, uploads
from backend.curation.models import Record, Revision
from backend.curation.services import imports, records_insert
from ml.formats import ParsedRow, RecordFields
from tests.backend.conftest import Api, at_once

pytestmark = pytest.mark.django_db(transaction=True)
As = Callable[[User | None], Api]


@pytest.fixture(autouse=True)
def small_files_are_large(settings: Settings) -> None:
    settings.IMPORT_AT_ONCE_ROWS = 3


def rows(number: int) -> list[dict[str, Any]]:
    return [{"instruction": f"Question {n}?", "output": f"Answer {n}."} for n in range(number)]


def upload(api: As, user: User | None, number: int = 10, **fields: Any) -> Any:
    file = SimpleUploadedFile("rows.json", json.dumps(rows(number)).encode())
    return api(user).upload("/records/import", file=file, **fields)


def started(api: As, user: User, number: int = 10, **fields: Any) -> str:
    answer = upload(api, user, number, **fields)
    assert answer.status_code == 202, answer.content
    assert answer.json()["counts"] is None
    return str(answer.json()["task"])


@pytest.fixture(autouse=True)
def nothing_uploaded_before() -> None:
    """Other tests of this run use the same folder."""
    for path in uploads.folder().iterdir():
        path.unlink()


def kept_files() -> list[str]:
    return [path.name for path in uploads.folder().iterdir()]


def test_a_large_file_is_imported_by_the_worker(api: As, curator: User) -> None:
    task = started(api, curator)
    assert api(curator).get(f"/tasks/{task}").json()["state"] == "queued"
    assert not Record.objects.exists()
    job_runs.job_run(job_id=task)
    shown = api(curator).get(f"/tasks/{task}").json()
    assert (shown["state"], shown["error"]) == ("succeeded", None)
    assert shown["result"]["counts"] == {"new": 10, "duplicate": 0, "conflict": 0, "invalid": 0}
    assert Record.objects.count() == Revision.objects.count() == 10
    assert Record.objects.filter(source_detail="rows.json, row 7", author=curator).exists()
    assert kept_files() == []


def test_a_message_that_comes_twice_changes_nothing(api: As, curator: User) -> None:
    task = started(api, curator)
    at_once(lambda: job_runs.job_run(job_id=task))
    job_runs.job_run(job_id=task)
    assert Record.objects.count() == 10
    assert Job.objects.get(pk=task).attempt == 1


def test_a_dry_run_by_the_worker_stores_nothing_and_says_the_same(api: As, curator: User) -> None:
    dry, real = started(api, curator, dry_run="true"), started(api, curator)
    job_runs.job_run(job_id=dry)
    assert not Record.objects.exists()
    job_runs.job_run(job_id=real)
    results = [Job.objects.get(pk=pk).result or {} for pk in (dry, real)]
    assert results[0]["counts"] == results[1]["counts"]
    assert results[0]["rows"] == results[1]["rows"]


def test_importing_again_changes_nothing(api: As, curator: User) -> None:
    for expected in ((10, 0), (0, 10)):
        task = started(api, curator)
        job_runs.job_run(job_id=task)
        counts = api(curator).get(f"/tasks/{task}").json()["result"]["counts"]
        assert (counts["new"], counts["duplicate"]) == expected
    assert Record.objects.count() == 10


def test_cancelled_while_it_waits(api: As, curator: User) -> None:
    task = started(api, curator)
    assert api(curator).post(f"/tasks/{task}/cancel").json()["state"] == "cancelled"
    job_runs.job_run(job_id=task)
    assert not Record.objects.exists()
    assert api(curator).post(f"/tasks/{task}/cancel").json()["state"] == "cancelled"
    assert kept_files() == []


def test_cancelled_in_the_middle_leaves_nothing_and_says_so(
    api: As, curator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = started(api, curator)
    real = records_insert

    def cancelled_meanwhile(**given: Any) -> Any:
        made = real(**given)
        # As another process would, before this one has committed.
        at_once(lambda: jobs.job_cancel(job=Job.objects.get(pk=task)), times=1)
        return made

    monkeypatch.setattr(imports, "records_insert", cancelled_meanwhile)
    job_runs.job_run(job_id=task)
    assert Job.objects.get(pk=task).state == "cancelled"
    assert not Record.objects.exists()
    assert not Revision.objects.exists()


def test_a_job_whose_worker_was_killed_fails_truthfully_and_can_be_started_again(
    api: As, curator: User
) -> None:
    task = started(api, curator)
    job = job_runs.job_claim(job_id=task)
    assert job is not None
    Job.objects.update(heartbeat_at=timezone.now() - timedelta(seconds=61))
    job_runs.jobs_reap()
    shown = api(curator).get(f"/tasks/{task}").json()
    assert (shown["state"], shown["error"]["code"]) == ("failed", "worker_lost")
    assert shown["restartable"]
    assert api(curator).post(f"/tasks/{task}/cancel").status_code == 409
    assert api(curator).post(f"/tasks/{task}/restart").json()["state"] == "queued"
    # The old worker was only slow: nothing that it does counts any more.
    with job_runs.SignsOfLife(job) as signs:
        job_runs._do(job, signs)
    assert not Record.objects.exists()
    assert Job.objects.get(pk=task).state == "queued"
    job_runs.job_run(job_id=task)
    assert Record.objects.count() == 10
    assert api(curator).post(f"/tasks/{task}/restart").status_code == 409


def test_signs_of_life_come_from_outside_the_transaction(
    api: As, curator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_runs, "BEAT_S", 0.01)
    job = job_runs.job_claim(job_id=started(api, curator))
    assert job is not None
    with job_runs.SignsOfLife(job) as signs:
        signs(5, 10)
        signs._show()
        assert Job.objects.get(pk=job.pk).progress == {"done": 5, "total": 10}
        jobs.job_cancel(job=job)
        signs._show()
        with pytest.raises(job_runs.Stopped):
            signs(6, 10)


def test_one_runs_at_a_time(api: As, curator: User) -> None:
    first, second = started(api, curator), started(api, curator)
    assert job_runs.job_claim(job_id=first) is not None
    assert job_runs.job_claim(job_id=second) is None
    assert Job.objects.get(pk=second).state == "queued"
    assert upload(api, curator, 2).status_code == 202  # it would only wait


def test_a_fault_is_said_and_leaves_nothing(
    api: As, curator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(**_given: object) -> None:
        raise RuntimeError("the disk is gone")

    monkeypatch.setattr(imports, "audit_write", fails)
    task = started(api, curator)
    with pytest.raises(RuntimeError):
        job_runs.job_run(job_id=task)
    job = Job.objects.get(pk=task)
    assert job.error is not None
    assert (job.state, job.error["code"]) == ("failed", "internal_error")
    assert not Record.objects.exists()


def test_whose_role_was_taken_away_meanwhile_imports_nothing(api: As, curator: User) -> None:
    task = started(api, curator)
    curator.groups.clear()
    job_runs.job_run(job_id=task)
    job = Job.objects.get(pk=task)
    assert job.error is not None
    assert (job.state, job.error["code"]) == ("failed", "not_allowed")
    assert not Record.objects.exists()


def test_only_the_owner_and_administrators_see_and_cancel(
    api: As, curator: User, reviewer: User, employee: User, trainer: User, admin: User
) -> None:
    task = started(api, curator)
    for user, expected in ((None, 401), (reviewer, 404), (employee, 404), (trainer, 404)):
        assert api(user).get(f"/tasks/{task}").status_code == expected
        assert api(user).post(f"/tasks/{task}/cancel").status_code == expected
        assert api(user).post(f"/tasks/{task}/restart").status_code == expected
    assert Job.objects.get(pk=task).state == "queued"
    assert api(admin).get(f"/tasks/{task}").status_code == 200
    assert api(admin).post(f"/tasks/{task}/cancel").json()["state"] == "cancelled"


def test_who_may_have_large_files_imported(
    api: As, employee: User, trainer: User, approver: User, reviewer: User, admin: User
) -> None:
    for user, expected in (
        (None, 401),
        (employee, 403),
        (trainer, 403),
        (approver, 403),
        (reviewer, 202),
        (admin, 202),
    ):
        assert upload(api, user).status_code == expected
    assert Job.objects.count() == len(kept_files()) == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("format", "parquet"),
        ("encoding", "latin-9"),
        ("delimiter", "x"),
        ("header", "none"),
        ("header", "0"),
        ("columns", "[1]"),
        ("columns", '{"a": "nothing of ours"}'),
        ("columns", "{"),
        ("placeholders", '{"name": 1}'),
    ],
)
def test_a_wrong_option_is_named(api: As, curator: User, name: str, value: str) -> None:
    answer = upload(api, curator, 2, **{name: value})
    assert answer.status_code == 400, answer.content
    assert name in answer.json()["error"]["details"]
    assert kept_files() == []


def test_rows_are_taken_one_chunk_at_a_time(curator: User) -> None:
    """Whatever has been read and is not stored yet is never more than a chunk."""
    read = stored = most = 0

    def endless() -> Iterator[ParsedRow]:
        nonlocal read, most
        for number in range(1, 3 * imports.CHUNK + 2):
            read += 1
            most = max(most, read - stored)
            fields = RecordFields(instruction=f"Question {number}?", output="x")
            yield ParsedRow(number, fields=fields)

    def progress(done: int, total: int | None = None) -> None:
        nonlocal stored
        stored = done

    result = imports.rows_import(
        actor=curator, rows=endless(), progress=progress, wanted=import_jobs.WANTED
    )
    assert most <= imports.CHUNK
    assert result.counts["new"] == Record.objects.count() == 3 * imports.CHUNK + 1
    assert len(result.rows) == import_jobs.WANTED.new_rows


def test_rows_are_compared_over_all_chunks(curator: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "CHUNK", 2)
    said = [("a?", "1"), ("b?", "1"), ("a?", "1"), ("c?", "1"), ("b?", "2")]
    given = [
        ParsedRow(n, fields=RecordFields(instruction=question, output=answer))
        for n, (question, answer) in enumerate(said, start=1)
    ]
    for dry_run in (True, False):
        result = imports.rows_import(actor=curator, rows=given, dry_run=dry_run)
        assert [(row.outcome.value, row.reason) for row in result.rows] == [
            ("new", ""),
            ("new", ""),
            ("duplicate", "Row 1 says the same."),
            ("new", ""),
            ("conflict", "Row 2 answers the same question differently."),
        ]


def test_files_that_nobody_came_back_for_are_removed(
    api: As, curator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    started(api, curator)
    (uploads.folder() / ("0" * 32)).touch()
    monkeypatch.setattr(uploads, "KEPT_S", -1)
    uploads.uploads_clean()
    assert len(kept_files()) == 1


@pytest.fixture(autouse=True)
def no_files_left() -> Iterator[None]:
    yield
    for path in uploads.folder().iterdir():
        path.unlink()
