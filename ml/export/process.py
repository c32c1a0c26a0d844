"""``python -m ml export``: the edge between an export and whoever waits for its files."""

import json
import logging
import shutil
from pathlib import Path
from typing import Any, Final

import torch

from ml.errors import ConfigError, MlError
from ml.export.exporting import export
from ml.export.parts import ADVICE
from ml.export.progress import Stopped
from ml.export.request import Request, read_request
from ml.run_files import RunFiles, StopRequest, write_whole
from ml.whole_folder import left_overs

logger = logging.getLogger(__name__)

RESULT: Final = "result.json"


def main(config_path: Path) -> int:
    """An export as ``job.json`` says: 0 finished or stopped, 1 failed, 2 a bad config.

    Whatever happens is told in ``status.json`` before the process ends; what was written stands in
    ``result.json``.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        request = read_request(config_path)
    except ConfigError as error:
        logger.error("%s", error.message)
        return 2
    files = RunFiles(request.output.parent)
    stop = StopRequest(files)
    files.status("loading")
    try:
        return _export(request, files, stop)
    except Stopped:
        logger.info("stopped; nothing was written")
        files.status("stopped", keep_progress=True)
        return 0
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
        _failed(files, "failed", f"The export failed unexpectedly: {error}")
        raise


def _export(request: Request, files: RunFiles, stop: StopRequest) -> int:
    # A process that was killed before may have left some; this job's folder is nobody else's.
    for left_over in left_overs(request.output):
        shutil.rmtree(left_over, ignore_errors=True)
    shutil.rmtree(request.output, ignore_errors=True)
    last: list[int] = [0, 0]

    def note(phase: Any, step: int, total: int) -> None:  # Any: a phase of ours
        last[:] = step, total
        logger.info("%s %s/%s", phase, step, total)
        files.status(phase, step=step, total=total)

    result = export(request, on_phase=note, should_stop=stop.is_asked, report=logger.info)
    write_whole(files.folder / RESULT, json.dumps(result, ensure_ascii=False, indent=2))
    files.status("finished", step=last[0], total=last[1])
    logger.info("finished: %s", request.output)
    return 0


def _failed(files: RunFiles, code: str, message: str) -> int:
    logger.error("%s", message)
    files.status(
        "failed",
        keep_progress=True,
        error={"code": code, "message": message},
        advice=ADVICE.get(code),
    )
    return 1
