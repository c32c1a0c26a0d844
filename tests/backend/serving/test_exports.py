"""Exports of an adapter over HTTP: who may, what is told, what is sent, what is freed."""

import hashlib
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries, Settings

from backend.accounts.models import User
from backend.common.errors import NotFound
from backend.common.models import AuditEntry
from backend.serving import archive, exports
from backend.training.models import Adapter, AdapterJob, TrainingRun
from ml.export import parts
from tests.backend.conftest import Api

pytestmark = pytest.mark.django_db
As = Callable[[User | None], Api]
MakeAdapter = Callable[..., Adapter]
Finish = Callable[..., AdapterJob]
State = AdapterJob.State
FILES = {"README.md": "说明".encode(), "merged/model.safetensors": b"weights" * 500}
PARITY = {
    "weights": "bfloat16",
    "computed_in": "float32",
    "questions": 1,
    "equal_float32": 1,
    "equal_rounded": 0,
    "float32": [],
    "rounded": [
        {
            "question": "你是谁?",
            "adapter": "我是 ABC。",
            "merged": "我是 AB。",
            "equal": False,
            "first_difference": 3,
            "adapter_token": "C",
            "merged_token": "。",
        }
    ],
}


@pytest.fixture(autouse=True)
def runs_dir(settings: Settings, tmp_path: Path) -> Path:
    settings.RUNS_DIR = tmp_path / "runs"
    return tmp_path / "runs"


@pytest.fixture
def adapter(make_adapter: MakeAdapter) -> Adapter:
    return make_adapter(1)


@pytest.fixture
def finished(api: As, adapter: Adapter, trainer: User) -> Finish:
    """An export that a trainer asked for, with what its process left."""

    def make(**result: Any) -> AdapterJob:
        answer = api(trainer).post(f"/adapters/{adapter.pk}/export", {"what": ["merged"]})
        job = AdapterJob.objects.get(pk=answer.json()["id"])
        for name, content in FILES.items():
            path = job.folder / "export" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        told = [
            {"path": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in FILES.items()
        ]
        job.state = State.SUCCEEDED
        job.result = {"files": told, "parity": PARITY, "folder": str(job.folder), **result}
        job.save()
        return job

    return make


def address(job: AdapterJob, end: str = "") -> str:
    return f"/adapters/{job.adapter_id}/exports/{job.pk}{end}"


def test_who_may_export_asks_for_it_and_the_process_is_told_what(
    api: As, adapter: Adapter, approver: User
) -> None:
    path = f"/adapters/{adapter.pk}/export"
    answer = api(approver).post(path, {"what": ["ollama", "merged", "merged"]})
    assert answer.status_code == 202, answer.json()
    shown = answer.json()
    assert (shown["state"], shown["what"], shown["bytes"]) == ("queued", ["merged", "ollama"], 0)
    job = AdapterJob.objects.get()
    assert (job.kind, job.started_by) == ("export", approver)
    assert job.request == {
        "what": ["merged", "ollama"],
        "name": adapter.name,
        "temperature": adapter.assistant.temperature,
    }
    again = api(approver).post(path, {"what": ["gguf"]})
    assert (again.status_code, again.json()["error"]["code"]) == (409, "already_under_way")


@pytest.mark.parametrize(
    "body",
    [{"what": None}, {"what": []}, {"what": ["ollama"]}, {"what": ["exe"]}, {"what": "gguf"}, []],
)
def test_what_cannot_be_exported_is_refused(
    body: Any, api: As, adapter: Adapter, trainer: User
) -> None:
    answer = api(trainer).post(f"/adapters/{adapter.pk}/export", body)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]
    assert not AdapterJob.objects.exists()


def test_the_merged_model_is_what_is_meant_without_a_word(
    api: As, adapter: Adapter, trainer: User
) -> None:
    answer = api(trainer).post(f"/adapters/{adapter.pk}/export")
    assert (answer.status_code, answer.json()["what"]) == (202, ["merged"])


def test_others_neither_export_nor_see_or_take_exports(
    api: As, finished: Finish, curator: User, reviewer: User, employee: User
) -> None:
    job = finished()
    for user, status in ((curator, 403), (reviewer, 403), (employee, 403), (None, 401)):
        client = api(user)
        answers = [
            client.post(f"/adapters/{job.adapter_id}/export", {"what": ["gguf"]}),
            client.get(f"/adapters/{job.adapter_id}/exports"),
            client.get(address(job)),
            client.get(address(job, "/archive")),
            client.post(address(job, "/stop")),
            client.delete(address(job)),
        ]
        assert {answer.status_code for answer in answers} <= {status, 401}, user
    assert AdapterJob.objects.count() == 1


