"""One LoRA training run, from ``run.json`` to the adapter with its card.

The loop itself; it knows files and torch, and nothing of queues, rows or pages. What it measures
goes out through ``on_event``, and ``should_stop`` is asked before every batch.

Source: LoRA, Hu et al. 2021, https://arxiv.org/abs/2106.09685.
"""

import logging
import math
import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Final

import torch
import torch.nn.functional as F  # everybody calls it so

from ml import base_models
from ml.adapters import save_adapter, trainable_model
from ml.checkpoints import checkpoint_load, checkpoint_save
from ml.devices import best_device, training_dtype
from ml.encoding import Encoded, Encoder, Example, invented_person, read_examples
from ml.errors import ConfigError, MlError
from ml.memory import keep_freed_memory, peak_memory_bytes
from ml.packing import Packed, pack
from ml.run_files import RunConfig, RunFiles, read_config
from ml.tokens import Tokens

logger = logging.getLogger(__name__)

# Validation asks as the same people each time, so that its losses can be compared.
VALIDATION_SEED: Final = 1
VALIDATION_BATCH: Final = 8
CHECKPOINT_EVERY_S: Final = 300.0
# A run of few hundred steps forgets its first gradients too late with AdamW's usual 0.999: the
# sample records were learnt to 86 % instead of 75 % in the same steps.
BETAS: Final = (0.9, 0.99)
# The cosine ends at a tenth, so that the last steps still learn.
LOWEST_RATE: Final = 0.1

Event = dict[str, Any]  # the fields of one line of trainer_log.jsonl
OnEvent = Callable[[Event], None]
ShouldStop = Callable[[], bool]


@dataclass
class Progress:
    """Where a run is; all of it stands in the checkpoint."""

    step: int = 0
    tokens: int = 0
    elapsed_s: float = 0.0
    losses: list[float] = field(default_factory=list)
    eval_losses: list[float] = field(default_factory=list)


class Diverged(MlError):
    """The loss is no number any more."""

    default_code = "diverged"


ADVICE: Final = {
    "diverged": "Lower the learning rate, for instance to a third, and start a new run.",
    "out_of_memory": "Lower the batch size (and raise the accumulation), or the cutoff.",
    "no_examples": "Raise the cutoff, or shorten the records: all were longer than it.",
}


