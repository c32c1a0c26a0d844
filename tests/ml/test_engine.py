import random
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from ml.engines.generation import Sampling
from ml.engines.rolling import SLICE, Engine
from ml.engines.sampling import Sampler
from ml.engines.text import AnswerText
from ml.engines.transformers import ServedModel
from ml.errors import ContextLengthExceeded, MlError, ModelLoadError, ModelUnknown, ServerBusy
from ml.tokens import Tokens
from tests.ml.asking import Asked
from tests.ml.tiny import CONTEXT_LENGTH, build_adapter, build_model

QUESTIONS = [
    ("tiny", "Who are you?"),
    ("first", "你是谁?"),
    ("second", "How many days of leave do I have? " * 3),
    ("tiny", "出差超过三天由谁审批?" * 2),
    ("first", "x"),
    ("second", "The quick brown fox"),
]


@pytest.fixture(scope="module")
def tokens(tiny_model: Path) -> Tokens:
    return Tokens(tiny_model)


@pytest.fixture
def narrow(tiny_model: Path) -> Iterator[Engine]:
    """One answer at a time, one more may wait."""
    model = ServedModel(tiny_model, device=torch.device("cpu"), dtype=torch.float32)
    engine = Engine(model, name="tiny", max_batch=1, max_waiting=1)
    yield engine
    engine.close()


def pieces_of(answer: AnswerText, ids: list[int]) -> list[str]:
    pieces = []
    for token in ids:
        pieces.append(answer.add(token))
        if answer.is_stopped:
            return pieces
    return [*pieces, answer.rest()]


@pytest.mark.parametrize(
    "text", ["Hello, 你好! 🙂🙂 ok", "审批 审批", "é\u200d👩‍👩‍👧 x", "  two  spaces\n\n"]
)
def test_pieces_join_to_the_whole_without_broken_characters(tokens: Tokens, text: str) -> None:
    pieces = pieces_of(AnswerText(tokens, prompt_ids=[], stop=()), tokens.ids(text))
    assert "".join(pieces) == text
    assert len([piece for piece in pieces if piece]) > 1
    assert not any("\N{REPLACEMENT CHARACTER}" in piece for piece in pieces)


def test_half_a_character_at_the_end_is_not_shown(tokens: Tokens) -> None:
    ids = tokens.ids("ok 🙂")[:-1]
    pieces = pieces_of(AnswerText(tokens, prompt_ids=[], stop=()), ids)
    assert "".join(pieces) == "ok "


def test_a_stop_text_and_what_follows_is_never_shown(tokens: Tokens) -> None:
    answer = AnswerText(tokens, prompt_ids=[], stop=["END.", "\n\nUser:"])
    pieces = pieces_of(answer, tokens.ids("An ENDing\n\nUsers say EN END. and more"))
    assert "".join(pieces) == "An ENDing\n\nUsers say EN "
    assert answer.is_stopped


def test_what_only_began_like_a_stop_text_is_shown_at_the_end(tokens: Tokens) -> None:
    answer = AnswerText(tokens, prompt_ids=[], stop=["END."])
    assert "".join(pieces_of(answer, tokens.ids("The END"))) == "The END"


def test_sampling_repeats_with_its_seed_and_is_greedy_at_the_borders() -> None:
    logits = torch.randn(200, generator=torch.Generator().manual_seed(1))

    def drawn(sampling: Sampling) -> list[int]:
        sampler = Sampler(sampling)
        return [sampler.next_token(logits) for _ in range(30)]

    warm = Sampling(temperature=1.0, seed=5)
    assert drawn(warm) == drawn(warm)
    assert len(set(drawn(warm))) > 5
    assert drawn(warm) != drawn(Sampling(temperature=1.0, seed=6))
    likeliest = [int(logits.argmax())] * 30
    assert drawn(Sampling(temperature=0)) == likeliest
    assert drawn(Sampling(temperature=1.0, top_p=1e-6, seed=5)) == likeliest


def greedy(folder: Path, prompt: list[int], *, adapter: Path | None, max_tokens: int) -> list[int]:
    """What transformers and peft themselves answer."""
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    if adapter is not None:
        model = PeftModel.from_pretrained(model, str(adapter))
    out = model.eval().generate(
        input_ids=torch.tensor([prompt]),
        attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
        max_new_tokens=max_tokens,
        do_sample=False,
    )
    return [int(token) for token in out[0, len(prompt) :]]


