"""How long examples are, who is left out, what is learnt of them and what they will cost."""

import random
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.costs import LIBRARIES, Work, memory_bytes, passes_per_token, work
from ml.cutoff import Ruler, within_cutoff
from ml.encoding import IGNORED, Encoder, Example, invented_person
from ml.lengths import Size, histogram, size_of
from ml.model_shape import model_shape
from ml.settings import TrainingSettings
from ml.tokens import Tokens
from ml.trained_part import pieces

SYSTEM_PROMPT = "You help at work.\nYou talk with {{ name }} of {{ department }}."


@pytest.fixture(scope="module")
def ruler(tiny_model: Path) -> Ruler:
    return Ruler(Encoder(Tokens(tiny_model), system_prompt=SYSTEM_PROMPT))


def example(*contents: str, name: str = "record#0") -> Example:
    roles = ("user", "assistant")
    return Example(
        name, tuple({"role": roles[at % 2], "content": text} for at, text in enumerate(contents))
    )


def test_an_example_is_as_long_as_for_the_person_with_the_longest_prompt(ruler: Ruler) -> None:
    asked = example("谁?", "我。")
    chance = random.Random(0)
    people = [None, *(invented_person(chance) for _ in range(4))]

    lengths = {len(ruler.encoder.encode(asked, person).input_ids) for person in people}

    assert size_of(ruler.encoded(asked)).tokens == max(lengths) > min(lengths)


def test_what_is_longer_than_the_limit_is_left_out_and_named(ruler: Ruler) -> None:
    short, long = example("Who?", "I."), example("Who?", "I am. " * 9, name="record#1")
    limit = size_of(ruler.encoded(short)).tokens

    kept, dropped = within_cutoff(ruler.encoder, [short, long], cutoff_tokens=limit)

    assert kept == [short]
    length = size_of(ruler.encoded(long)).tokens
    assert dropped == [
        {"id": "record#1", "reason": f"It has {length} tokens; the cutoff is {limit}."}
    ]


@given(st.lists(st.integers(1, 20_000), min_size=1, max_size=200))
def test_every_length_stands_in_one_of_at_most_sixteen_bars(lengths: list[int]) -> None:
    bars = histogram(lengths)

    assert len(bars) <= 16
    assert [bar.count for bar in bars] == [
        sum(bar.low <= length <= bar.high for length in lengths) for bar in bars
    ]
    assert sum(bar.count for bar in bars) == len(lengths)
    assert all(one.high + 1 == other.low for one, other in pairwise(bars))
    assert bars[0].count
    assert bars[-1].count


def test_no_lengths_make_no_bars() -> None:
    assert histogram([]) == []


@pytest.mark.parametrize(
    "turns",
    [
        ("Who are you?", "I am the assistant."),
        ("出差超过三天由谁审批?", "由部门经理审批。🙂𠮷"),
        ("谁?", "我。", "  Who?\n", "\n 她 "),
    ],
)
def test_the_pieces_are_the_example_and_the_trained_ones_its_answers(
    ruler: Ruler, turns: tuple[str, ...]
) -> None:
    encoded = ruler.encoded(example(*turns))
    tokens = ruler.encoder.tokens

    found = pieces(encoded, tokens)

    assert "".join(piece.text for piece in found) == tokens.decode(encoded.input_ids)
    assert [piece.text for piece in found if piece.trained] == [
        answer + "<|im_end|>" for answer in turns[1::2]
    ]


def test_a_character_that_a_label_cuts_through_stays_whole(ruler: Ruler) -> None:
    tokens = ruler.encoder.tokens
    ids = tokens.ids("龘龘")  # unknown to the tokenizer: a token for every byte
    assert len(ids) == 6
    encoded = type(ruler.encoded(example("a", "b")))("x", ids, [IGNORED] * 4 + ids[4:])

    found = pieces(encoded, tokens)

    assert [(piece.text, piece.trained) for piece in found] == [("龘", False), ("龘", True)]


def sizes(*tokens: int) -> list[Size]:
    return [Size(f"record#{place}", count, count // 2) for place, count in enumerate(tokens)]


def test_the_work_counts_a_shared_beginning_once_a_batch_and_validations_without_gradient() -> None:
    settings = TrainingSettings(epochs=2, batch_size=4, gradient_accumulation=2)

    todo = work(
        train=sizes(90, 110),
        train_total=16,
        validation=sizes(50),
        validation_total=3,
        shared=30,
        settings=settings,
    )

    # 4 steps of 2 batches of 4 examples; in each batch 3 beginnings are not computed again.
    assert todo.trained == 32 * 100 - 4 * 2 * 3 * 30
    assert todo.validated == 2 * 3 * 50  # after each epoch
    assert todo.passes(settings) == 2 * todo.trained + todo.validated


def test_without_packing_every_row_is_as_long_as_the_longest_and_nothing_is_shared() -> None:
    settings = TrainingSettings(epochs=1, batch_size=2, packing=False)

    todo = work(
        train=sizes(90, 110, 50, 20),
        train_total=4,
        validation=[],
        validation_total=0,
        shared=30,
        settings=settings,
    )

    assert todo == Work(trained=2 * 110 + 2 * 50, validated=0)


def test_checkpointing_costs_time_and_saves_memory(tiny_model: Path) -> None:
    without, checkpointed = (TrainingSettings(gradient_checkpointing=on) for on in (False, True))
    shape = model_shape(tiny_model)
    assert shape is not None

    assert passes_per_token(checkpointed) == 1.5 * passes_per_token(without)
    much, little = (
        memory_bytes(shape, settings, longest=200, answer=50, on_card=False)
        for settings in (without, checkpointed)
    )
    assert little < much


def test_half_the_layers_cost_a_quarter_less() -> None:
    whole, half = (TrainingSettings(lora_layer_share=share) for share in (1.0, 0.5))

    assert passes_per_token(half) == pytest.approx(0.75 * passes_per_token(whole))


def test_a_models_shape_is_read_from_its_files(tiny_model: Path) -> None:
    torch = pytest.importorskip("torch")
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    shape = model_shape(tiny_model)
    model = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)
    lora = get_peft_model(model, LoraConfig(r=4, target_modules="all-linear"))

    assert shape is not None
    assert shape.parameters == model.num_parameters() - lora.get_nb_trainable_parameters()[0]
    assert (
        shape.adapter_parameters(TrainingSettings(lora_rank=4))
        == lora.get_nb_trainable_parameters()[0]
    )
    upper = TrainingSettings(lora_rank=4, lora_targets=("mlp",), lora_layer_share=0.5)
    assert shape.adapter_parameters(upper) == 4 * 3 * (32 + 64)


def test_no_shape_is_made_up_for_a_folder_without_weights(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"num_hidden_layers": 2}')
    assert model_shape(tmp_path) is None
    (tmp_path / "model.safetensors").write_bytes(b"\xff" * 8)
    assert model_shape(tmp_path) is None
    assert model_shape(tmp_path / "nowhere") is None


def test_more_examples_at_once_need_more_memory_and_the_weights_are_in_it(tiny_model: Path) -> None:
    shape = model_shape(tiny_model)
    assert shape is not None
    one, four = (
        memory_bytes(
            shape, TrainingSettings(batch_size=size), longest=200, answer=50, on_card=False
        )
        for size in (1, 4)
    )

    assert four > one > 4 * shape.parameters
    on_card = memory_bytes(shape, TrainingSettings(), longest=200, answer=50, on_card=True)
    # The libraries, and what 4 heads of 2 layers give 800 tokens for one another.
    assert four - on_card == LIBRARIES + 2 * 4 * 800**2 * 4
