"""What a new run may choose: an adapter to go on from, settings that fit, a general mix."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from backend.accounts.models import User
from backend.assistants.models import Assistant
from backend.common.errors import Invalid
from backend.curation.models import DatasetVersion
from backend.training import launch, tasks
from backend.training.models import Adapter, TrainingRun
from tests.backend.conftest import Api

pytestmark = pytest.mark.django_db
As = Callable[[User | None], Api]
MakeRun = Callable[..., TrainingRun]


@pytest.fixture(autouse=True)
def nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "_send", lambda *_, **__: None)


@pytest.fixture
def parent(make_run: MakeRun, data_dir: Path) -> Adapter:
    """Of a run before there was rsLoRA, with its weights."""
    settings = {"lora_rank": 8, "lora_alpha": 32, "lora_targets": ["mlp"], "lora_layer_share": 0.5}
    run = make_run(state="succeeded", settings=settings)
    folder = data_dir / "adapters" / "1"
    folder.mkdir(parents=True)
    (folder / "adapter_model.safetensors").write_bytes(b"weights")
    return Adapter.objects.create(
        name="abc-run-1",
        run=run,
        assistant=run.assistant,
        base_model=run.base_model,
        path="adapters/1",
    )


def start(api: Api, version: DatasetVersion, **body: object) -> Any:
    return api.post("/training-runs", {"dataset_version": str(version.pk), **body})


def test_a_run_goes_on_from_an_adapter_in_its_shape(
    api: As, trainer: User, version: DatasetVersion, parent: Adapter
) -> None:
    answer = start(api(trainer), version, parent=str(parent.pk))

    assert answer.status_code == 201, answer.content
    body = answer.json()
    assert body["parent"] == {"id": str(parent.pk), "name": "abc-run-1"}
    assert body["base_model"] == parent.base_model
    shape = {"lora_rank": 8, "lora_targets": ["mlp"], "lora_layer_share": 0.5, "use_rslora": False}
    assert body["settings"].items() >= shape.items()
    run = TrainingRun.objects.get(pk=body["id"])
    launch.prepare(run)
    config = json.loads((run.folder / "run.json").read_text("utf-8"))
    assert config["parent_adapter"] == str(parent.folder)
    assert config["general_file"] is None


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"settings": {"lora_rank": 16}}, 400, "settings_invalid"),
        ({"settings": {"use_rslora": True}}, 400, "settings_invalid"),
        ({"base_model": "org/other"}, 400, "parent_differs"),
        ({"parent": str(uuid4())}, 404, None),
        ({"parent": "no id"}, 400, None),
    ],
)
def test_what_does_not_fit_the_parent_is_refused(
    api: As,
    trainer: User,
    version: DatasetVersion,
    parent: Adapter,
    body: dict[str, Any],
    status: int,
    code: str | None,
) -> None:
    answer = start(api(trainer), version, **{"parent": str(parent.pk), **body})

    assert answer.status_code == status, answer.content
    assert code in {None, answer.json()["error"]["code"]}
    assert TrainingRun.objects.count() == 1


def test_a_parent_whose_weights_are_elsewhere_fails_the_start(
    make_run: MakeRun, parent: Adapter
) -> None:
    (parent.folder / "adapter_model.safetensors").unlink()

    with pytest.raises(Invalid) as refused:
        launch.prepare(make_run(parent=parent))

    assert refused.value.code == "parent_missing"


@pytest.mark.parametrize("name", ["keep_best", "early_stopping_patience", "use_dora"])
def test_settings_that_cannot_work_together_are_told_with_their_field(
    api: As, trainer: User, assistant: Assistant, version: DatasetVersion, name: str
) -> None:
    """The version holds no validation records."""
    chosen = {name: 3 if name == "early_stopping_patience" else True}
    answer = start(api(trainer), version, settings=chosen)

    assert answer.status_code == 400, answer.content
    assert list(answer.json()["error"]["details"]["settings"]) == [name]
    assert not TrainingRun.objects.exists()


def test_the_form_says_what_is_not_to_be_had(
    api: As, trainer: User, assistant: Assistant, version: DatasetVersion
) -> None:
    shown = api(trainer).get("/training-runs/defaults", dataset_version=version.pk).json()

    unavailable = {field["name"] for field in shown["fields"] if field["unavailable"]}
    assert unavailable == {"use_dora"}
    for preset in shown["presets"]:
        answer = start(api(trainer), version, settings=preset["settings"])
        assert answer.status_code == 201, (preset["name"], answer.content)


def general_of(run: TrainingRun) -> list[str]:
    launch.prepare(run)
    config = json.loads((run.folder / "run.json").read_text("utf-8"))
    lines = Path(config["general_file"]).read_text("utf-8").splitlines()
    return [json.loads(line)["messages"][0]["content"] for line in lines]


def test_general_examples_are_the_committed_ones_or_the_installations_own(
    make_run: MakeRun, data_dir: Path
) -> None:
    run = make_run(settings={"general_share": 0.1})
    assert len(general_of(run)) == 60

    own = {"instruction": "Our motto?", "output": "Onwards."}
    (data_dir / "general.jsonl").write_text(json.dumps(own) + "\n", encoding="utf-8")
    assert general_of(run) == ["Our motto?"]

    (data_dir / "general.jsonl").write_bytes(b"\x00\xff")
    with pytest.raises(Invalid) as refused:
        launch.prepare(run)
    assert refused.value.code == "general_unreadable"
