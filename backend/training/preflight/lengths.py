"""How long a version's examples are for one model and one prompt, measured once and kept.

A version never changes, and settings have no part in it: so a form that is filled in asks this
once. Very many examples are judged by some of them, that no request takes longer than a moment.
"""

import statistics
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from backend.curation.frozen_sample import sampled_examples
from backend.curation.lengths import tokenizer_of
from backend.curation.models import DatasetVersion, DatasetVersionItem
from ml.cutoff import Ruler
from ml.encoding import Encoded, Encoder, Example
from ml.lengths import Size, size_of
from ml.trained_part import Piece, pieces

if TYPE_CHECKING:
    import uuid
    from pathlib import Path

    from ml.tokens import Tokens

# On two cores of 2026 all of it takes about a second, see docs/watching.md.
MOST_TRAIN: Final = 2000
MOST_VALIDATION: Final = 500
MOST_CHARACTERS: Final = 1_500_000
# So many neighbours are compared for the beginning that examples share.
COMPARED: Final = 50

Split = DatasetVersionItem.Split


@dataclass(frozen=True)
class Part:
    """Sizes of the examples that were measured, and how many there are in all."""

    sizes: tuple[Size, ...]
    total: int

    @property
    def is_sampled(self) -> bool:
        return len(self.sizes) < self.total


@dataclass(frozen=True)
class Shown:
    """One example as the model reads it."""

    size: Size
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class VersionLengths:
    """What a version's examples are for one model under one prompt.

    Attributes:
        context: how many tokens the model reads.
        train: the training examples.
        validation: those of the validation.
        shared: with how many tokens two examples usually begin alike.
        shown: one of middle length and the shortest, for people to look at.
    """

    context: int
    train: Part
    validation: Part
    shared: int
    shown: tuple[Shown, ...]


def version_lengths(
    *, version: DatasetVersion, base_model: str, system_prompt: str
) -> VersionLengths | None:
    """The lengths; None where the base model's tokenizer is not on this machine.

    Raises:
        ConfigError: the model's chat template cannot be trained or refuses an example.
    """
    found = tokenizer_of(base_model)
    if found is None:
        return None
    tokens, stamp = found
    erased: int = getattr(version, "erased", 0)
    return _lengths(_Asked(version.pk, erased, tokens.folder, stamp, system_prompt, tokens))


@dataclass(frozen=True)
class _Asked:
    """What the lengths follow from; the tokenizer itself is told by its files' stamp."""

    version_id: "uuid.UUID"
    erased: int
    folder: "Path"
    stamp: tuple[int, ...]
    system_prompt: str
    tokens: "Tokens" = field(compare=False)


@lru_cache(maxsize=32)
def _lengths(asked: _Asked) -> VersionLengths:
    version = DatasetVersion.objects.get(pk=asked.version_id)
    ruler = Ruler(Encoder(asked.tokens, system_prompt=asked.system_prompt))
    examples, train = _measured(ruler, version, Split.TRAIN, MOST_TRAIN)
    _examples, validation = _measured(ruler, version, Split.VALIDATION, MOST_VALIDATION)
    by_length = sorted(range(len(examples)), key=lambda place: train.sizes[place].tokens)
    # Which of them fits shows only with a cutoff.
    places = dict.fromkeys([by_length[len(by_length) // 2], by_length[0]]) if by_length else {}
    return VersionLengths(
        context=asked.tokens.context_length,
        train=train,
        validation=validation,
        shared=_shared(ruler, examples),
        shown=tuple(
            Shown(
                train.sizes[place],
                tuple(pieces(ruler.encoded(examples[place]), asked.tokens)),
            )
            for place in places
        ),
    )


def _measured(
    ruler: Ruler, version: DatasetVersion, split: Split, most: int
) -> tuple[list[Example], Part]:
    """Some examples of a part and their sizes; all of them where they are few and short."""
    examples: list[Example] = []
    characters = 0
    is_all = True
    for line in sampled_examples(version=version, split=split, most=most + 1):
        if len(examples) == most or characters > MOST_CHARACTERS:
            is_all = False
            break
        turns = ({"role": turn["role"], "content": turn["content"]} for turn in line["messages"])
        example = Example(line["id"], tuple(turns))
        characters += sum(len(turn["content"]) for turn in example.messages)
        examples.append(example)
    sizes = tuple(size_of(ruler.encoded(example)) for example in examples)
    total = len(sizes) if is_all else int(version.examples[split.value])
    return examples, Part(sizes, total)


def _shared(ruler: Ruler, examples: list[Example]) -> int:
    """The beginning that the examples of a batch have in common, as a rule."""
    encoded = [ruler.encoded(example) for example in examples[:COMPARED]]
    if len(encoded) < 2:
        return 0
    return int(statistics.median(_alike(*pair) for pair in pairwise(encoded)))


def _alike(one: Encoded, other: Encoded) -> int:
    limit = min(one.first_label, other.first_label) - 1
    for place in range(limit):
        if one.input_ids[place] != other.input_ids[place]:
            return place
    return max(0, limit)