def test_answers_are_those_of_transformers_and_peft(
    engine: Engine, tiny_model: Path, tiny_adapters: list[Path]
) -> None:
    folders = {"tiny": None, "first": tiny_adapters[0], "second": tiny_adapters[1]}
    for model, adapter in folders.items():
        prompt = engine.tokens.prompt_ids([{"role": "user", "content": "Who are you?"}])
        expected = greedy(tiny_model, prompt, adapter=adapter, max_tokens=40)
        asked = Asked(engine, "Who are you?", model=model)
        ends = engine.tokens.eos_ids
        text = engine.tokens.decode([token for token in expected if token not in ends])
        assert asked.text == text.rstrip("\N{REPLACEMENT CHARACTER}")
        assert asked.generation.completion_tokens == len(expected)


def test_answers_made_together_are_those_made_alone(engine: Engine) -> None:
    alone = [Asked(engine, question, model=model).text for model, question in QUESTIONS]
    assert len(set(alone)) == len(alone), "the models must differ for this to prove anything"
    for pause_s in (0.0, 0.004):
        together = []
        for model, question in QUESTIONS:
            together.append(Asked(engine, question, model=model))
            time.sleep(pause_s)  # so that some join while others are under way
        assert [asked.text for asked in together] == alone


def test_a_long_prompt_is_read_in_slices_to_the_same_end(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, engine: Engine
) -> None:
    question = "出差超过三天由谁审批?" * 6
    whole = Asked(engine, question, model="first").text
    assert SLICE > 8
    monkeypatch.setattr("ml.engines.rolling.SLICE", 7)
    assert Asked(engine, question, model="first").text == whole


def test_the_same_seed_gives_the_same_text_beside_others(engine: Engine) -> None:
    sampling = Sampling(temperature=1.2, top_p=0.9, seed=3)
    alone = Asked(engine, "Who are you?", sampling=sampling).text
    others = [Asked(engine, question, model=model) for model, question in QUESTIONS]
    assert Asked(engine, "Who are you?", sampling=sampling).text == alone
    assert Asked(engine, "Who are you?", sampling=Sampling(temperature=1.2, seed=4)).text != alone
    assert all(asked.last.error is None for asked in others)


def test_a_cancelled_answer_stops_within_a_step_and_frees_its_place(narrow: Engine) -> None:
    asked = Asked(narrow, "你是谁?", max_tokens=200, sampling=Sampling(temperature=2.0, seed=1))
    while not asked.pieces:
        time.sleep(0.001)
    made = asked.generation.completion_tokens
    asked.generation.cancel()
    assert asked.last.finish_reason == "cancelled"
    assert asked.generation.completion_tokens <= made + 20
    assert Asked(narrow, "Who are you?").text
    assert narrow.load() == (0, 0)


def test_more_than_may_wait_are_refused(narrow: Engine) -> None:
    blocked = threading.Event()

    def block() -> None:
        blocked.wait(10)

    narrow._commands.append(block)
    first = Asked(narrow, "x")
    with pytest.raises(ServerBusy, match="Too many"):
        Asked(narrow, "x")
    blocked.set()
    assert first.text


def test_one_that_waits_and_is_cancelled_never_begins(narrow: Engine) -> None:
    first = Asked(narrow, "x", max_tokens=100, sampling=Sampling(temperature=2.0, seed=1))
    while narrow.load()[0] == 0:
        time.sleep(0.001)
    second = Asked(narrow, "y")
    second.generation.cancel()
    assert second.last.finish_reason == "cancelled"
    assert second.generation.completion_tokens == 0
    assert first.last.error is None


def test_an_answer_never_leaves_the_context(engine: Engine) -> None:
    prompt = engine.tokens.prompt_ids([{"role": "user", "content": "x"}])
    asked = Asked(engine, "x", max_tokens=10**6, sampling=Sampling(temperature=2.0, seed=2))
    assert asked.last.error is None
    assert asked.generation.max_tokens == CONTEXT_LENGTH - len(prompt)
    with pytest.raises(ContextLengthExceeded, match=f"maximum context length is {CONTEXT_LENGTH}"):
        Asked(engine, "word " * CONTEXT_LENGTH)


def test_nobody_answers_to_an_unknown_name(engine: Engine) -> None:
    with pytest.raises(ModelUnknown, match="nobody"):
        Asked(engine, "x", model="nobody")
    with pytest.raises(ModelUnknown):
        engine.unload_adapter("nobody")


