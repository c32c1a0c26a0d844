"""Answers many requests together: one thread, one step at a time, one row a request.

A newcomer's prompt is read alone, in slices between the steps of the others, and then joins them.
Adapters come and go between two steps. Knows no HTTP; what it knows of models is ``ServedModel``.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ml.adapter_files import read_adapter
from ml.engines.generation import Generation, Piece, Sampling
from ml.engines.rows import joined, kept
from ml.engines.sampling import Sampler
from ml.engines.text import AnswerText
from ml.errors import ContextLengthExceeded, MlError, ModelUnknown, ServerBusy
from ml.tokens import Tokens

if TYPE_CHECKING:
    import torch

    from ml.engines.rows import RollingCache
    from ml.engines.transformers import ServedModel

logger = logging.getLogger(__name__)

# Tokens of a prompt that are read between two steps of the others.
SLICE: Final = 256


@dataclass(slots=True, eq=False)
class Row:
    """One answer in the making: ``length`` tokens are in the cache, ``token`` is read next."""

    generation: Generation
    text: AnswerText
    sampler: Sampler
    length: int = 0
    token: int = 0


@dataclass(frozen=True, slots=True)
class LoadedAdapter:
    """An adapter that answers to a name.

    ``files`` tells whether it is still the same one, ``thinking`` what chat templates were told
    when it was trained.
    """

    internal_name: str
    files: tuple[str, int, int]
    thinking: bool | None = None


class Engine:
    """The queue, the rows and the thread that computes them.

    Args:
        model: used by this engine's thread alone from now on.
        name: under which the base model answers.
        max_batch: how many answers are computed together.
        max_waiting: how many more may wait.
    """

    def __init__(
        self, model: "ServedModel", *, name: str, max_batch: int = 8, max_waiting: int = 64
    ) -> None:
        self.name = name
        self.tokens = Tokens(model.folder)
        self._model = model
        self._max_batch = max_batch
        self._max_waiting = max_waiting
        self._changed = threading.Condition()
        # Guarded by the condition:
        self._waiting: deque[Generation] = deque()
        self._commands: deque[Callable[[], None]] = deque()
        self._adapters: dict[str, LoadedAdapter] = {}
        self._is_closing = False
        # The thread's own:
        self._joining: tuple[Row, RollingCache] | None = None
        self._rows: list[Row] = []
        self._cache: RollingCache | None = None
        self._retired: set[str] = set()
        self._thread = threading.Thread(target=self._run, name="decoding", daemon=True)
        self._thread.start()

    # What other threads call.

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def model_names(self) -> list[str]:
        """The base model's name first, then those of the adapters."""
        with self._changed:
            return [self.name, *self._adapters]

    def load(self) -> tuple[int, int]:
        """How many answers are being computed and how many wait."""
        with self._changed:
            joining = self._joining is not None
            return len(self._rows) + joining, len(self._waiting)

    def check_name(self, model: str) -> None:
        """Raises: ModelUnknown: nobody answers to ``model``."""
        with self._changed:
            self._internal_name(model)

    def thinking_of(self, model: str) -> bool | None:
        """What ``model`` was trained with; None for a base, and where a card says nothing."""
        with self._changed:
            adapter = self._adapters.get(model)
        return adapter.thinking if adapter else None

    def submit(
        self,
        *,
        model: str,
        prompt_ids: Sequence[int],
        max_tokens: int | None,
        sampling: Sampling,
        stop: Sequence[str],
        on_piece: Callable[[Piece], None],
    ) -> Generation:
        """Queues an answer; its pieces go to ``on_piece``, from the engine's thread.

        Raises:
            ModelUnknown: nobody answers to ``model``.
            ContextLengthExceeded: the prompt leaves no room for an answer.
            ServerBusy: too many wait already.
        """
        room = self.tokens.context_length - len(prompt_ids)
        if room < 1:
            raise ContextLengthExceeded(
                f"The prompt has {len(prompt_ids)} tokens; the model's maximum context length is "
                f"{self.tokens.context_length}, the answer included."
            )
        with self._changed:
            if len(self._waiting) >= self._max_waiting:
                raise ServerBusy("Too many requests are waiting; try again later.")
            generation = Generation(
                prompt_ids=prompt_ids,
                adapter=self._internal_name(model),
                max_tokens=min(max_tokens or room, room),
                sampling=sampling,
                stop=stop,
                on_piece=on_piece,
            )
            self._waiting.append(generation)
            self._changed.notify()
        return generation

    def load_adapter(self, name: str, folder: Path) -> None:
        """Makes the adapter in ``folder`` answer to ``name``, between two steps.

        Loading the same files again changes nothing; other files take the name over, and answers
        in progress end with the adapter that they began with.

        Raises:
            ModelLoadError: it cannot be used.
        """
        self._call(lambda: self._load_adapter(name, folder.resolve()))

    def unload_adapter(self, name: str) -> None:
        """Raises: ModelUnknown: no adapter answers to ``name``."""
        self._call(lambda: self._unload_adapter(name))

    def close(self) -> None:
        """Breaks off all answers; returns when the thread has ended."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        self._thread.join()

    def _call(self, action: Callable[[], None]) -> None:
        future: Future[None] = Future()

        def command() -> None:
            try:
                action()
            except Exception as error:  # for the caller, in its own thread
                future.set_exception(error)
            else:
                future.set_result(None)

        with self._changed:
            if self._is_closing:
                raise ServerBusy("The server is stopping.")
            self._commands.append(command)
            self._changed.notify()
        future.result()

    def _internal_name(self, model: str) -> str | None:
        if model == self.name:
            return None
        if model not in self._adapters:
            known = ", ".join([self.name, *self._adapters])
            raise ModelUnknown(f"The model “{model}” does not exist here; there is {known}.")
        return self._adapters[model].internal_name

    # What the thread does.

    def _run(self) -> None:
        while self._wait_for_work():
            try:
                self._turn()
            except Exception:
                logger.exception("a step failed; its answers are given up")
                self._give_up("The model failed while it answered.")
        self._give_up("The server is stopping.")
        with self._changed:
            commands = list(self._commands)
        for command in commands:
            command()

    def _wait_for_work(self) -> bool:
        with self._changed:
            while not (
                self._is_closing
                or self._commands
                or self._waiting
                or self._joining is not None
                or self._rows
            ):
                self._changed.wait()
            return not self._is_closing

    def _turn(self) -> None:
        """Commands, then one slice of a newcomer's prompt, then one token for everybody."""
        while self._commands:
            self._commands.popleft()()
        self._drop_cancelled()
        self._admit()
        if self._joining is not None:
            self._read_slice(*self._joining)
        if self._rows:
            self._step()
        self._drop_retired()

    def _drop_cancelled(self) -> None:
        with self._changed:
            gone = [generation for generation in self._waiting if generation.is_cancelled]
            for generation in gone:
                self._waiting.remove(generation)
        if self._joining is not None and self._joining[0].generation.is_cancelled:
            gone.append(self._joining[0].generation)
            self._joining = None
        gone += [row.generation for row in self._rows if row.generation.is_cancelled]
        self._keep([row for row in self._rows if not row.generation.is_cancelled])
        for generation in gone:
            self._send(generation, Piece(finish_reason="cancelled"))

    def _admit(self) -> None:
        if self._joining is not None or len(self._rows) >= self._max_batch:
            return
        with self._changed:
            generation = self._waiting.popleft() if self._waiting else None
            if generation is not None:
                text = AnswerText(
                    self.tokens, prompt_ids=generation.prompt_ids, stop=generation.stop
                )
                row = Row(generation, text, Sampler(generation.sampling))
                self._joining = row, self._model.empty_cache()

    def _read_slice(self, row: Row, cache: "RollingCache") -> None:
        generation = row.generation
        ids = list(generation.prompt_ids[row.length : row.length + SLICE])
        logits = self._model.logits(
            [ids], cache=cache, lengths=[row.length], adapters=[generation.adapter]
        )
        row.length += len(ids)
        if row.length < len(generation.prompt_ids):
            return
        self._joining = None
        if self._goes_on(row, row.sampler.next_token(logits[0])):
            self._cache = cache if self._cache is None else joined(self._cache, cache)
            self._rows.append(row)

    def _step(self) -> None:
        rows, cache = self._rows, self._cache
        if cache is None:
            raise RuntimeError("rows without a cache")
        logits = self._model.logits(
            [[row.token] for row in rows],
            cache=cache,
            lengths=[row.length for row in rows],
            adapters=[row.generation.adapter for row in rows],
        )
        tokens = _next_tokens(rows, logits)
        for row in rows:
            row.length += 1
        self._keep(
            [row for row, token in zip(rows, tokens, strict=True) if self._goes_on(row, token)]
        )

    def _goes_on(self, row: Row, token: int) -> bool:
        """Takes the next token of a row and sends what is ready; whether more is to come."""
        generation = row.generation
        generation.count_token()
        row.token = token
        if token in self.tokens.eos_ids:
            self._send(generation, Piece(text=row.text.rest(), finish_reason="stop"))
            return False
        ready = row.text.add(token)
        if row.text.is_stopped:
            self._send(generation, Piece(text=ready, finish_reason="stop"))
            return False
        if generation.completion_tokens >= generation.max_tokens:
            ready += row.text.rest()
            reason: Final = "stop" if row.text.is_stopped else "length"
            self._send(generation, Piece(text=ready, finish_reason=reason))
            return False
        if ready:
            self._send(generation, Piece(text=ready))
        return True

    def _keep(self, rows: list[Row]) -> None:
        if len(rows) == len(self._rows):
            return
        if rows and self._cache is not None:
            places = [self._rows.index(row) for row in rows]
            length = max(row.length for row in rows)
            self._cache = kept(self._cache, places, length=length)
        else:
            self._cache = None
        self._rows = rows

    def _send(self, generation: Generation, piece: Piece) -> None:
        try:
            generation.on_piece(piece)
        except Exception:  # one reader that is gone must not end the answers of the others
            logger.info("nobody takes an answer any more", exc_info=True)
            generation.cancel()

    def _give_up(self, reason: str) -> None:
        gone = [row.generation for row in self._rows]
        if self._joining is not None:
            gone.append(self._joining[0].generation)
        with self._changed:
            if self._is_closing:
                gone += self._waiting
                self._waiting.clear()
        self._rows, self._cache, self._joining = [], None, None
        for generation in gone:
            self._send(generation, Piece(error=MlError(reason, code="model_failed")))

    def _load_adapter(self, name: str, folder: Path) -> None:
        if name == self.name:
            raise MlError(f"“{name}” is the base model's name.", code="invalid_request")
        files = _identity(folder)
        present = self._adapters.get(name)
        if present is not None and present.files == files:
            return
        internal_name = self._model.load_adapter(folder)
        with self._changed:
            self._adapters[name] = LoadedAdapter(
                internal_name, files, read_adapter(folder).thinking
            )
        if present is not None:
            self._retired.add(present.internal_name)
        logger.info("adapter %s is loaded", name)

    def _unload_adapter(self, name: str) -> None:
        with self._changed:
            if name not in self._adapters:
                raise ModelUnknown(f"No adapter “{name}” is loaded.")
            self._retired.add(self._adapters.pop(name).internal_name)
        logger.info("adapter %s is unloaded", name)

    def _drop_retired(self) -> None:
        """Frees adapters that have lost their name, once no answer uses them any more."""
        if not self._retired:
            return
        with self._changed:
            used = {generation.adapter for generation in self._waiting}
        used |= {row.generation.adapter for row in self._rows}
        if self._joining is not None:
            used.add(self._joining[0].generation.adapter)
        for internal_name in self._retired - used:
            self._model.drop_adapter(internal_name)
            self._retired.discard(internal_name)


def _next_tokens(rows: Sequence[Row], logits: "torch.Tensor") -> list[int]:
    likeliest: list[int] = logits.argmax(dim=-1).tolist()  # (B,)
    return [
        token if row.sampler.is_greedy else row.sampler.next_token(logits[place])
        for place, (row, token) in enumerate(zip(rows, likeliest, strict=True))
    ]


def _identity(folder: Path) -> tuple[str, int, int]:
    weights = folder / "adapter_model.safetensors"
    if not weights.is_file():
        return str(folder), 0, 0
    return str(folder), weights.stat().st_size, weights.stat().st_mtime_ns
