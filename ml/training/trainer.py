"""The loop of one run: steps, validations, checkpoints.

It knows files and torch, and nothing of queues, rows or pages. What it measures goes out through
``on_event``, and ``should_stop`` is asked before every batch.

Source: LoRA, Hu et al. 2021, https://arxiv.org/abs/2106.09685.
"""

import logging
import math
import time
from collections.abc import Callable
from typing import Any, Final

import torch
import torch.nn.functional as F  # everybody calls it so

from ml import base_models
from ml.adapters import trainable_model
from ml.checkpoints import chance, chance_put, checkpoint_load, checkpoint_save
from ml.combinations import combination_problems
from ml.cutoff import within_cutoff
from ml.devices import best_device, has_bitsandbytes, training_dtype
from ml.encoding import Encoder, Example, read_examples
from ml.errors import ConfigError
from ml.memory import peak_memory_bytes
from ml.packing import Packed
from ml.parents import Parent
from ml.run_files import RunConfig
from ml.tokens import Tokens
from ml.training import divergence
from ml.training.batches import Batches
from ml.training.clock import clock
from ml.training.noise import EmbeddingNoise
from ml.training.progress import Progress, Weights
from ml.training.schedules import rate_factor
from ml.training.weights import AdapterWeights, optimiser_for
from ml.training.world import World

logger = logging.getLogger(__name__)

CHECKPOINT_EVERY_S: Final = 300.0

Event = dict[str, Any]  # the fields of one line of trainer_log.jsonl
OnEvent = Callable[[Event], None]
ShouldStop = Callable[[], bool]


