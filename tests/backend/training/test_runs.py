"""Training runs over REST: started with care, stopped, resumed, read by those who may."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks, Settings

from backend.accounts.models import Department, User
from backend.assistants.models import Assistant
from backend.common.models import AuditEntry
from backend.curation.models import DatasetVersion
from backend.curation.selectors import approved_wordings
from backend.training import tasks
from backend.training.models import Adapter, RunMetric, TrainingRun
from tests.backend.conftest import Api

pytestmark = pytest.mark.django_db
As = Callable[[User | None], Api]
MakeRun = Callable[..., TrainingRun]
State = TrainingRun.State


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Queues that a message was sent to, instead of sending it."""
    sent: list[str] = []
    monkeypatch.setattr(tasks, "_send", lambda *_, queue: sent.append(queue))
    return sent


def start(api: Api, version: DatasetVersion, **body: object) -> Any:
    return api.post("/training-runs", {"dataset_version": str(version.pk), **body})


def test_a_run_waits_with_the_defaults_for_its_version_and_a_trainer_is_told(
    api: As,
    trainer: User,
    assistant: Assistant,
    version: DatasetVersion,
    asked: list[str],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        answer = start(api(trainer), version)
    assert answer.status_code == 201, answer.content
    body = answer.json()
    assert (body["state"], body["number"], body["position"]) == ("queued", 1, 1)
    assert body["assistant"] == {"id": str(assistant.pk), "slug": "abc", "name": "小助手"}
    assert body["dataset_version"] == {"id": str(version.pk), "number": 1}
    assert body["base_model"] == assistant.base_model
    assert body["started_by"] == {"id": str(trainer.pk), "name": "trainer"}
    assert (body["adapter"], body["error"], body["progress"]) == (None, None, 0)
    run = TrainingRun.objects.get()
    assert run.system_prompt == assistant.system_prompt
    defaults = api(trainer).get("/training-runs/defaults", dataset_version=version.pk).json()
    assert run.settings == body["settings"] == defaults["settings"]
    assert asked == ["training"]
    assert AuditEntry.objects.filter(action="training_run.start").count() == 1
    assert api(trainer).get(f"/training-runs/{run.pk}").json() == body


def test_what_is_chosen_replaces_the_defaults(
    api: As, trainer: User, assistant: Assistant, version: DatasetVersion, asked: list[str]
) -> None:
    other = Assistant.objects.create(slug="hr", name="HR", base_model="x/y", system_prompt="Hi.")
    chosen = {"learning_rate": 0.001, "max_steps": 5, "lora_targets": ["q_proj"]}
    answer = start(
        api(trainer), version, assistant="hr", base_model="org/model-1.5B", settings=chosen
    )
    assert answer.status_code == 201, answer.content
    run = TrainingRun.objects.get()
    assert (run.assistant, run.base_model, run.system_prompt) == (other, "org/model-1.5B", "Hi.")
    assert chosen.items() <= run.settings.items()
    assert run.settings["lora_rank"] == 16
    second = start(api(trainer), version, assistant=str(other.pk))
    assert (second.json()["number"], second.json()["position"]) == (2, 2)


@pytest.mark.parametrize(
    ("chosen", "wrong"),
    [
        ({"learning_rate": -1}, {"learning_rate"}),
        ({"epochs": "many", "batch_size": 0, "lora_rank": 4}, {"epochs", "batch_size"}),
        ({"batch_size": 1.5}, {"batch_size"}),
        ({"seed": True}, {"seed"}),
        ({"max_steps": 10**400}, {"max_steps"}),
        ({"scheduler": "zigzag", "precision": ["fp32"]}, {"scheduler", "precision"}),
        ({"lora_targets": []}, {"lora_targets"}),
        ({"learn_rate": 0.1}, {"learn_rate"}),
        ({"epochs": None}, {"epochs"}),
    ],
)
def test_a_setting_out_of_range_is_told_with_its_field(
    api: As,
    trainer: User,
    assistant: Assistant,
    version: DatasetVersion,
    chosen: dict[str, object],
    wrong: set[str],
) -> None:
    answer = start(api(trainer), version, settings=chosen)
    assert answer.status_code == 400, answer.content
    error = answer.json()["error"]
    assert error["code"] == "settings_invalid"
    assert set(error["details"]["settings"]) == wrong
    assert all(
        sentence.endswith(".")
        for told in error["details"]["settings"].values()
        for sentence in told
    )
    assert not TrainingRun.objects.exists()


@pytest.mark.parametrize(
    "base_model",
    ["packaged:gpt-9", "/no/such/folder", "../outside", "smollm2", "tests", "data/documents"],
)
def test_a_base_model_that_cannot_be_is_told_before_anything_is_queued(
    api: As, trainer: User, assistant: Assistant, version: DatasetVersion, base_model: str
) -> None:
    answer = start(api(trainer), version, base_model=base_model)
    assert answer.status_code == 400, answer.content
    error = answer.json()["error"]
    assert error["code"] == "base_model_unknown"
    assert base_model in error["details"]["base_model"][0]
    assert not TrainingRun.objects.exists()


def test_a_version_without_training_records_is_refused(
    api: As, trainer: User, assistant: Assistant
) -> None:
    counts = {"train": 0, "validation": 0, "golden": 3, "dropped": 0}
    version = DatasetVersion.objects.create(number=9, sha256="0" * 64, counts=counts)
    answer = start(api(trainer), version)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "nothing_to_train"
    assert not TrainingRun.objects.exists()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"dataset_version": "no id"}, 400),
        ({"dataset_version": str(uuid4())}, 404),
        ({"assistant": "nobody"}, 404),
        ({"assistant": str(uuid4())}, 404),
        ({"settings": [1]}, 400),
        ({"settings": "fast"}, 400),
        ({"base_model": "x" * 301}, 400),
        ([], 400),
        ("run", 400),
    ],
)
def test_a_body_that_cannot_be_used_is_refused_in_words(
    api: As, trainer: User, assistant: Assistant, version: DatasetVersion, body: Any, status: int
) -> None:
    if isinstance(body, dict) and body:
        body = {"dataset_version": str(version.pk), **body}
    answer = api(trainer).post("/training-runs", body)
    assert answer.status_code == status, answer.content
    assert answer.json()["error"]["message"]
    assert not TrainingRun.objects.exists()


