"""How many prompt tokens are read between two steps: as many as the sequences being decoded can wait for."""

from __future__ import annotations

from minicpm_rag.llm.decoding.cache import BLOCK

# With the step after it, less than the 60 ms that the others may wait for a token.
_MILLISECONDS = 40.0
MOST_TOKENS = 4096  # a larger portion is no quicker a token, and its activations take memory
_FIRST_TOKENS = 2048  # before anything was measured
_FEWEST_MEASURED = 512  # a small portion's time is that of launching it


class Pace:
    """What reading prompts took until now."""

    def __init__(self) -> None:
        self._milliseconds: float | None = None  # a token

    def note(self, tokens: int, milliseconds: float) -> None:
        """Hear how long a portion took."""
        if tokens >= min(_FEWEST_MEASURED, self.tokens(others_wait=True)):
            took = milliseconds / tokens
            self._milliseconds = took if self._milliseconds is None else (self._milliseconds + took) / 2

    def tokens(self, *, others_wait: bool) -> int:
        """The most tokens of the next portion, whole blocks."""
        if self._milliseconds is None:
            return _FIRST_TOKENS
        if not others_wait:
            return MOST_TOKENS
        affordable = int(_MILLISECONDS / self._milliseconds) // BLOCK * BLOCK
        return max(BLOCK, min(MOST_TOKENS, affordable))
