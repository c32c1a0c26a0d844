"""What every job's process has in common: its status, its stop, and the end it comes to."""

import json
import logging
import signal
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any, Final

from ml.errors import MlError
from ml.memory import is_out_of_memory
from ml.run_files import RunFiles, write_whole

logger = logging.getLogger(__name__)

RESULT: Final = "result.json"
# What a process returns.
DONE: Final = 0
FAILED: Final = 1

# Does the job's work and returns its result; None where it was stopped.
Work = Callable[["StopRequest"], Mapping[str, Any] | None]


class StopRequest:
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


def run_job(files: RunFiles, work: Work, *, advice: Mapping[str, str]) -> int:
    """Do a job; its exit status. However it ends is told in ``status.json`` before.

    Args:
        files: of the job's folder; the result is written there, whole.
        work: the job.
        advice: what to do about a failure, by its code.
    """
    stop = StopRequest(files)
    files.status("loading")
    try:
        result = work(stop)
        if result is None:
            files.status("stopped", keep_progress=True)
            return DONE
        files.status("saving", keep_progress=True)
        write_whole(files.folder / RESULT, json.dumps(result, ensure_ascii=False, allow_nan=False))
    except MlError as error:
        return _failed(files, error.code, error.message, advice)
    except OSError as error:
        logger.exception("a file could not be read or written")
        message = f"A file could not be read or written: {error}"
        return _failed(files, "file_problem", message, advice)
    except Exception as error:
        if is_out_of_memory(error):
            logger.exception("out of memory")
            message = f"There was not enough memory: {error}"
            return _failed(files, "out_of_memory", message, advice)
        logger.exception("unexpected failure")
        _failed(files, "failed", f"It failed unexpectedly: {error}", advice)
        raise
    files.status("finished", keep_progress=True)
    return DONE


def _failed(files: RunFiles, code: str, message: str, advice: Mapping[str, str]) -> int:
    logger.error("%s", message)
    files.status(
        "failed",
        keep_progress=True,
        error={"code": code, "message": message},
        advice=advice.get(code),
    )
    return FAILED
