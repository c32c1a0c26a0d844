"""``python -m ml export --config job.json``: an export as a job of the queue."""

import logging
import shutil
from pathlib import Path
from typing import Any, Final

from ml.errors import ConfigError
from ml.export.exporting import export
from ml.export.parts import ADVICE
from ml.export.progress import Stopped
from ml.export.request import read_request
from ml.job_process import StopRequest, run_job
from ml.run_files import RunFiles
from ml.whole_folder import left_overs

logger = logging.getLogger(__name__)

BAD_CONFIG: Final = 2


def main(config_path: Path) -> int:
    """The exit status: 0 finished or stopped, 1 failed, 2 a bad config.

    Whatever happens is told in ``status.json`` before the process ends; what was written stands in
    ``result.json``.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        request = read_request(config_path)
    except ConfigError as error:
        logger.error("%s", error.message)
        return BAD_CONFIG
    files = RunFiles(request.output.parent)

    def note(phase: Any, step: int, total: int) -> None:  # Any: a phase of ours
        logger.info("%s %s/%s", phase, step, total)
        files.status(phase, step=step, total=total)

    def work(stop: StopRequest) -> dict[str, Any] | None:
        # A process that was killed before may have left some; this folder is nobody else's.
        for left_over in left_overs(request.output):
            shutil.rmtree(left_over, ignore_errors=True)
        shutil.rmtree(request.output, ignore_errors=True)
        try:
            return export(request, on_phase=note, should_stop=stop.is_asked, report=logger.info)
        except Stopped:
            logger.info("stopped; nothing was written")
            return None

    return run_job(files, work, advice=ADVICE)
