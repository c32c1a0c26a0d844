"""One evaluation: the same questions to the base, to what is in production and to the candidate.

First how surprising each expected answer is to each model, then what each answers by itself. One
base is in memory, the adapters beside it. ``result.json`` holds every question and every answer;
each number in it can be computed again from those alone (``scores``).
"""

import logging
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from ml import base_models
from ml.adapter_files import read_adapter
from ml.devices import best_device, serving_dtype
from ml.encoding import IGNORED, THOUGHTS_OPENED, Encoder
from ml.engines.rolling import Engine
from ml.engines.transformers import ServedModel
from ml.errors import ConfigError, MlError
from ml.evaluation.asking import Ask, answered
from ml.evaluation.config import EvaluationConfig
from ml.evaluation.judge import Duel, judged
from ml.evaluation.losses import answer_loss
from ml.evaluation.opinions import tally
from ml.evaluation.questions import Question, read_probe, read_questions
from ml.evaluation.scores import measured, scores_of
from ml.tokens import Tokens

logger = logging.getLogger(__name__)

BASE: Final = "base"
# An answer is cut off at so many times the longest expected one, but not before so many tokens.
RAMBLING: Final = 3
FEWEST_NEW_TOKENS: Final = 64

# One line of what was computed: a model's name and a question's id.
Pair = tuple[str, str]
OnStep = Callable[[int, int], None]
ShouldStop = Callable[[], bool]


class Stopped(Exception):
    """Somebody asked for an end."""


