"""The pre-flight over REST: what goes in, how long it is, what it takes, what speaks against it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.utils import translation
from pytest_django import DjangoAssertNumQueries, Settings
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from backend.accounts.models import Department, User
from backend.assistants.models import Assistant
from backend.curation.frozen_sample import sampled_examples
from backend.curation.models import DatasetVersion, Record
from backend.curation.models.versions import DatasetVersionItem
from backend.curation.services import dataset_version_freeze, records_insert
from backend.training.models import RunMetric, TrainingRun
from backend.training.preflight import lengths
from ml.cutoff import within_cutoff
from ml.encoding import Encoder, Example
from ml.formats import RecordFields
from ml.tokens import Tokens
from tests.backend.conftest import Api

pytestmark = pytest.mark.django_db
As = Callable[[User | None], Api]
MakeRun = Callable[..., TrainingRun]
Split = DatasetVersionItem.Split
CONTEXT = 512
CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content']"
    " + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


@pytest.fixture
def model(settings: Settings, tmp_path: Path) -> Iterator[Path]:
    """The folder of the assistant's base model: its tokenizer alone, and no weights."""
    settings.MODELS_DIR = tmp_path / "models"
    folder = settings.MODELS_DIR / "smollm2-135m-instruct"
    folder.mkdir(parents=True)
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        special_tokens=["<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(["Who are you?", "user assistant"], trainer)
    made.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<|im_end|>"}))
    (folder / "config.json").write_text(json.dumps({"max_position_embeddings": CONTEXT}))
    (folder / "chat_template.jinja").write_text(CHATML)
    yield folder
    lengths._lengths.cache_clear()


def ask(api: Api, version: DatasetVersion, **chosen: object) -> Any:
    if isinstance(settings := chosen.pop("settings", None), dict):
        chosen["settings"] = json.dumps(settings)
    elif settings is not None:
        chosen["settings"] = settings
    return api.get(f"/dataset-versions/{version.pk}/preflight", **chosen)


def codes(answer: Any) -> list[str]:
    return [caution["code"] for caution in answer.json()["warnings"]]


def test_it_says_what_would_be_trained_and_how_long_that_is(
    api: As, trainer: User, assistant: Assistant, version: DatasetVersion, model: Path
) -> None:
    answer = ask(api(trainer), version)

    assert answer.status_code == 200, answer.content
    told = answer.json()
    assert told["version"] == {"id": str(version.pk), "number": 1}
    assert told["records"] == version.counts
    assert (told["train_examples"], told["validation_examples"]) == (3, 0)
    tokens = told["tokens"]
    assert (tokens["measured"], tokens["total"], tokens["sampled"]) == (3, 3, False)
    assert (tokens["limit"], tokens["context"]) == (CONTEXT, CONTEXT)
    assert sum(bar["count"] for bar in tokens["histogram"]) == 3
    assert tokens["shortest"] <= tokens["mean"] <= tokens["longest"]
    assert told["steps"] == 23  # 30 epochs of 3 examples in batches of 4
    assert told["tokens_unknown"] is None


def test_the_sample_shows_what_is_learnt_to_the_character(
    api: As, trainer: User, assistant: Assistant, version: DatasetVersion, model: Path
) -> None:
    sample = ask(api(trainer), version).json()["tokens"]["sample"]

    answers = {"I am ABC.<|im_end|>", "在系统里提交。<|im_end|>"}
    assert next(p["text"] for p in sample["pieces"] if p["trained"]) in answers
    text = "".join(piece["text"] for piece in sample["pieces"])
    assert text.startswith("<|im_start|>system\nYou help at work.\nYou talk with ")
    assert "\ufffd" not in text


def test_it_leaves_out_exactly_what_the_trainer_would(
    api: As, trainer: User, assistant: Assistant, version: DatasetVersion, model: Path
) -> None:
    shortest = ask(api(trainer), version).json()["tokens"]["shortest"]

    answer = ask(api(trainer), version, settings={"cutoff_tokens": shortest})

    told = answer.json()
    encoder = Encoder(Tokens(model), system_prompt=assistant.system_prompt)
    rows = [
        Example(
            line["id"],
            tuple({"role": m["role"], "content": m["content"]} for m in line["messages"]),
        )
        for line in sampled_examples(version=version, split=Split.TRAIN, most=9)
    ]
    _kept, dropped = within_cutoff(encoder, rows, cutoff_tokens=shortest)
    shown = told["tokens"]["too_long_examples"]
    assert {one["id"] for one in shown} == {one["id"] for one in dropped}
    assert told["tokens"]["too_long"] == len(dropped) == 3 - told["train_examples"]
    assert {one["record"] for one in shown} <= {
        str(pk) for pk in Record.objects.values_list("pk", flat=True)
    }
    assert "too_long" in codes(answer)


def test_cautions_are_sentences_in_ones_language_with_settings_that_mend_them(
    api: As, trainer: User, assistant: Assistant, version: DatasetVersion, model: Path
) -> None:
    few = {"epochs": 2}
    answer = ask(api(trainer), version, settings=few)
    found = {caution["code"]: caution for caution in answer.json()["warnings"]}
    assert {"few_steps", "no_validation", "few_golden"} <= set(found)
    assert found["few_steps"]["message"].startswith("3 examples give 2 steps")
    assert found["few_steps"]["fix"] == {"epochs": 30.0}
    trainer.language = "zh-hans"
    trainer.save()
    with translation.override(None):
        told = ask(api(trainer), version, settings=few).json()
    assert any("步" in caution["message"] for caution in told["warnings"])


def test_time_and_memory_come_from_an_earlier_run_or_are_not_known(
    api: As,
    trainer: User,
    assistant: Assistant,
    version: DatasetVersion,
    model: Path,
    make_run: MakeRun,
) -> None:
    chosen = {"epochs": 4, "lora_layer_share": 1.0}
    unknown = ask(api(trainer), version, settings=chosen).json()
    assert unknown["time"] == unknown["memory"] == {"value": None, "run": None}
    run = make_run(settings=unknown["settings"], state="succeeded")
    other = make_run(settings=unknown["settings"], base_model="org/other")
    for step in (1, 2, 3):
        for one, speed in ((run, 100), (other, 7)):
            RunMetric.objects.create(run=one, step=step, kind="tokens_per_second", value=speed)
        RunMetric.objects.create(run=run, step=step, kind="memory_bytes", value=step * 1e9)

    known = ask(api(trainer), version, settings=chosen).json()
    half = ask(api(trainer), version, settings=chosen | {"lora_layer_share": 0.5}).json()

    assert known["memory"] == {"value": 3e9, "run": run.number}
    assert known["time"]["run"] == run.number
    # 3 steps of 4 examples with a shared beginning, at 100 tokens a second.
    most = 12 * known["tokens"]["longest"] / 100
    assert 0.3 * most < known["time"]["value"] <= most
    assert half["time"]["value"] == pytest.approx(0.75 * known["time"]["value"])
    assert half["memory"] == {"value": None, "run": None}  # another one, and no weights to count


def test_a_model_that_is_not_here_leaves_the_rest_told(
    api: As, trainer: User, assistant: Assistant, version: DatasetVersion, settings: Settings
) -> None:
    settings.MODELS_DIR = settings.DATA_DIR / "models"

    told = ask(api(trainer), version, base_model="org/not-here").json()

    assert told["tokens"] is None
    assert "not on this machine" in told["tokens_unknown"]
    assert (told["train_examples"], told["steps"]) == (3, 23)
    assert told["time"] == {"value": None, "run": None}


def test_a_model_without_a_template_is_told_as_unknown(
    api: As, trainer: User, assistant: Assistant, version: DatasetVersion, model: Path
) -> None:
    (model / "chat_template.jinja").write_text("{{ raise_exception('No system, please.') }}")

    told = ask(api(trainer), version).json()

    assert told["tokens"] is None
    assert "No system, please." in told["tokens_unknown"]


def test_what_the_freeze_left_out_and_found_is_told(
    api: As, trainer: User, assistant: Assistant, version: DatasetVersion, model: Path
) -> None:
    record = Record.objects.latest("created_at")
    Record.objects.filter(pk=record.pk).update(valid_until="2020-01-01")
    second = dataset_version_freeze(actor=trainer, validation_share=0)

    told = ask(api(trainer), second).json()

    assert [(row["count"], "validity" in row["reason"]) for row in told["left_out"]] == [(1, True)]
    assert {row["code"]: row["count"] for row in told["findings"]} == second.findings


def test_a_large_version_is_judged_by_a_sample_and_says_so(
    api: As,
    trainer: User,
    assistant: Assistant,
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    monkeypatch.setattr(lengths, "MOST_TRAIN", 10)
    records_insert(
        contents=[
            RecordFields(instruction=f"Question {number}?", output="Yes. " * (1 + number % 4))
            for number in range(40)
        ],
        author=None,
        status=Record.Status.APPROVED,
    )
    version = dataset_version_freeze(actor=trainer, validation_share=0)
    caller = api(trainer)

    first = ask(caller, version).json()
    with django_assert_num_queries(7):
        again = ask(caller, version).json()

    tokens = first["tokens"]
    assert (tokens["measured"], tokens["total"], tokens["sampled"]) == (10, 40, True)
    assert again == first
    cut = ask(caller, version, settings={"cutoff_tokens": tokens["shortest"]}).json()
    assert cut["train_examples"] + cut["tokens"]["too_long"] == 40
    assert cut["train_examples"] % 4 == 0  # a share of ten, of forty


@pytest.mark.parametrize(
    ("chosen", "status", "code"),
    [
        ({"settings": "{"}, 400, "invalid"),
        ({"settings": "[1]"}, 400, "invalid"),
        ({"settings": "[" * 9000}, 400, "invalid"),
        ({"settings": '{"epochs": NaN}'}, 400, "settings_invalid"),
        ({"settings": '{"epochs": "many"}'}, 400, "settings_invalid"),
        ({"settings": '{"nothing": 1}'}, 400, "settings_invalid"),
        ({"base_model": "/no/such/folder"}, 400, "base_model_unknown"),
        ({"base_model": "x" * 301}, 400, "invalid"),
        ({"assistant": "nobody"}, 404, "not_found"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(
    api: As,
    trainer: User,
    assistant: Assistant,
    version: DatasetVersion,
    chosen: dict[str, str],
    status: int,
    code: str,
) -> None:
    answer = ask(api(trainer), version, **chosen)

    assert answer.status_code == status, answer.content
    assert answer.json()["error"]["code"] == code
    assert answer.json()["error"]["message"]


def test_only_who_may_read_runs_is_told(
    api: As, employee: User, curator: User, assistant: Assistant, version: DatasetVersion
) -> None:
    assert ask(api(curator), version).status_code == 200
    assert ask(api(employee), version).status_code == 403
    assert ask(api(None), version).status_code in {401, 403}
    missing = api(curator).get(f"/dataset-versions/{uuid4()}/preflight")
    assert missing.status_code == 404
    assistant.departments.add(Department.objects.create(name="法务部"))
    assert ask(api(curator), version).status_code == 404