def test_an_assistant_of_another_department_is_not_there(
    api: As, trainer: User, assistant: Assistant, version: DatasetVersion
) -> None:
    assistant.departments.add(Department.objects.create(name="法务部"))
    assert start(api(trainer), version).status_code == 404
    assert start(api(trainer), version, assistant="abc").status_code == 404


@pytest.mark.parametrize("who", ["employee", "curator", "reviewer", "approver"])
def test_only_trainers_and_administrators_start_stop_and_resume(
    request: pytest.FixtureRequest, api: As, make_run: MakeRun, version: DatasetVersion, who: str
) -> None:
    person = request.getfixturevalue(who)
    run = make_run(state=State.STOPPED, resumable=True)
    waiting = make_run()
    for answer in (
        start(api(person), version),
        api(person).post(f"/training-runs/{run.pk}/resume"),
        api(person).post(f"/training-runs/{waiting.pk}/stop"),
    ):
        assert answer.status_code in {403, 404}, answer.content
        assert answer.status_code == 403
    assert TrainingRun.objects.count() == 2
    assert set(TrainingRun.objects.values_list("state", flat=True)) == {"stopped", "queued"}


PATHS = ("", "/metrics", "/log")


def test_employees_and_strangers_read_no_run(api: As, employee: User, make_run: MakeRun) -> None:
    run = make_run()
    for path in ("/training-runs", "/training-runs/defaults"):
        assert api(employee).get(path).status_code == 403
        assert api(None).get(path).status_code in {401, 403}
    for path in PATHS:
        assert api(employee).get(f"/training-runs/{run.pk}{path}").status_code == 403
        assert api(None).get(f"/training-runs/{run.pk}{path}").status_code in {401, 403}


