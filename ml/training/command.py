"""``python -m ml train``: one process that trains as a ``run.json`` says.

Whatever happens is told in ``status.json`` before the process ends.
"""

import logging
from pathlib import Path

from ml.adapters import save_adapter
from ml.advice import ADVICE, KEPT_BEST, STOPPED_EARLY
from ml.errors import ConfigError, MlError
from ml.job_process import StopRequest
from ml.memory import is_out_of_memory, keep_freed_memory
from ml.run_files import RunConfig, RunFiles, read_config
from ml.training.clock import clock
from ml.training.trainer import Event, Trainer
from ml.training.world import World

logger = logging.getLogger(__name__)

# What lies after them would be the same again.
NOT_RESUMABLE = {"diverged", "checkpoint_differs", "checkpoint_unreadable"}


def main(config_path: Path) -> int:
    """Train; exit status 0 finished or stopped, 1 failed, 2 a bad config."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        config = read_config(config_path)
    except ConfigError as error:
        logger.error("%s", error.message)
        return 2
    files = RunFiles(config.output_dir)
    stop = StopRequest(files)
    world = World.join()
    if world.is_first:
        files.status("loading")
    else:
        logging.getLogger().setLevel(logging.WARNING)
    try:
        return _train(config, files, stop, world)
    except MlError as error:
        return _failed(files, error.code, error.message)
    except OSError as error:
        logger.exception("a file could not be read or written")
        return _failed(files, "file_problem", f"A file could not be read or written: {error}")
    except Exception as error:
        if is_out_of_memory(error):
            logger.exception("out of memory")
            return _failed(files, "out_of_memory", f"There was not enough memory: {error}")
        logger.exception("unexpected failure")
        _failed(files, "failed", f"Training failed unexpectedly: {error}")
        raise
    finally:
        world.leave()


def _train(config: RunConfig, files: RunFiles, stop: StopRequest, world: World) -> int:
    keep_freed_memory()
    logger.info("loading %s", config.base_model)

    def note(event: Event) -> None:
        if world.is_first:
            _note(files, trainer, event)

    trainer = Trainer(config, on_event=note, should_stop=stop.is_asked, world=world)
    _say_what_is_trained(trainer)
    if config.resume:
        trainer.resume()
        logger.info("going on after step %s", trainer.progress.step)
    if world.is_first:
        files.metrics_keep(trainer.progress.step)
        _tell(files, trainer)
    finished = trainer.run()
    if world.is_first:
        _conclude(files, trainer, finished=finished)
    return 0


def _say_what_is_trained(trainer: Trainer) -> None:
    for dropped in trainer.dropped:
        logger.warning("dropped %s: %s", dropped["id"], dropped["reason"])
    logger.info(
        "%s examples (%s general ones in each epoch), %s for validation, %s steps, %s on %s%s",
        len(trainer.train),
        trainer.batches.general_in_epoch,
        len(trainer.validation),
        trainer.total_steps,
        str(trainer.dtype).removeprefix("torch."),
        trainer.device,
        f" in {trainer.world.size} processes" if trainer.world.size > 1 else "",
    )


def _conclude(files: RunFiles, trainer: Trainer, *, finished: bool) -> None:
    step, total = trainer.progress.step, trainer.total_steps
    if not finished:
        logger.info("stopped at step %s; the checkpoint is written", step)
        files.status("stopped", step=step, total=total, dropped=trainer.dropped, resumable=True)
        return
    files.status("saving", step=step, total=step, dropped=trainer.dropped)
    save_adapter(trainer)
    files.checkpoint_remove()
    advice = None
    if trainer.saved_step < step:
        advice = KEPT_BEST
        logger.info("the adapter of step %s is kept: its validation loss is lowest", step)
    if step < total:
        advice = STOPPED_EARLY
        logger.info("stopped early at step %s of %s", step, total)
    files.status("finished", step=step, total=step, dropped=trainer.dropped, advice=advice)
    logger.info("finished: %s steps in %s", step, clock(trainer.progress.elapsed_s))


def _tell(files: RunFiles, trainer: Trainer) -> None:
    files.status(
        "training",
        step=trainer.progress.step,
        total=trainer.total_steps,
        dropped=trainer.dropped,
        resumable=files.checkpoint.is_file(),
    )


def _note(files: RunFiles, trainer: Trainer, event: Event) -> None:
    files.metric(event)
    _tell(files, trainer)
    step, total = trainer.progress.step, trainer.total_steps
    if "eval_loss" in event:
        logger.info("step %s/%s  validation loss %.4f", step, total, event["eval_loss"])
        return
    logger.info(
        "step %s/%s  loss %.4f  lr %.2e  %.0f tokens/s  %s left",
        step,
        total,
        event["loss"],
        event["lr"],
        event["throughput"],
        event["remaining_time"],
    )


def _failed(files: RunFiles, code: str, message: str) -> int:
    logger.error("%s", message)
    if files.has_failed:
        return 1  # another process of this run has said why; that we lost it says nothing
    files.status(
        "failed",
        keep_progress=True,
        error={"code": code, "message": message},
        advice=ADVICE.get(code),
        resumable=files.checkpoint.is_file() and code not in NOT_RESUMABLE,
    )
    return 1
