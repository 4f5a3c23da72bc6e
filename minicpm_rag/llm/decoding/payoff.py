"""Whether draft tokens pay: how many tokens a step with them makes, and how much longer it takes.

The first is known without verifying any. Drafts come from the text itself, so the host looks them up as well and sees,
as the text grows, how far each would have been right:

    draft  the  glass  is  green  and  old  now        right: 3, so a step with it makes 4 tokens
    text   the  glass  is  blue

The second is measured, for each number of sequences. So nothing is tried that may not pay.
"""

from __future__ import annotations

from collections.abc import Sequence

from minicpm_rag.llm.decoding.drafting import Lookup
from minicpm_rag.llm.decoding.slots import DRAFT_TOKENS

_LOOKED_UP = 16_384  # tokens at the end of a prompt that the host looks drafts up in
_WEIGHT = 0.2  # of the newest number in a moving average
_UNKNOWN_GROWTH = 0.3  # of a step's time by drafts, where it was not measured
_MARGIN = 0.03


class Foresight:
    """How far the drafts of one sequence are right, whether or not they are verified."""

    def __init__(self, prompt_ids: Sequence[int]) -> None:
        self._lookup = Lookup(prompt_ids[-_LOOKED_UP:])
        self._draft = self._lookup.draft(DRAFT_TOKENS)
        self._right = 0
        self.tokens = 2.0  # that a step with drafts makes, as a moving average

    def add(self, token: int) -> None:
        """Hear the next token of the sequence."""
        self._lookup.add(token)
        if self._right < len(self._draft) and token == self._draft[self._right]:
            self._right += 1
            return
        self.tokens += _WEIGHT * (self._right + 1 - self.tokens)
        self._draft, self._right = self._lookup.draft(DRAFT_TOKENS), 0


class Payoff:
    """How long steps take by their shape (sequences, tokens of each), in milliseconds."""

    def __init__(self) -> None:
        self._idle: dict[tuple[int, int], float] = {}  # with empty sequences
        self._real: dict[tuple[int, int], float] = {}  # as a moving average

    def note_idle(self, shape: tuple[int, int], milliseconds: float) -> None:
        """Hear how long a newly captured step takes with empty sequences."""
        self._idle[shape] = milliseconds
        self._real.pop(shape, None)

    def note(self, shape: tuple[int, int], milliseconds: float) -> None:
        """Hear how long a step took."""
        known = self._real.get(shape, milliseconds)
        self._real[shape] = known + _WEIGHT * (milliseconds - known)

    def drafts_pay(self, size: int, tokens: float) -> bool:
        """Whether a step of `size` sequences should verify drafts, if it then makes so many tokens for each."""
        plain, drafted = (size, 1), (size, 1 + DRAFT_TOKENS)
        times = self._real if plain in self._real and drafted in self._real else self._idle
        if plain not in times or drafted not in times:
            return tokens > 1 + _UNKNOWN_GROWTH + _MARGIN
        # Sequences that are not empty add to both times: to what a step takes, but hardly to what drafts add.
        growth = (times[drafted] - times[plain]) / self._real.get(plain, times[plain])
        return tokens > 1 + growth + _MARGIN
