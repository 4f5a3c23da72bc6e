"""One request being decoded: its tokens so far, and what it holds on the device.

Knows nothing of steps or of other requests.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence

from minicpm_rag.llm.decoding.payoff import Foresight
from minicpm_rag.llm.generation import Sampling
from minicpm_rag.llm.generation.request import Request


class TokenSequence(Request):
    """A request with its tokens: `ids` grows from the prompt to prompt and answer."""

    def __init__(
        self, prompt_ids: Sequence[int], room: int, sampling: Sampling, cancel: threading.Event, *, drafting: bool
    ) -> None:
        super().__init__(prompt_ids, sampling, cancel)
        self.prompt_length = len(self.ids)
        self.room = room  # the most tokens that it may come to have
        self.seed = random.getrandbits(32) if sampling.seed is None else sampling.seed & 0xFFFFFFFF
        self.slot = -1  # none
        self.blocks: list[int] = []  # of the KV cache
        self.cached = 0  # tokens whose keys and values are in the blocks
        self.prefilled = self.prompt_length - 1  # tokens to cache before the first step
        self.retried = False  # after memory ran out
        # Of its draft tokens; what a constraint allows is not known ahead.
        self.foresight = Foresight(self.ids) if drafting and sampling.constraint is None else None

    def add(self, token: int) -> None:
        """Append a chosen token; the one before it is cached now."""
        self.ids.append(token)
        self.cached = len(self.ids) - 1
        if self.sampling.constraint is not None:
            self.sampling.constraint.add(token)
        if self.foresight is not None:
            self.foresight.add(token)
