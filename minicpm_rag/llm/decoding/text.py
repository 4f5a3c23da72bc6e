"""One text in work: what was asked, what it holds, where its reader gets new ids.

Knows nothing of steps or of other texts.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from queue import SimpleQueue
from typing import Any

from minicpm_rag.llm.generation import Sampling

DONE = object()  # ends a text's queue


class Text:
    """One text in work; `tokens` is where its reader gets new ids, an exception, or DONE."""

    def __init__(self, prompt_ids: Sequence[int], room: int, sampling: Sampling, cancel: threading.Event) -> None:
        self.ids = list(prompt_ids)
        self.prompt_length = len(self.ids)
        self.room = room  # tokens it may come to have
        self.sampling = sampling
        self.seed = random.getrandbits(32) if sampling.seed is None else sampling.seed & 0xFFFFFFFF
        self.cancel = cancel
        self.closed = False
        self.tokens: SimpleQueue[Any] = SimpleQueue()
        self.slot = -1
        self.pages: list[int] = []
        self.cached = 0  # tokens whose keys and values are written
        self._gain = 2.0  # tokens a guessed step brings, on average lately
        self._pause = 0

    @property
    def unwanted(self) -> bool:
        """Whether its reader has gone."""
        return self.closed or self.cancel.is_set()

    def wants_guesses(self) -> bool:
        """Whether guessing pays: a step with guesses takes 1.3 times as long as one without (measured)."""
        if self._pause:
            self._pause -= 1
        return not self._pause

    def note_guesses(self, stand: int) -> None:
        """Learn from a guessed step; where it brings too little, let sixteen steps pass without."""
        self._gain += 0.2 * (stand - self._gain)
        if self._gain < 1.3:
            self._gain, self._pause = 1.6, 16