class Trainer:
    """Holds one run's model, optimiser and data; ``run()`` trains to the end or to a stop."""

    def __init__(
        self,
        config: RunConfig,
        *,
        on_event: OnEvent,
        should_stop: ShouldStop,
    ) -> None:
        self.config = config
        self.settings = config.settings
        self.on_event = on_event
        self.should_stop = should_stop
        self.device = best_device()
        self.dtype = training_dtype(self.settings.precision, self.device)
        self.folder = base_models.folder_of(
            config.base_model,
            models_dir=config.models_dir,
            model_hub=config.model_hub,
            report=logger.info,
        )
        self.tokens = Tokens(self.folder)
        self.encoder = Encoder(self.tokens, system_prompt=config.system_prompt)
        self.dropped: list[dict[str, str]] = []
        self.train = self._within_cutoff(read_examples(config.train_file))
        self.validation = (
            self._within_cutoff(read_examples(config.validation_file))
            if config.validation_file
            else []
        )
        if not self.train:
            raise ConfigError("No example is left to train on.", code="no_examples")
        self.total_steps = self.settings.steps(len(self.train))
        torch.manual_seed(self.settings.seed)
        self.model = trainable_model(
            self.folder, self.settings, dtype=self.dtype, device=self.device
        )
        # The base with LoRA inside: body and head are called apart.
        self.base: Any = (
            self.model.get_base_model()
        )  # Any: every architecture is a class of its own
        self.parameters = [weight for weight in self.model.parameters() if weight.requires_grad]
        self.optimiser = torch.optim.AdamW(
            self.parameters,
            lr=self.settings.learning_rate,
            betas=BETAS,
            weight_decay=self.settings.weight_decay,
            fused=True,
        )
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimiser, self._rate_at)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.dtype == torch.float16)
        self.progress = Progress()

    def resume(self) -> None:
        """Go back to where the checkpoint was written.

        Raises:
            ConfigError: it is missing, or was made with other data or settings.
        """
        checkpoint_load(self)

    def run(self) -> bool:
        """Train until the last step; False when it was stopped before, with a checkpoint.

        Raises:
            Diverged: the loss became infinite or no number.
        """
        started_at = time.monotonic() - self.progress.elapsed_s
        saved_at = time.monotonic()
        self.model.train()
        while self.progress.step < self.total_steps:
            measured = self._step()
            if measured is None:
                self.progress.elapsed_s = time.monotonic() - started_at
                checkpoint_save(self)
                return False
            self.progress.step += 1
            self.progress.elapsed_s = time.monotonic() - started_at
            self._report(measured)
            if self._is_validation_due():
                self._validate()
            if time.monotonic() - saved_at > CHECKPOINT_EVERY_S:
                checkpoint_save(self)
                saved_at = time.monotonic()
        return True

    def _step(self) -> Event | None:
        """One optimiser step; None when a stop was asked for, with nothing changed."""
        began_at = time.monotonic()
        batches = self._batches(self.progress.step)
        count = sum(batch.labels.numel() for batch in batches)
        loss_sum, tokens = 0.0, 0
        for batch in batches:
            if self.should_stop():
                self.optimiser.zero_grad(set_to_none=True)
                return None
            loss = self.loss_sum(batch) / count
            self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]  # torch's own
            loss_sum += float(loss.detach())
            tokens += batch.input_ids.numel()
        if not math.isfinite(loss_sum):
            raise Diverged(f"The loss is no number any more (step {self.progress.step + 1}).")
        rate = self.schedule.get_last_lr()[0]
        self.scaler.unscale_(self.optimiser)
        limit = self.settings.max_grad_norm or math.inf
        norm = float(torch.nn.utils.clip_grad_norm_(self.parameters, limit))
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.schedule.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.progress.tokens += tokens
        self.progress.losses.append(loss_sum)
        return {
            "loss": loss_sum,
            "lr": rate,
            "grad_norm": norm,
            "throughput": tokens / max(time.monotonic() - began_at, 1e-9),
        }

    def loss_sum(self, batch: Packed) -> torch.Tensor:
        """Sum of the cross-entropies of a batch's labels; logits only where there are any."""
        batch = batch.to(self.device)
        # A 4-dimensional mask in the computation's own type is taken as it is.
        with self._autocast():
            hidden = self.base.model(
                input_ids=batch.input_ids,
                position_ids=batch.position_ids,
                attention_mask=batch.attention,
                use_cache=False,
            )
            wanted = hidden.last_hidden_state[0, batch.predicting]  # (N, D)
            logits = self.base.lm_head(wanted)  # (N, V)
        return F.cross_entropy(logits.float(), batch.labels, reduction="sum")

    def _autocast(self) -> Any:  # one of two context managers
        if self.dtype == torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self.dtype)

    def _batches(self, step: int) -> list[Packed]:
        """The batches of one optimiser step: all are asked by the same invented person."""
        size = self.settings.batch_size
        person = invented_person(random.Random(f"{self.settings.seed} person {step}"))  # noqa: S311
        chosen = [self.encoder.encode(example, person) for example in self._examples_of_step(step)]
        return [pack(chosen[at : at + size]) for at in range(0, len(chosen), size)]

    def _examples_of_step(self, step: int) -> Iterator[Example]:
        """The data position follows from the step alone, so a resumed run reads on exactly."""
        per_step, total = self.settings.examples_per_step, len(self.train)
        for position in range(step * per_step, (step + 1) * per_step):
            epoch, place = divmod(position, total)
            yield self.train[self._order(epoch)[place]]

    def _order(self, epoch: int) -> Sequence[int]:
        order = list(range(len(self.train)))
        random.Random(f"{self.settings.seed} epoch {epoch}").shuffle(order)  # noqa: S311
        return order

    def _is_validation_due(self) -> bool:
        step, interval = self.progress.step, self.settings.evaluation_interval
        if not self.validation:
            return False
        if step == self.total_steps:
            return True
        if interval:
            return step % interval == 0
        seen = step * self.settings.examples_per_step
        return seen // len(self.train) > (seen - self.settings.examples_per_step) // len(self.train)

    @torch.no_grad()
    def _validate(self) -> None:
        self.model.eval()
        loss, count = 0.0, 0
        chance = random.Random(VALIDATION_SEED)  # noqa: S311
        for at in range(0, len(self.validation), VALIDATION_BATCH):
            person = invented_person(chance)
            rows = self.validation[at : at + VALIDATION_BATCH]
            batch = pack([self.encoder.encode(example, person) for example in rows])
            loss += float(self.loss_sum(batch))
            count += batch.labels.numel()
        self.model.train()
        self.progress.eval_losses.append(loss / count)
        self._report({"eval_loss": loss / count})

    def _report(self, measured: Event) -> None:
        done, total = self.progress.step, self.total_steps
        left_s = self.progress.elapsed_s / done * (total - done)
        self.on_event(
            {
                "current_steps": done,
                "total_steps": total,
                **measured,
                "epoch": round(done * self.settings.examples_per_step / len(self.train), 4),
                "percentage": round(100 * done / total, 2),
                "elapsed_time": _clock(self.progress.elapsed_s),
                "remaining_time": _clock(left_s),
                "total_tokens": self.progress.tokens,
                "memory_bytes": peak_memory_bytes(self.device),
            }
        )

    def _rate_at(self, step: int) -> float:
        """The learning rate's factor at ``step``: rises linearly, then falls as scheduled."""
        warm_up = math.ceil(self.settings.warmup_ratio * self.total_steps)
        if step < warm_up:
            return (step + 1) / warm_up
        gone = (step - warm_up) / max(1, self.total_steps - warm_up)
        match self.settings.scheduler:
            case "cosine":
                return LOWEST_RATE + (1 - LOWEST_RATE) * 0.5 * (1 + math.cos(math.pi * gone))
            case "linear":
                return 1 - gone
            case _:
                return 1.0

    def _within_cutoff(self, examples: Sequence[Example]) -> list[Example]:
        """Those that fit whoever asks; the others are listed in ``dropped``, never cut."""
        longest = random.Random(0)  # noqa: S311
        limit = min(self.settings.cutoff_tokens, self.tokens.context_length)
        people = [None, *(invented_person(longest) for _ in range(4))]
        kept = []
        for example in examples:
            length = max(len(self._encoded(example, person).input_ids) for person in people)
            if length <= limit:
                kept.append(example)
            else:
                reason = f"It has {length} tokens; the cutoff is {limit}."
                self.dropped.append({"id": example.id, "reason": reason})
        return kept

    def _encoded(self, example: Example, person: Any) -> Encoded:  # a Person or None
        return self.encoder.encode(example, person)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def main(config_path: Path) -> int:
    """``python -m ml train``: exit status 0 finished or stopped, 1 failed, 2 a bad config.

    Whatever happens is told in ``status.json`` before the process ends.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        config = read_config(config_path)
    except ConfigError as error:
        logger.error("%s", error.message)
        return 2
    files = RunFiles(config.output_dir)
    stop = _StopRequest(files)
    files.status("loading")
    try:
        return _train(config, files, stop)
    except MlError as error:
        return _failed(files, error.code, error.message)
    except (torch.OutOfMemoryError, MemoryError) as error:
        logger.exception("out of memory")
        return _failed(files, "out_of_memory", f"There was not enough memory: {error}")
    except OSError as error:
        logger.exception("a file could not be read or written")
        return _failed(files, "file_problem", f"A file could not be read or written: {error}")
    except Exception as error:
        logger.exception("unexpected failure")
        _failed(files, "failed", f"Training failed unexpectedly: {error}")
        raise


def _train(config: RunConfig, files: RunFiles, stop: "_StopRequest") -> int:
    keep_freed_memory()
    logger.info("loading %s", config.base_model)
    trainer = Trainer(
        config, on_event=lambda event: _note(files, trainer, event), should_stop=stop.is_asked
    )
    for dropped in trainer.dropped:
        logger.warning("dropped %s: %s", dropped["id"], dropped["reason"])
    logger.info(
        "%s examples, %s for validation, %s steps, %s on %s",
        len(trainer.train),
        len(trainer.validation),
        trainer.total_steps,
        trainer.dtype,
        trainer.device,
    )
    if config.resume:
        trainer.resume()
        logger.info("going on after step %s", trainer.progress.step)
    files.metrics_keep(trainer.progress.step)
    files.status(
        "training",
        step=trainer.progress.step,
        total=trainer.total_steps,
        dropped=trainer.dropped,
        resumable=files.checkpoint.is_file(),
    )
    finished = trainer.run()
    step = trainer.progress.step
    if not finished:
        logger.info("stopped at step %s; the checkpoint is written", step)
        files.status(
            "stopped",
            step=step,
            total=trainer.total_steps,
            dropped=trainer.dropped,
            resumable=True,
        )
        return 0
    files.status("saving", step=step, total=trainer.total_steps, dropped=trainer.dropped)
    save_adapter(trainer)
    files.checkpoint_remove()
    files.status("finished", step=step, total=trainer.total_steps, dropped=trainer.dropped)
    logger.info("finished: %s steps in %s", step, _clock(trainer.progress.elapsed_s))
    return 0


def _note(files: RunFiles, trainer: Trainer, event: Event) -> None:
    files.metric(event)
    step = trainer.progress.step
    files.status(
        "training",
        step=step,
        total=trainer.total_steps,
        dropped=trainer.dropped,
        resumable=files.checkpoint.is_file(),
    )
    if "eval_loss" in event:
        logger.info(
            "step %s/%s  validation loss %.4f", step, trainer.total_steps, event["eval_loss"]
        )
    else:
        logger.info(
            "step %s/%s  loss %.4f  lr %.2e  %.0f tokens/s  %s left",
            step,
            trainer.total_steps,
            event["loss"],
            event["lr"],
            event["throughput"],
            event["remaining_time"],
        )


def _failed(files: RunFiles, code: str, message: str) -> int:
    logger.error("%s", message)
    files.status(
        "failed",
        keep_progress=True,
        error={"code": code, "message": message},
        advice=ADVICE.get(code),
        resumable=files.checkpoint.is_file() and code != "diverged",
    )
    return 1


class _StopRequest:
    """SIGTERM, SIGINT or the file ``stop``: whatever comes first."""

    def __init__(self, files: RunFiles) -> None:
        self.files = files
        self.signalled = False
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self.signalled = True

    def is_asked(self) -> bool:
        return self.signalled or self.files.stop.exists()
