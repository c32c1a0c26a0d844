"""How long a record is while it is written: the endpoint with a real tokenizer, and the editor."""

import html
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from backend.accounts.models import User
from backend.curation.models import Record
from backend.curation.services import record_approve, record_create, record_submit
from tests.backend.conftest import Api

pytestmark = pytest.mark.django_db
As = Callable[[User | None], Api]
LIMIT = 60
CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content']"
    " + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


@pytest.fixture
def tokenizer(settings: Settings, tmp_path: Path) -> Tokenizer:
    """Of a small base model that reads 60 tokens and lies where a converted one would."""
    settings.MODELS_DIR = tmp_path
    settings.BASE_MODEL = "packaged:tiny"
    folder = tmp_path / "tiny"
    folder.mkdir()
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        special_tokens=["<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(["Where is the printer?", "user assistant"], trainer)
    made.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<|im_end|>"}))
    (folder / "config.json").write_text(json.dumps({"max_position_embeddings": LIMIT}))
    (folder / "chat_template.jinja").write_text(CHATML)
    return made


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_tokens_are_the_base_models_own(api: As, curator: User, tokenizer: Tokenizer) -> None:
    written = {"instruction": "Where is the printer?", "output": "打印机在二楼。"}
    counts = api(curator).post("/records/length", written).json()
    question = len(tokenizer.encode(written["instruction"]).ids)
    answer = len(tokenizer.encode(written["output"]).ids)
    assert (counts["question"], counts["answer"]) == (question, answer)
    assert (counts["model"], counts["limit"]) == ("packaged:tiny", LIMIT)
    assert question + answer < counts["total"] <= LIMIT
    longer = api(curator).post("/records/length", written | {"output": "打印机在二楼。" * 9}).json()
    assert longer["total"] > LIMIT


def test_earlier_turns_and_the_longest_wording_count(
    api: As, curator: User, tokenizer: Tokenizer
) -> None:
    def total(**more: object) -> int:
        written = {"instruction": "Where?", "output": "There.", **more}
        answer = api(curator).post("/records/length", written)
        assert answer.status_code == 200, answer.content
        return int(answer.json()["total"])

    plain = total()
    assert total(history=[["Hello?", "Good morning."]]) > plain
    assert total(phrasings=["Where is the printer, please?"]) > plain
    assert total(system="You help.") > plain
    assert total(history=[]) == plain
    for history in ([["one"]], [["a", "b", "c"]], "x", [[1, {}]], [["a", "b\0"]]):
        written = {"instruction": "Where?", "output": "There.", "history": history}
        assert api(curator).post("/records/length", written).status_code == 400, history


def test_the_editor_knows_whom_to_ask_and_what_to_say(curator: User) -> None:
    page = html.unescape(signed_in(curator).get("/admin/curation/record/add/").content.decode())
    assert 'data-length="/api/v1/records/length"' in page
    assert 'data-tokens="{n} tokens"' in page
    assert "the base model reads only {limit}" in page
    assert 'name="csrfmiddlewaretoken"' in page


def wrong(author: User) -> Record:
    """A record with an error that a person may overlook."""
    content = {"instruction": "Where is the printer?", "output": "Where is the printer?"}
    return record_submit(actor=author, record=record_create(actor=author, content=content))


def test_who_reviews_sees_what_is_wrong(curator: User, reviewer: User) -> None:
    record = wrong(curator)
    finding = record.findings.get(code="answer_is_question")
    page = "/admin/curation/record/review/"
    shown = signed_in(reviewer).get(page).content.decode()
    assert 'class="ld-finding ld-finding-error"' in shown
    assert str(finding.pk) not in shown  # nothing is changed from here
    step = f"/admin/curation/record/{record.pk}/findings/{finding.pk}/"
    signed_in(reviewer).post(step, {"step": "ignore"})
    assert "ld-finding-error" not in signed_in(reviewer).get(page).content.decode()


def test_approved_records_with_errors_stand_on_the_first_page(
    curator: User, reviewer: User, trainer: User
) -> None:
    sentence = "approved record has an error"
    record = wrong(curator)
    assert sentence not in signed_in(curator).get("/admin/").content.decode()
    record_approve(actor=reviewer, record=record)
    page = html.unescape(signed_in(curator).get("/admin/").content.decode())
    link = "/admin/curation/record/?status__exact=approved&severity=error"
    assert sentence in page
    assert link in page
    assert "Where is the printer?" in signed_in(curator).get(link).content.decode()
    assert sentence not in signed_in(trainer).get("/admin/").content.decode()
