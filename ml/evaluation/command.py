"""``python -m ml evaluate``: from ``job.json`` to ``result.json``."""

import logging
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ml.errors import ConfigError
from ml.evaluation.config import EvaluationConfig, read_config
from ml.evaluation.evaluating import Evaluator, Stopped
from ml.job_process import StopRequest, run_job
from ml.run_files import RunFiles
from ml.words import told

logger = logging.getLogger(__name__)

# Seconds between two words in status.json: a step may take milliseconds.
TELL_EVERY_S: Final = 0.5

ADVICE: Final = {
    "no_examples": told(
        "Mark some records as golden, or freeze a version with a share for validation, "
        "and train on that version."
    ),
    "out_of_memory": told("Free memory on the machine, or use a smaller base model."),
    "adapter_missing": told("The adapter's files are gone from this machine; train it again."),
}


def main(config_path: Path) -> int:
    """Exit status 0 finished or stopped, 1 failed, 2 a bad config."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        config = read_config(config_path)
    except ConfigError as error:
        logger.error("%s", error.message)
        return 2
    files = RunFiles(config.output_dir)
    return run_job(files, lambda stop: _evaluate(config, files, stop), advice=ADVICE)


def _evaluate(
    config: EvaluationConfig, files: RunFiles, stop: StopRequest
) -> Mapping[str, Any] | None:
    told_at = -math.inf
    began_at = time.monotonic()

    def tell(step: int, total: int) -> None:
        nonlocal told_at
        now = time.monotonic()
        if now - told_at >= TELL_EVERY_S or step == total:
            told_at = now
            files.status("evaluating", step=step, total=total)
            logger.info("%s of %s steps", step, total)

    evaluator = Evaluator(config, on_step=tell, should_stop=stop.is_asked)
    logger.info("%s questions for %s", len(evaluator.questions), ", ".join(evaluator.models))
    try:
        result = evaluator.run()
    except Stopped:
        logger.info("stopped after %s of %s steps", evaluator.done, evaluator.total)
        return None
    return {**result, "seconds": round(time.monotonic() - began_at, 1)}
