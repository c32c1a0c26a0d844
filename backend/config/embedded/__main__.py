"""``python -m backend.config.embedded``: what ``make run`` runs once everything is installed."""

import errno
import signal
import sys
from types import FrameType
from typing import NoReturn

from backend.config.embedded.problems import StartProblem
from backend.config.embedded.start import run
from backend.config.env import EnvironmentProblem


class Stopped(KeyboardInterrupt):
    """TERM or HUP arrived: the same as Ctrl-C."""


def stop(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
    raise Stopped


def main() -> int:
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, stop)
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