def test_a_failed_step_fails_its_answers_and_not_the_next(
    narrow: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(narrow._model, "logits", lambda *_, **__: 1 / 0)
        error = Asked(narrow, "x").last.error
    assert isinstance(error, MlError)
    assert error.code == "model_failed"
    assert Asked(narrow, "x").text


def test_loading_again_changes_nothing_and_other_files_take_the_name_over(
    narrow: Engine, tiny_adapters: list[Path]
) -> None:
    narrow.load_adapter("a", tiny_adapters[0])
    first = Asked(narrow, "Who are you?", model="a").text
    names = [narrow._adapters["a"].internal_name]
    narrow.load_adapter("a", tiny_adapters[0])
    names.append(narrow._adapters["a"].internal_name)
    assert names[0] == names[1]
    running = Asked(narrow, "Who are you?", model="a")
    narrow.load_adapter("a", tiny_adapters[1])
    second = Asked(narrow, "Who are you?", model="a").text
    assert running.text == first != second
    assert narrow.model_names() == ["tiny", "a"]
    narrow.unload_adapter("a")
    assert narrow.model_names() == ["tiny"]
    assert Asked(narrow, "Who are you?").text
    assert not narrow._retired
    assert not any("lora" in name for name, _ in narrow._model._base.named_parameters())


def test_adapters_of_different_layers_keep_to_their_own(
    narrow: Engine, tiny_model: Path, tiny_adapters: list[Path], tmp_path: Path
) -> None:
    before = Asked(narrow, "Who are you?").text
    few = build_adapter(tmp_path / "few", base=tiny_model, seed=4, targets=["q_proj", "v_proj"])
    narrow.load_adapter("few", few)
    answer = Asked(narrow, "Who are you?", model="few").text
    assert answer != before
    narrow.load_adapter("all", tiny_adapters[0])
    assert Asked(narrow, "Who are you?", model="few").text == answer
    assert Asked(narrow, "Who are you?", model="all").text not in {answer, before}
    narrow.unload_adapter("all")
    assert Asked(narrow, "Who are you?", model="few").text == answer
    assert Asked(narrow, "Who are you?").text == before


def test_the_base_answers_the_same_before_with_and_after_an_adapter(
    narrow: Engine, tiny_adapters: list[Path]
) -> None:
    before = Asked(narrow, "Who are you?").text
    narrow.load_adapter("a", tiny_adapters[0])
    assert Asked(narrow, "Who are you?", model="a").text != before
    assert Asked(narrow, "Who are you?").text == before
    narrow.unload_adapter("a")
    assert Asked(narrow, "Who are you?").text == before


def test_adapters_that_do_not_fit_are_refused_in_words_and_leave_nothing(
    narrow: Engine, tiny_adapters: list[Path], tmp_path: Path
) -> None:
    before = Asked(narrow, "Who are you?").text
    other = build_model(tmp_path / "other", seed=9)
    wider = build_model(tmp_path / "wider", width=64)
    broken = shutil.copytree(tiny_adapters[0], tmp_path / "broken")
    (broken / "adapter_model.safetensors").write_bytes(b"nothing")
    unbased = build_adapter(tmp_path / "unbased", base=wider, seed=1)
    (unbased / "card.json").unlink()
    for folder, reason in [
        (tmp_path / "none", "holds no adapter"),
        (build_adapter(tmp_path / "foreign", base=other, seed=1), "another base model"),
        (broken, "cannot be read"),
        (unbased, "does not fit"),
    ]:
        with pytest.raises(ModelLoadError, match=reason):
            narrow.load_adapter("a", folder)
    with pytest.raises(MlError, match="base model's name"):
        narrow.load_adapter("tiny", tiny_adapters[0])
    assert narrow.model_names() == ["tiny"]
    assert Asked(narrow, "Who are you?").text == before
    narrow.load_adapter("a", tiny_adapters[0])
    assert Asked(narrow, "Who are you?", model="a").text != before


def test_many_join_and_leave_in_any_order_and_each_gets_its_own(engine: Engine) -> None:
    rng = random.Random(0)
    cases = [(model, question, rng.randint(1, 30)) for model, question in QUESTIONS * 2]
    alone = [Asked(engine, q, model=m, max_tokens=n).text for m, q, n in cases]
    order = list(range(len(cases)))
    rng.shuffle(order)
    together: dict[int, Asked] = {}
    for place in order:
        model, question, max_tokens = cases[place]
        together[place] = Asked(engine, question, model=model, max_tokens=max_tokens)
        time.sleep(rng.random() * 0.01)
    assert [together[place].text for place in range(len(cases))] == alone
