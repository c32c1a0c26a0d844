"""``python -m backend.config.embedded``: what ``make run`` runs once everything is installed."""

import errno
import signal
import sys
from types import FrameType
from typing import NoReturn

from backend.config.embedded.problems import StartProblem
from backend.config.embedded.start import run
from backend.config.env import EnvironmentProblem


def stop(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
    raise KeyboardInterrupt


def main() -> int:
    # INT as well: a shell that starts this in the background would let it be ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    try:
        run()
    except KeyboardInterrupt:
        return 0
    except (StartProblem, EnvironmentProblem) as problem:
        print(f"\nLoredesk cannot start. {problem}", file=sys.stderr)  # noqa: T201
        return 1
    except OSError as problem:
        if problem.errno != errno.ENOSPC:
            raise
        print("\nLoredesk cannot start. The disk is full.", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