def test_a_run_that_does_not_exist_is_told(api: As, trainer: User) -> None:
    for path in PATHS:
        assert api(trainer).get(f"/training-runs/{uuid4()}{path}").status_code == 404
    for path in ("stop", "resume"):
        assert api(trainer).post(f"/training-runs/{uuid4()}/{path}").status_code == 404


def test_a_waiting_run_is_stopped_at_once_and_the_next_moves_up(
    api: As, trainer: User, make_run: MakeRun
) -> None:
    first, second = make_run(), make_run()
    assert api(trainer).get(f"/training-runs/{second.pk}").json()["position"] == 2
    answer = api(trainer).post(f"/training-runs/{first.pk}/stop")
    assert answer.status_code == 200
    assert answer.json()["state"] == "stopped"
    assert answer.json()["finished_at"]
    assert api(trainer).get(f"/training-runs/{second.pk}").json()["position"] == 1
    again = api(trainer).post(f"/training-runs/{first.pk}/stop")
    assert again.status_code == 409
    assert again.json()["error"]["code"] == "not_running"
    assert AuditEntry.objects.filter(action="training_run.stop").count() == 1


def test_a_run_in_progress_is_asked_to_stop_once(api: As, trainer: User, make_run: MakeRun) -> None:
    run = make_run(state=State.RUNNING, host="there", heartbeat_at=timezone.now())
    for _time in range(2):
        answer = api(trainer).post(f"/training-runs/{run.pk}/stop")
        assert answer.status_code == 200
        assert answer.json()["state"] == "stopping"
    run.refresh_from_db()
    assert run.stop_asked_at is not None
    assert AuditEntry.objects.filter(action="training_run.stop").count() == 1


@pytest.mark.parametrize("state", ["succeeded", "failed", "stopped"])
def test_a_run_that_has_ended_is_not_stopped(
    api: As, trainer: User, make_run: MakeRun, state: str
) -> None:
    run = make_run(state=state)
    answer = api(trainer).post(f"/training-runs/{run.pk}/stop")
    assert answer.status_code == 409
    run.refresh_from_db()
    assert run.state == state


@pytest.mark.parametrize("state", ["stopped", "failed"])
def test_a_run_with_a_checkpoint_waits_again(
    api: As,
    trainer: User,
    make_run: MakeRun,
    asked: list[str],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    state: str,
) -> None:
    error = {"code": "process_lost", "message": "Gone."}
    run = make_run(state=state, resumable=True, error=error, advice="Resume it.", step=4)
    with django_capture_on_commit_callbacks(execute=True):
        answer = api(trainer).post(f"/training-runs/{run.pk}/resume")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["state"], body["error"], body["advice"], body["step"]) == ("queued", None, None, 4)
    assert asked == ["training"]
    assert AuditEntry.objects.filter(action="training_run.resume").count() == 1


@pytest.mark.parametrize(
    ("state", "resumable"),
    [
        ("stopped", False),
        ("failed", False),
        ("succeeded", True),
        ("running", True),
        ("queued", True),
    ],
)
def test_other_runs_cannot_be_resumed(
    api: As, trainer: User, make_run: MakeRun, state: str, resumable: bool
) -> None:
    run = make_run(state=state, resumable=resumable)
    answer = api(trainer).post(f"/training-runs/{run.pk}/resume")
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "not_resumable"
    run.refresh_from_db()
    assert run.state == state


def test_metrics_after_a_step_and_in_order(api: As, curator: User, make_run: MakeRun) -> None:
    run = make_run()
    for step in (2, 1, 3):
        RunMetric.objects.create(run=run, step=step, kind="loss", value=step / 2)
    RunMetric.objects.create(run=run, step=2, kind="eval_loss", value=9)
    path = f"/training-runs/{run.pk}/metrics"
    assert api(curator).get(path).json() == [
        {"step": 1, "kind": "loss", "value": 0.5},
        {"step": 2, "kind": "loss", "value": 1.0},
        {"step": 2, "kind": "eval_loss", "value": 9.0},
        {"step": 3, "kind": "loss", "value": 1.5},
    ]
    assert [metric["step"] for metric in api(curator).get(path, after=2).json()] == [3]
    assert api(curator).get(path, after="x").status_code == 400


