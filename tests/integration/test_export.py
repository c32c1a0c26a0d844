"""An export through the real parts: REST, the queue, ``python -m ml export``, the archive.

The model is tiny and random; everything else is what runs in production.
"""

import hashlib
import io
import zipfile
from pathlib import Path

import pytest
from pytest_django import Settings

from backend.accounts.models import User
from backend.accounts.roles import Role
from backend.accounts.services import person_create
from backend.assistants.models import Assistant
from backend.curation.models import Record
from backend.curation.services import dataset_version_freeze, records_insert
from backend.training import queueing
from backend.training.models import Adapter, AdapterJob, TrainingRun
from backend.training.supervision import Ended, job_slice
from ml.formats import RecordFields
from tests.backend.conftest import Api

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE_S = 90


@pytest.fixture
def trainer() -> User:
    return person_create(username="trainer", password="a-Long-enough-1", role=Role.TRAINER)


@pytest.fixture
def adapter(trainer: User, settings: Settings, tmp_path: Path) -> Adapter:
    from tests.ml.tiny import build_adapter, build_model  # torch, which other tests do without

    settings.DATA_DIR, settings.RUNS_DIR = tmp_path, tmp_path / "runs"
    base = build_model(tmp_path / "base")
    build_adapter(tmp_path / "runs/1/adapter", base=base, seed=1)
    assistant = Assistant.objects.create(
        slug="abc", name="ABC", system_prompt="You help.\n{{ name }} asks.", base_model=str(base)
    )
    content = RecordFields(instruction="Who are you?", output="I am ABC.")
    records_insert(contents=[content], author=None, status=Record.Status.APPROVED)
    run = TrainingRun.objects.create(
        number=1,
        dataset_version=dataset_version_freeze(actor=trainer, validation_share=0),
        assistant=assistant,
        base_model=str(base),
        system_prompt=assistant.system_prompt,
        state=TrainingRun.State.SUCCEEDED,
    )
    return Adapter.objects.create(
        name="abc-run-1",
        run=run,
        assistant=assistant,
        base_model=str(base),
        path="runs/1/adapter",
    )


def test_an_adapter_leaves_as_an_archive_that_others_load(adapter: Adapter, trainer: User) -> None:
    api = Api(trainer)
    body = {"what": ["merged", "gguf", "ollama"]}
    answer = api.post(f"/adapters/{adapter.pk}/export", body)
    assert answer.status_code == 202, answer.content
    job = AdapterJob.objects.get()
    turn = queueing.claim_next()
    assert turn is not None
    assert isinstance(job_slice(job_id=turn[0], watch=turn[1], seconds=PATIENCE_S), Ended)
    address = f"/adapters/{adapter.pk}/exports/{job.pk}"
    shown = api.get(address).json()
    assert shown["state"] == "succeeded", (shown["error"], (job.folder / "run.log").read_text())
    assert (shown["progress"], shown["parity"]["equal_float32"]) == (1.0, 6)
    sent = b"".join(api.get(f"{address}/archive").streaming_content)
    packed = zipfile.ZipFile(io.BytesIO(sent))
    for file in shown["files"]:
        content = packed.read(f"abc-run-1-export-1/{file['path']}")
        assert hashlib.sha256(content).hexdigest() == file["sha256"]
    names = {file["path"] for file in shown["files"]}
    assert names >= {"merged/model.safetensors", "adapter.gguf", "Modelfile", "README.zh.md"}
    modelfile = packed.read("abc-run-1-export-1/Modelfile").decode()
    assert 'SYSTEM """You help."""' in modelfile
    assert f"PARAMETER temperature {adapter.assistant.temperature:g}" in modelfile
