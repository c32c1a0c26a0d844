"""The proof that training and serving see the same prompt, token by token."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_django import Settings
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from backend.accounts.models import User
from backend.assistants.models import Assistant
from backend.serving.models import Deployment
from backend.training.models import Adapter
from ml.messages import template_hash
from ml.tokens import Tokens
from tests.backend.conftest import Api
from tests.backend.serving.conftest import BASE, ModelServer
from tests.backend.serving.evaluated import evaluated

pytestmark = pytest.mark.django_db
As = Callable[[User | None], Api]
MakeAdapter = Callable[..., Adapter]
CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content']"
    " + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


@pytest.fixture
def tokens(settings: Settings, tmp_path: Path) -> Tokens:
    """The tokenizer and template of the base, where a converted model would be."""
    settings.MODELS_DIR = tmp_path / "models"
    folder = settings.MODELS_DIR / BASE.removeprefix("packaged:")
    folder.mkdir(parents=True)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        special_tokens=["<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["You help at work.", "你是谁?我是助手。"], trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<|im_end|>"}))
    (folder / "chat_template.jinja").write_text(CHATML)
    return Tokens(folder)


def promote(caller: Api, adapter: Adapter, **more: object) -> int:
    """After an evaluation that speaks for it."""
    evaluated(adapter, base=1, production=1, candidate=14)
    answer = caller.post(f"/adapters/{adapter.pk}/promote", {"assistant": "abc", **more})
    status: int = answer.status_code
    return status


def newest(caller: Api, assistant: Assistant) -> dict[str, object]:
    found: dict[str, object] = caller.get(f"/assistants/{assistant.pk}/history").json()["results"][
        0
    ]
    return found


def test_equal_token_ids_are_proof(
    api: As,
    approver: User,
    assistant: Assistant,
    make_adapter: MakeAdapter,
    model_server: ModelServer,
    tokens: Tokens,
) -> None:
    asked: list[list[dict[str, str]]] = []

    def answer(messages: list[dict[str, str]]) -> list[int]:
        asked.append(messages)
        return tokens.prompt_ids(messages)

    model_server.token_ids = answer
    assert promote(api(approver), make_adapter(1)) == 200
    shown = newest(api(approver), assistant)
    assert (shown["proof"], shown["proof_note"]) == ("proven", "")
    assert asked[0][0] == {"role": "system", "content": "You help at work."}
    assert asked[1][0]["role"] == "user"


def test_a_server_that_makes_another_prompt_needs_a_reason(
    api: As,
    approver: User,
    assistant: Assistant,
    make_adapter: MakeAdapter,
    model_server: ModelServer,
    tokens: Tokens,
) -> None:
    model_server.token_ids = lambda messages: [1, *tokens.prompt_ids(messages)]
    adapter, caller = make_adapter(1), api(approver)
    evaluated(adapter, base=1, candidate=14)
    answer = caller.post(f"/adapters/{adapter.pk}/promote", {"assistant": "abc"})
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "prompt_differs"
    assert promote(caller, adapter, override_reason="  ") == 409
    assert not Deployment.objects.exists()

    assert promote(caller, adapter, override_reason="We changed the template on purpose.") == 200
    shown = newest(caller, assistant)
    assert shown["proof"] == "different"
    assert shown["override_reason"] == "We changed the template on purpose."


def test_what_could_not_be_compared_is_shown_as_unproven(
    api: As,
    approver: User,
    assistant: Assistant,
    make_adapter: MakeAdapter,
    model_server: ModelServer,
    tokens: Tokens,
) -> None:
    caller = api(approver)
    assert promote(caller, make_adapter(1)) == 200
    shown = newest(caller, assistant)
    assert shown["proof"] == "unproven"
    assert shown["proof_note"] == "The model server does not tell its token ids."

    (tokens.folder / "tokenizer.json").unlink()
    assert promote(caller, make_adapter(2)) == 200
    shown = newest(caller, assistant)
    assert shown["proof"] == "unproven"
    assert shown["proof_note"] == "The base model's tokenizer is not on this machine."


def test_another_template_or_prompt_than_the_trained_one_is_told(
    api: As, approver: User, assistant: Assistant, make_adapter: MakeAdapter, tokens: Tokens
) -> None:
    adapter, caller = make_adapter(1), api(approver)

    def told() -> tuple[bool, bool]:
        shown = caller.get(f"/adapters/{adapter.pk}").json()
        return shown["prompt_changed"], shown["template_changed"]

    assert told() == (False, False)  # an older card says nothing of templates
    adapter.card = {"template_hash": template_hash(CHATML)}
    adapter.save()
    assert told() == (False, False)
    (tokens.folder / "chat_template.jinja").write_text(CHATML + "{{ '' }}")
    assert told() == (False, True)
    Assistant.objects.update(system_prompt="You speak like a pirate.")
    assert told() == (True, True)
