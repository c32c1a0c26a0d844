"""A real worker does a job that was asked for over the broker."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from backend.accounts.roles import Role
from backend.accounts.services import person_create
from backend.common.models import Job
from backend.config import env
from backend.curation import uploads
from backend.curation.import_jobs import import_start
from backend.curation.models import Record
from tests.services import end_with_parent

ROOT = Path(__file__).parents[2]


@pytest.fixture
def worker(transactional_db: None) -> Iterator[None]:
    options = "-Q knowledge -n worker@%h --concurrency=2 --without-gossip --without-mingle"
    database = connection.get_connection_params()
    url = (
        f"postgres://{database['user']}:{database['password']}"
        f"@{database['host']}:{database['port']}/{database['dbname']}"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "backend.config.celery", "worker", *options.split()],
        cwd=ROOT,
        env=env.for_own_process({"DATABASE_URL": url}),
        preexec_fn=end_with_parent(),
    )
    yield
    process.terminate()
    process.wait(timeout=30)


@pytest.mark.django_db(transaction=True)
def test_a_worker_imports_a_file(worker: None) -> None:
    curator = person_create(username="li", password="a-Long-enough-1", role=Role.CURATOR)
    rows = [{"instruction": f"Question {n}?", "output": "x"} for n in range(2500)]
    upload = "0" * 32
    (uploads.folder() / upload).write_text(json.dumps(rows), encoding="utf-8")
    job = import_start(
        actor=curator,
        upload=upload,
        filename="rows.json",
        options={},
        placeholders={},
        dry_run=False,
    )
    give_up_at = time.monotonic() + 90
    while not job.has_ended and time.monotonic() < give_up_at:
        time.sleep(0.2)
        job.refresh_from_db()
    assert (job.state, job.error) == (Job.State.SUCCEEDED, None)
    assert Record.objects.count() == 2500
    # The file goes after the job's end is written.
    file = settings.DATA_DIR / "imports" / upload
    while file.exists() and time.monotonic() < give_up_at:
        time.sleep(0.05)
    assert not file.exists()
