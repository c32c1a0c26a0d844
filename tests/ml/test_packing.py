from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from ml.encoding import IGNORED, Encoded, Encoder, Example
from ml.messages import Person
from ml.packing import pack, shared_beginning
from ml.tokens import Tokens
from tests.ml.training_runs import QUESTIONS, SYSTEM_PROMPT, Watched, config

WANG = Person(name="王芳", department="人事部")


def encoded(*ids: int, learnt_from: int) -> Encoded:
    labels = [IGNORED] * learnt_from + list(ids[learnt_from:])
    return Encoded("record#0", list(ids), labels)


@pytest.fixture(scope="module")
def examples(tiny_model: Path) -> list[Encoded]:
    """As one invented person asks them, with a history in the last."""
    encoder = Encoder(Tokens(tiny_model), system_prompt=SYSTEM_PROMPT)
    roles = ("user", "assistant")
    texts: list[tuple[str, ...]] = [*QUESTIONS[:3], ("Who?", "Me.", "你?", "她。")]
    return [
        encoder.encode(
            Example(
                "record#0", [{"role": roles[at % 2], "content": t} for at, t in enumerate(text)]
            ),
            WANG,
        )
        for text in texts
    ]


def test_examples_stand_behind_one_shared_beginning() -> None:
    packed = pack([encoded(7, 8, 1, 2, 3, learnt_from=3), encoded(7, 8, 4, 5, learnt_from=3)])

    assert packed.input_ids.tolist() == [[7, 8, 1, 2, 3, 4, 5]]
    assert packed.position_ids.tolist() == [[0, 1, 2, 3, 4, 2, 3]]
    assert packed.labels.tolist() == [2, 3, 5]
    assert packed.predicting.tolist() == [2, 3, 5]
    assert packed.attention.int().tolist() == [
        [
            [
                [1, 0, 0, 0, 0, 0, 0],
                [1, 1, 0, 0, 0, 0, 0],
                [1, 1, 1, 0, 0, 0, 0],
                [1, 1, 1, 1, 0, 0, 0],
                [1, 1, 1, 1, 1, 0, 0],
                [1, 1, 0, 0, 0, 1, 0],
                [1, 1, 0, 0, 0, 1, 1],
            ]
        ]
    ]


def test_what_predicts_a_label_is_never_shared() -> None:
    same_prompt = [encoded(7, 8, 1, learnt_from=2), encoded(7, 8, 2, learnt_from=2)]

    assert shared_beginning(same_prompt) == 1
    assert pack(same_prompt).predicting.tolist() == [1, 3]


def test_one_example_stands_as_it_is() -> None:
    packed = pack([encoded(7, 8, 1, learnt_from=2)])

    assert packed.input_ids.tolist() == [[7, 8, 1]]
    assert torch.equal(packed.attention[0, 0], torch.ones(3, 3).tril().bool())


def test_a_packed_loss_is_that_of_the_examples_one_by_one(
    tiny_model: Path, examples: list[Encoded], tmp_path: Path
) -> None:
    trainer = Watched(config(tmp_path, base=tiny_model)).trainer
    trainer.model.eval()
    plain = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)

    packed = pack(examples)
    with torch.no_grad():
        together = float(trainer.loss_sum(packed))
        one_by_one = 0.0
        for each in examples:
            ids, labels = torch.tensor([each.input_ids]), torch.tensor([each.labels])
            count = int((labels != IGNORED).sum())
            one_by_one += float(plain(input_ids=ids, labels=labels).loss) * count

    assert packed.input_ids.numel() < sum(len(each.input_ids) for each in examples)
    assert together == pytest.approx(one_by_one, abs=1e-3, rel=1e-5)
