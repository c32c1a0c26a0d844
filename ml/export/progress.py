"""How far an export is, and whether somebody asked for its end."""

from collections.abc import Callable

OnPhase = Callable[[str, int, int], None]  # what it is at, steps done, steps in all
ShouldStop = Callable[[], bool]


class Stopped(Exception):
    """Somebody asked for an end."""


class Progress:
    """Counts the steps of one export; every count may raise ``Stopped``."""

    def __init__(self, total: int, on_phase: OnPhase, should_stop: ShouldStop) -> None:
        self.total = total
        self.step = 0
        self._phase = ""
        self._on_phase = on_phase
        self._should_stop = should_stop

    def enter(self, phase: str) -> None:
        self._phase = phase
        self._tell(0)

    def advance(self) -> None:
        self._tell(1)

    def _tell(self, steps: int) -> None:
        if self._should_stop():
            raise Stopped
        self.step += steps
        self._on_phase(self._phase, self.step, self.total)
