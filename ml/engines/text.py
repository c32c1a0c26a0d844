"""Token ids -> text, while they come: no broken characters, no stop text."""

from collections.abc import Sequence
from typing import Final

from ml.tokens import Tokens

INCOMPLETE: Final = "\N{REPLACEMENT CHARACTER}"
# Enough of the prompt to know whether a first word begins with a space.
TOKENS_BEFORE: Final = 4


class AnswerText:
    """The text of one answer, in pieces whose concatenation is the whole.

    A character whose bytes are not all there is held back, and so is what may be the beginning of
    a stop text.

    Args:
        tokens: of the model.
        prompt_ids: what stands before the answer.
        stop: texts that end it.
    """

    def __init__(self, tokens: Tokens, *, prompt_ids: Sequence[int], stop: Sequence[str]) -> None:
        self._tokens = tokens
        self._window = list(prompt_ids[-TOKENS_BEFORE:])
        self._shown = self._decode(self._window)
        self._known = len(self._window)
        self._stop = [text for text in stop if text]
        self._held = ""
        self.is_stopped = False

    def add(self, token: int) -> str:
        """What can be shown now that ``token`` is there."""
        self._window.append(token)
        text = self._decode(self._window)
        if text.endswith(INCOMPLETE):
            return ""
        return self._show(text)

    def rest(self) -> str:
        """What was held back, at the end of the answer; not the half of a character."""
        if self.is_stopped:
            return ""
        ready = self._show(self._decode(self._window).rstrip(INCOMPLETE))
        if not self.is_stopped:
            ready, self._held = ready + self._held, ""
        return ready

    def _show(self, text: str) -> str:
        self._held += text[len(self._shown) :]
        # From now on only what is new is decoded again, after what it depends on.
        self._window = self._window[self._known :]
        self._known = len(self._window)
        self._shown = self._decode(self._window)
        return self._without_stop()

    def _without_stop(self) -> str:
        found = [place for stop in self._stop if (place := self._held.find(stop)) >= 0]
        if found:
            self.is_stopped = True
            ready, self._held = self._held[: min(found)], ""
            return ready
        keep = self._may_become_stop()
        ready = self._held[: len(self._held) - keep]
        self._held = self._held[len(self._held) - keep :]
        return ready

    def _may_become_stop(self) -> int:
        """Length of the longest end of what is held that begins a stop text."""
        longest = max((len(stop) - 1 for stop in self._stop), default=0)
        for length in range(min(longest, len(self._held)), 0, -1):
            if any(stop.startswith(self._held[-length:]) for stop in self._stop):
                return length
        return 0

    def _decode(self, ids: Sequence[int]) -> str:
        return self._tokens.decode(ids, skip_special_tokens=True)