def test_the_log_from_a_byte_on(api: As, curator: User, make_run: MakeRun) -> None:
    run = make_run()
    path = f"/training-runs/{run.pk}/log"
    empty = api(curator).get(path)
    assert (empty.status_code, empty.content, empty["X-Log-Offset"]) == (200, b"", "0")
    run.folder.mkdir(parents=True)
    (run.folder / "run.log").write_text("<b>训练</b>", encoding="utf-8")
    answer = api(curator).get(path)
    assert answer.content.decode() == "<b>训练</b>"
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer["X-Log-Offset"] == "13"
    assert api(curator).get(path, after=9).content == b"</b>"
    assert api(curator).get(path, after=-1).status_code == 400
    assert api(curator).get(path, after=10**30).status_code == 400
    beyond = api(curator).get(path, after=10**9)
    assert (beyond.status_code, beyond.content) == (200, b"")


def test_a_finished_run_names_its_adapter_and_a_failed_one_its_reason_in_ones_language(
    api: As, trainer: User, make_run: MakeRun
) -> None:
    run = make_run(state=State.SUCCEEDED)
    adapter = Adapter.objects.create(
        name="abc-run-1", run=run, assistant=run.assistant, base_model=run.base_model, path="x"
    )
    shown = api(trainer).get(f"/training-runs/{run.pk}").json()
    assert (shown["adapter"], shown["adapter_name"]) == (str(adapter.pk), "abc-run-1")
    failed = make_run(state=State.FAILED, error={"code": "diverged", "message": "It went wrong."})
    shown = api(trainer).get(f"/training-runs/{failed.pk}").json()
    assert shown["error"] == {"code": "diverged", "message": "It went wrong."}


def test_the_list_is_newest_first_filtered_and_costs_the_same_for_one_and_for_many(
    api: As, trainer: User, make_run: MakeRun, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    caller = api(trainer)
    make_run()
    with django_assert_num_queries(6):  # session, person, roles, runs, what devices do
        assert len(caller.get("/training-runs").json()["results"]) == 1
    for _number in range(6):
        make_run(state=State.STOPPED)
    with django_assert_num_queries(6):
        runs = caller.get("/training-runs").json()["results"]
    assert [run["number"] for run in runs] == [7, 6, 5, 4, 3, 2, 1]
    assert len(caller.get("/training-runs", state="queued").json()["results"]) == 1
    assert caller.get("/training-runs", state="nonsense").status_code == 400


def test_the_form_is_scaled_to_the_version(
    api: As, trainer: User, assistant: Assistant, version: DatasetVersion, settings: Settings
) -> None:
    shown = api(trainer).get("/training-runs/defaults", dataset_version=version.pk).json()
    assert (shown["train_examples"], shown["validation_examples"]) == (3, 0)
    assert shown["base_model"] == assistant.base_model
    assert shown["steps"] >= 1
    names = [field["name"] for field in shown["fields"]]
    assert set(names) == set(shown["settings"])
    rate = shown["fields"][names.index("learning_rate")]
    assert rate["min"] < rate["default"] == shown["settings"]["learning_rate"] < rate["max"]
    scheduler = shown["fields"][names.index("scheduler")]
    assert (scheduler["type"], scheduler["default"] in scheduler["choices"]) == ("choice", True)
    assert {"quick"} <= {preset["name"] for preset in shown["presets"]}

    without = api(trainer).get("/training-runs/defaults").json()
    assert without["train_examples"] == approved_wordings(user=trainer) >= 3
    assert without["settings"] == shown["settings"], "not scaled to what a freeze would hold"
    missing = api(trainer).get("/training-runs/defaults", dataset_version=uuid4())
    assert missing.status_code == 404
    settings.DEFAULT_ASSISTANT = "nobody"
    assert api(trainer).get("/training-runs/defaults").status_code == 404