def test_the_list_tells_size_files_and_parity_in_few_queries(
    api: As, finished: Finish, trainer: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    job = finished()
    finished()
    client = api(trainer)
    with django_assert_max_num_queries(8):
        shown = client.get(f"/adapters/{job.adapter_id}/exports").json()["results"]
    assert [row["number"] for row in shown] == [2, 1]
    assert shown[0]["bytes"] == sum(map(len, FILES.values()))
    assert [file["path"] for file in shown[0]["files"]] == list(FILES)
    assert shown[0]["parity"]["rounded"][0]["merged_token"] == "。"
    assert shown[0]["started_by"]["name"] == "trainer"


def test_an_export_of_another_adapter_is_not_found_under_this_one(
    api: As, finished: Finish, trainer: User
) -> None:
    job = finished()
    second = Adapter.objects.create(
        name="second",
        run=TrainingRun.objects.create(
            number=9,
            dataset_version=job.adapter.run.dataset_version,
            assistant=job.adapter.assistant,
            base_model="x",
            state=State.SUCCEEDED,
        ),
        assistant=job.adapter.assistant,
        base_model="x",
        path="x",
    )
    assert api(trainer).get(f"/adapters/{second.pk}/exports/{job.pk}").status_code == 404
    assert api(trainer).get(address(job)).status_code == 200


def test_the_archive_holds_every_file_as_it_was_written(
    api: As, finished: Finish, trainer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "PIECE", 100)
    job = finished()
    answer = api(trainer).get(address(job, "/archive"))
    assert answer.status_code == 200
    name = f"{job.adapter.name}-export-1"
    assert answer["Content-Disposition"] == f'attachment; filename="{name}.zip"'
    pieces = list(answer.streaming_content)
    assert max(map(len, pieces)) < 1000, "it is sent in pieces, never as a whole"
    packed = zipfile.ZipFile(io.BytesIO(b"".join(pieces)))
    assert packed.testzip() is None
    assert {entry.filename: packed.read(entry) for entry in packed.infolist()} == {
        f"{name}/{path}": content for path, content in FILES.items()
    }
    assert {entry.compress_type for entry in packed.infolist()} == {zipfile.ZIP_STORED}


def test_nothing_outside_the_export_is_ever_sent(
    api: As, finished: Finish, trainer: User, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    for path in ("../../../secret.txt", str(secret)):
        job = finished(files=[{"path": path, "bytes": 6, "sha256": ""}])
        answer = api(trainer).get(address(job, "/archive"))
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "files_gone")
    job = finished()
    (job.folder / "export" / "README.md").unlink()
    (job.folder / "export" / "README.md").symlink_to(secret)
    with pytest.raises(NotFound):
        exports.export_files(export=job)


def test_an_unfinished_export_is_neither_sent_nor_deleted_but_stopped(
    api: As, adapter: Adapter, trainer: User
) -> None:
    client = api(trainer)
    client.post(f"/adapters/{adapter.pk}/export", {"what": ["gguf"]})
    job = AdapterJob.objects.get()
    for answer in (client.get(address(job, "/archive")), client.delete(address(job))):
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not_finished")
    assert client.post(address(job, "/stop")).json()["state"] == "stopped"
    assert client.delete(address(job)).status_code == 204


@pytest.mark.django_db(transaction=True)
def test_deleting_frees_the_files_and_is_noted(api: As, finished: Finish, trainer: User) -> None:
    job = finished()
    assert job.folder.is_dir()
    assert api(trainer).delete(address(job)).status_code == 204
    assert not job.folder.exists()
    assert not AdapterJob.objects.exists()
    assert AuditEntry.objects.filter(action="adapter.export.delete", data__number=1).exists()
    assert api(trainer).delete(address(job)).status_code == 404


def test_the_process_is_translated_sentence_by_sentence(
    api: As, finished: Finish, trainer: User
) -> None:
    spoken = {parts.NOTHING, parts.UNKNOWN, parts.OLLAMA_NEEDS_WEIGHTS, *parts.ADVICE.values()}
    assert set(exports.SENTENCES) == spoken
    job = finished()
    job.advice = parts.ADVICE["gguf_impossible"]
    job.error = {"code": "gguf_impossible", "message": "No GGUF can be made of it."}
    job.save()
    client = api(trainer)
    shown = client.client.get(
        f"/api/v1{address(job)}", headers={"accept-language": "zh-hans"}
    ).json()
    assert shown["error"]["code"] == "gguf_impossible"
    assert "GGUF" in shown["advice"]
    assert shown["advice"] != job.advice
