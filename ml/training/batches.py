"""Which examples a step learns from, asked by whom, and in which rows.

All of it follows from the step alone, so that a resumed run reads on exactly.
"""

import random
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from ml.encoding import Encoded, Encoder, Example, invented_person
from ml.messages import PERSON_VARIABLES, VARIABLE, Person
from ml.packing import Packed, pack, pad
from ml.settings import TrainingSettings

# Validation asks as the same people each time, so that its losses can be compared.
VALIDATION_SEED: Final = 1
VALIDATION_BATCH: Final = 8
# Examples whose ids are kept; at some hundred tokens each they take few dozen megabytes.
REMEMBERED: Final = 8192


class Batches:
    """The batches of one run.

    Args:
        encoder: of the run's model and prompt.
        settings: batch size, accumulation, general share, packing, seed.
        train: one's own examples.
        general: what is mixed in; every one of them is used before any comes again.
    """

    def __init__(
        self,
        encoder: Encoder,
        *,
        settings: TrainingSettings,
        train: Sequence[Example],
        general: Sequence[Example] = (),
    ) -> None:
        self.encoder = encoder
        self.settings = settings
        self.train = train
        self.general = general
        self.general_in_epoch = settings.general_examples(len(train)) if general else 0
        self._person_matters = not PERSON_VARIABLES.isdisjoint(
            VARIABLE.findall(encoder.system_prompt)
        )
        self._remembered: dict[int, Encoded] = {}

    @property
    def epoch_length(self) -> int:
        """Examples of one epoch, general ones among them."""
        return len(self.train) + self.general_in_epoch

    def of_step(self, step: int, *, share: tuple[int, int] = (0, 1)) -> list[Packed]:
        """The batches of one optimiser step: all are asked by the same invented person.

        Args:
            step: from 0.
            share: (rank, size): every ``size``-th example from ``rank`` on, for processes that
                share the work.
        """
        rank, size = share
        person = invented_person(random.Random(f"{self.settings.seed} person {step}"))  # noqa: S311
        mine = list(self.examples_of(step))[rank::size]
        return self._rows([self._encode(example, person) for example in mine])

    def examples_of(self, step: int) -> Iterator[Example]:
        per_step = self.settings.examples_per_step
        for position in range(step * per_step, (step + 1) * per_step):
            epoch, place = divmod(position, self.epoch_length)
            number = _order(f"{self.settings.seed} epoch {epoch}", self.epoch_length)[place]
            if number < len(self.train):
                yield self.train[number]
            else:
                gone = epoch * self.general_in_epoch + number - len(self.train)
                again, number = divmod(gone, len(self.general))
                order = _order(f"{self.settings.seed} general {again}", len(self.general))
                yield self.general[order[number]]

    def of_validation(
        self, examples: Sequence[Example], *, share: tuple[int, int] = (0, 1)
    ) -> Iterator[Packed]:
        """Batches of ``examples``, asked by the same people each time."""
        rank, size = share
        chance = random.Random(VALIDATION_SEED)  # noqa: S311
        for number, at in enumerate(range(0, len(examples), VALIDATION_BATCH)):
            person = invented_person(chance)
            if number % size == rank:
                rows = examples[at : at + VALIDATION_BATCH]
                batch = [self._encode(example, person) for example in rows]
                yield pack(batch) if self.settings.packing else pad(batch)

    def _rows(self, encoded: Sequence[Encoded]) -> list[Packed]:
        size = self.settings.batch_size
        together = pack if self.settings.packing else pad
        return [together(encoded[at : at + size]) for at in range(0, len(encoded), size)]

    def _encode(self, example: Example, person: Person | None) -> Encoded:
        if self._person_matters and example.messages[0]["role"] != "system":
            return self.encoder.encode(example, person)
        # The same ids whoever asks: examples live as long as we do, so their identity names them.
        known = self._remembered.get(id(example))
        if known is None:
            known = self.encoder.encode(example, person)
            if len(self._remembered) < REMEMBERED:
                self._remembered[id(example)] = known
        return known


@lru_cache(maxsize=4)
def _order(seed: str, count: int) -> Sequence[int]:
    order = list(range(count))
    random.Random(seed).shuffle(order)  # noqa: S311
    return order
