"""One request being decoded: its tokens so far, and what it holds on the device.

Knows nothing of steps or of other requests.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence

from minicpm_rag.llm.generation import Sampling
from minicpm_rag.llm.generation.request import Request

# Of a step with draft tokens: it takes 1.3 times as long as one without, so it must make more tokens than that.
_WORTHWHILE_TOKENS = 1.3
_STEPS_WITHOUT_DRAFTS = 16


class TokenSequence(Request):
    """A request with its tokens: `ids` grows from the prompt to prompt and answer."""

    def __init__(self, prompt_ids: Sequence[int], room: int, sampling: Sampling, cancel: threading.Event) -> None:
        super().__init__(prompt_ids, sampling, cancel)
        self.prompt_length = len(self.ids)
        self.room = room  # the most tokens that it may come to have
        self.seed = random.getrandbits(32) if sampling.seed is None else sampling.seed & 0xFFFFFFFF
        self.slot = -1  # none
        self.blocks: list[int] = []  # of the KV cache
        self.cached = 0  # tokens whose keys and values are in the blocks
        self.prefilled = self.prompt_length - 1  # tokens to cache before the first step
        self.retried = False  # after memory ran out
        self._accepted = 2.0  # tokens that a step with drafts made, as a moving average
        self._pause = 0  # steps without drafts still to come

    def wants_drafts(self) -> bool:
        """Whether the next step should verify draft tokens; counts the steps that go without."""
        if self._pause:
            self._pause -= 1
        return not self._pause

    def note_accepted(self, count: int) -> None:
        """Learn how many tokens a step with drafts made; where they are too few, pause drafting."""
        self._accepted += 0.2 * (count - self._accepted)
        if self._accepted < _WORTHWHILE_TOKENS:
            self._accepted, self._pause = 1.6, _STEPS_WITHOUT_DRAFTS