class Evaluator:
    """Holds one evaluation's questions; ``run()`` asks them all.

    Args:
        config: what is compared.
        on_step: is told how many steps of how many are done.
        should_stop: is asked after every step.

    Raises:
        ConfigError: nothing is there to ask, or a file is no file of examples.
        ModelLoadError: the base cannot be had.
    """

    def __init__(
        self, config: EvaluationConfig, *, on_step: OnStep, should_stop: ShouldStop
    ) -> None:
        self.config = config
        self.on_step = on_step
        self.should_stop = should_stop
        self.folder = base_models.folder_of(
            config.base_model,
            models_dir=config.models_dir,
            model_hub=config.model_hub,
            report=logger.info,
        )
        # All are asked as the candidate will be served.
        candidate = config.adapters.get("candidate")
        self.encoder = Encoder(
            Tokens(self.folder),
            system_prompt=config.system_prompt,
            thinking=read_adapter(_there(candidate)).thinking if candidate else None,
        )
        self.left_out: list[dict[str, str]] = []
        self.thinned: dict[str, int] = {}
        self.questions = self._fitting([*self._own_questions(), *read_probe()])
        self.models = [BASE, *config.adapters]
        self.total = 2 * len(self.models) * len(self.questions)
        self.done = 0

    def run(self) -> dict[str, Any]:
        """Ask everything, and return what ``result.json`` is to hold.

        Raises:
            Stopped: before everything was asked.
            ModelLoadError: the base or an adapter cannot be used.
        """
        device = best_device()
        model = ServedModel(self.folder, device=device, dtype=serving_dtype(device))
        losses = self._losses(model)
        texts = self._texts(model)
        questions = [question.as_json() for question in self.questions]
        answers = [
            self._answer(name, question, texts, losses)
            for name in self.models
            for question in questions
        ]
        verdicts, judge_error = self._verdicts(questions, answers)
        return {
            "models": self.models,
            "device": device.type,
            "precision": str(serving_dtype(device)).removeprefix("torch."),
            "questions": questions,
            "answers": answers,
            "scores": scores_of(questions, answers),
            "verdicts": verdicts,
            "judge": self._judge_notes(verdicts, judge_error),
            "left_out": self.left_out,
            "thinned": self.thinned,
        }

    def _own_questions(self) -> Iterator[Question]:
        files = {"golden": self.config.golden_file, "validation": self.config.validation_file}
        for kind, path in files.items():
            if path is None:
                continue
            found, more = read_questions(kind, path, most=self.config.most_questions)
            if more:
                self.thinned[kind] = more
            yield from found

    def _fitting(self, questions: list[Question]) -> list[Question]:
        """Those that leave room for an answer; the others are listed, never cut."""
        limit = self.encoder.tokens.context_length
        kept = []
        for question in questions:
            length = len(self.encoder.encode(question.example, None).input_ids)
            if length <= limit:
                kept.append(question)
            else:
                reason = f"It has {length} tokens; the model takes {limit}."
                self.left_out.append({"id": question.example.id, "reason": reason})
        if not any(question.kind != "probe" for question in kept):
            raise ConfigError(
                "The version has no golden and no validation examples that fit the model.",
                code="no_examples",
            )
        return kept

    def _losses(self, model: ServedModel) -> dict[Pair, tuple[float, int]]:
        found = {}
        for name in self.models:
            folder = self.config.adapters.get(name)
            adapter = model.load_adapter(_there(folder)) if folder else None
            for question in self.questions:
                encoded = self.encoder.encode(question.example, None)
                found[name, question.id] = answer_loss(model, encoded, adapter=adapter)
                self._step()
            if adapter is not None:
                model.drop_adapter(adapter)  # the engine loads its own
            logger.info("%s: the expected answers are weighed", name)
        return found

    def _texts(self, model: ServedModel) -> dict[Pair, Ask]:
        asks = [
            Ask(question.id, name, self._prompt_ids(question))
            for name in self.models
            for question in self.questions
        ]
        engine = Engine(model, name=BASE, max_batch=self.config.batch, max_waiting=len(asks))
        try:
            for name, folder in self.config.adapters.items():
                engine.load_adapter(name, folder)
            found = {}
            for ask in answered(engine, asks, max_tokens=self._max_new_tokens()):
                found[ask.model, ask.question] = ask
                self._step()
            return found
        finally:
            engine.close()

    def _verdicts(
        self, questions: list[dict[str, Any]], answers: list[dict[str, Any]]
    ) -> tuple[list[dict[str, Any]], str]:
        """The judge's replies, and why it was given up: an evaluation does without it."""
        verdicts: list[dict[str, Any]] = []
        if self.config.judge is None or "candidate" not in self.models:
            return verdicts, ""
        duels = list(_duels(questions, answers))
        self.total += len(duels)
        try:
            for duel, replies in judged(self.config.judge, duels, on_step=self._step):
                verdicts.append({"question": duel.question, "replies": list(replies)})
        except MlError as error:
            logger.warning("the judge is given up: %s", error.message)
            return verdicts, error.message
        return verdicts, ""

    def _judge_notes(self, verdicts: list[dict[str, Any]], error: str) -> dict[str, Any] | None:
        if self.config.judge is None:
            return None
        return {"model": self.config.judge.model, "error": error, **tally(verdicts)}

    def _max_new_tokens(self) -> int:
        """Some times the longest expected answer: the rest of a rambling one says nothing.

        A model that thinks first may need all that is allowed to come to its answer.
        """
        if THOUGHTS_OPENED in self.encoder.tokens.prompt_format.chat_template:
            return self.config.max_new_tokens
        longest = max(
            sum(label != IGNORED for label in self.encoder.encode(question.example, None).labels)
            for question in self.questions
        )
        return min(self.config.max_new_tokens, max(FEWEST_NEW_TOKENS, RAMBLING * longest))

    def _prompt_ids(self, question: Question) -> list[int]:
        messages = self.encoder.messages(question.example, None)
        return self.encoder.tokens.prompt_ids(messages[:-1], thinking=self.encoder.thinking)

    def _step(self) -> None:
        if self.should_stop():
            raise Stopped
        self.done += 1
        self.on_step(self.done, self.total)

    def _answer(
        self,
        model: str,
        question: dict[str, Any],
        texts: dict[Pair, Ask],
        losses: dict[Pair, tuple[float, int]],
    ) -> dict[str, Any]:
        ask = texts[model, question["id"]]
        loss, tokens = losses[model, question["id"]]
        answer: dict[str, Any] = {
            "question": question["id"],
            "model": model,
            "text": ask.text,
            "finish_reason": ask.finish_reason,
            "loss": loss if math.isfinite(loss) else None,  # JSON has no other word for it
            "label_tokens": tokens,
        }
        return {**answer, "metrics": measured(question, answer)}


def _duels(questions: list[dict[str, Any]], answers: list[dict[str, Any]]) -> Iterator[Duel]:
    """The company's own questions to which candidate and reference answer differently."""
    texts = {(answer["question"], answer["model"]): answer["text"] for answer in answers}
    models = {answer["model"] for answer in answers}
    reference = "production" if "production" in models else BASE
    for question in questions:
        key = question["id"]
        candidate, other = texts[key, "candidate"], texts[key, reference]
        if question["kind"] != "probe" and candidate != other:
            yield Duel(key, question["question"], question["expected"], candidate, other)


def _there(folder: Path) -> Path:
    if not folder.is_dir():
        raise ConfigError(f"There is no adapter in {folder}.", code="adapter_missing")
    return folder