class Trainer:
    """Holds one run's model, optimiser and data; ``run()`` trains to the end or to a stop.

    Raises:
        ConfigError: settings that cannot work here, no examples, or a parent that does not fit.
        ModelLoadError: the base model cannot be had.
    """

    def __init__(
        self,
        config: RunConfig,
        *,
        on_event: OnEvent,
        should_stop: ShouldStop,
        world: World | None = None,
    ) -> None:
        self.config = config
        self.settings = config.settings
        self.on_event = on_event
        self.should_stop = should_stop
        self.world = world or World()
        self.device = best_device(self.world.local_rank)
        self._refuse_what_cannot_work()
        self.dtype = training_dtype(self.settings.precision, self.device)
        self.folder = base_models.folder_of(
            config.base_model,
            models_dir=config.models_dir,
            model_hub=config.model_hub,
            report=logger.info,
        )
        # Now: a folder that goes away later must not cost the run its adapter.
        self.base_fingerprint = base_models.fingerprint(self.folder)
        self.parent = (
            Parent.read(
                config.parent_adapter,
                settings=self.settings,
                base_fingerprint=self.base_fingerprint,
            )
            if config.parent_adapter
            else None
        )
        self.tokens = Tokens(self.folder)
        self.encoder = Encoder(
            self.tokens,
            system_prompt=config.system_prompt,
            thinking=self.settings.enable_thinking,
        )
        self.dropped: list[dict[str, str]] = []
        self.train = self._read(config.train_file)
        self.validation = self._read(config.validation_file)
        general = self._read(config.general_file) if self.settings.general_share else []
        self._refuse_without_examples(general)
        self.batches = Batches(
            self.encoder, settings=self.settings, train=self.train, general=general
        )
        self.total_steps = self.settings.steps(len(self.train))
        torch.manual_seed(self.settings.seed)
        self.model = trainable_model(
            self.folder, self.settings, dtype=self.dtype, device=self.device
        )
        if self.parent:
            self.parent.put_into(self.model)
        # The base with LoRA inside; every architecture is a class of its own, hence Any.
        self.base: Any = self.model.get_base_model()
        self.noise = EmbeddingNoise(
            self.model.get_input_embeddings(), self.settings.neftune_noise_alpha
        )
        self.weights = AdapterWeights(self.model, self.dtype)
        self.optimiser = optimiser_for(self.weights, self.settings)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimiser, rate_factor(self.settings, self.total_steps)
        )
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.dtype == torch.float16)
        self.progress = Progress()
        self.best: Weights | None = None
        self.saved_step = 0
        if self.world.rank:  # each drops out and adds noise by itself
            torch.manual_seed(self.settings.seed + self.world.rank)

    def resume(self) -> None:
        """Go back to where the checkpoint was written.

        Raises:
            ConfigError: it is missing, or was made with other data or settings.
        """
        checkpoint_load(self)

    def run(self) -> bool:
        """Train until the end; False when it was stopped before, with a checkpoint.

        Raises:
            Diverged: the loss became infinite, no number, or far larger than it was.
        """
        started_at = time.monotonic() - self.progress.elapsed_s
        saved_at = time.monotonic()
        self.model.train()
        while self.progress.step < self.total_steps and not self.is_early_enough:
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
            is_late = time.monotonic() - saved_at > CHECKPOINT_EVERY_S
            if self.world.agree(is_late, device=self.device):
                checkpoint_save(self)
                saved_at = time.monotonic()
        self.saved_step = self.progress.step
        if self.settings.keep_best and self.best is not None:
            self.weights.put(self.best)
            self.saved_step = self.progress.best_step
        return True

    @property
    def is_early_enough(self) -> bool:
        """Whether the validation loss has not fallen for as long as was to be waited."""
        patience = self.settings.early_stopping_patience
        return 0 < patience <= self.progress.without_gain

    def _step(self) -> Event | None:
        """One optimiser step; None when a stop was asked for, with nothing changed."""
        began_at = time.monotonic()
        # Processes that share the work agree once a step; one alone may stop between batches.
        if self.world.agree(self.should_stop(), device=self.device):
            return None
        before = chance(self.device)
        batches = self.batches.of_step(self.progress.step, share=self.world.share)
        mine = sum(batch.labels.numel() for batch in batches)
        count = self.world.sum([mine], device=self.device)[0]
        loss_sum, tokens = 0.0, 0
        for number, batch in enumerate(batches):
            if number and self.world.size == 1 and self.should_stop():
                self.optimiser.zero_grad(set_to_none=True)
                chance_put(before, self.device)  # these batches come again, with the same noise
                return None
            loss = self.loss_sum(batch) / count
            self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]  # torch's own
            self.weights.gather()
            loss_sum += float(loss.detach())
            tokens += batch.input_ids.numel()
        self.world.sum_gradients(self.weights.masters)
        loss_sum, all_tokens = self.world.sum([loss_sum, tokens], device=self.device)
        divergence.check(self.progress.losses, loss_sum)
        rate = self.schedule.get_last_lr()[0]
        norm = self._update()
        self.progress.tokens += int(all_tokens)
        self.progress.losses.append(loss_sum)
        return {
            "loss": loss_sum,
            "lr": rate,
            "grad_norm": norm,
            "throughput": all_tokens / max(time.monotonic() - began_at, 1e-9),
        }

    def _update(self) -> float:
        """Change the weights by the gradients gathered; their norm before it was limited."""
        self.scaler.unscale_(self.optimiser)
        limit = self.settings.max_grad_norm or math.inf
        norm = float(torch.nn.utils.clip_grad_norm_(self.weights.masters, limit))
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.schedule.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.weights.spread()
        return norm

    def loss_sum(self, batch: Packed) -> torch.Tensor:
        """Sum of the cross-entropies of a batch's labels; logits only where there are any."""
        batch = batch.to(self.device)
        self.noise.length = batch.longest
        logits = self.base(
            input_ids=batch.input_ids,
            position_ids=batch.position_ids,
            # A 4-dimensional mask is taken as it is.
            attention_mask=batch.attention,
            logits_to_keep=batch.predicting,
            use_cache=False,
        ).logits  # (B, K, V)
        wanted = logits.flatten(0, 1)[batch.picked].float()  # (N, V)
        return F.cross_entropy(wanted, batch.labels, reduction="sum")

    def _is_validation_due(self) -> bool:
        step, interval = self.progress.step, self.settings.evaluation_interval
        if not self.validation:
            return False
        if step == self.total_steps:
            return True
        if interval:
            return step % interval == 0
        seen, length = step * self.settings.examples_per_step, self.batches.epoch_length
        return seen // length > (seen - self.settings.examples_per_step) // length

    @torch.no_grad()
    def _validate(self) -> None:
        self.model.eval()
        loss, count = 0.0, 0
        for batch in self.batches.of_validation(self.validation, share=self.world.share):
            loss += float(self.loss_sum(batch))
            count += batch.labels.numel()
        self.model.train()
        loss, count_all = self.world.sum([loss, count], device=self.device)
        if self.progress.note_validation(loss / count_all) and self.settings.keep_best:
            self.best = self.weights.by_name()
        self._report({"eval_loss": loss / count_all})

    def _report(self, measured: Event) -> None:
        done, total = self.progress.step, self.total_steps
        left_s = self.progress.elapsed_s / done * (total - done)
        epoch = done * self.settings.examples_per_step / self.batches.epoch_length
        self.on_event(
            {
                "current_steps": done,
                "total_steps": total,
                **measured,
                "epoch": round(epoch, 4),
                "percentage": round(100 * done / total, 2),
                "elapsed_time": clock(self.progress.elapsed_s),
                "remaining_time": clock(left_s),
                "total_tokens": self.progress.tokens,
                "memory_bytes": peak_memory_bytes(self.device),
            }
        )

    def _read(self, path: Any) -> list[Example]:  # a Path or None
        if path is None:
            return []
        kept, dropped = within_cutoff(
            self.encoder, read_examples(path), cutoff_tokens=self.settings.cutoff_tokens
        )
        self.dropped += dropped
        return kept

    def _refuse_what_cannot_work(self) -> None:
        self._refuse(
            combination_problems(
                self.settings,
                has_cuda=self.device.type == "cuda",
                has_bitsandbytes=has_bitsandbytes(),
            )
        )

    def _refuse_without_examples(self, general: list[Example]) -> None:
        if not self.train:
            raise ConfigError("No example is left to train on.", code="no_examples")
        self._refuse(
            combination_problems(
                self.settings,
                has_validation=bool(self.validation),
                has_general=bool(general),
            )
        )

    def _refuse(self, problems: list[tuple[str, str]]) -> None:
        for _field, sentence in problems[:1]:
            raise ConfigError(sentence, code="settings_impossible")
