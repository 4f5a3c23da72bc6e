"""What the device knows of each text in work: its tokens, its pages, how its next token is chosen.

All of it lives in device arrays with one row a slot, so that a step needs nothing from the host and the next
one can start before the host has read the last one's tokens. Row `slots` is a spare for idle rows of a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from minicpm_rag.llm.generation import Sampling

if TYPE_CHECKING:
    import torch

GUESSES = 7  # tokens guessed a step: with the known one eight rows, the least a tensor core takes


class Slots:
    """The arrays, and the writes that bring a text in."""

    def __init__(self, slots: int, context: int, page_tokens: int, vocabulary: int, device: torch.device) -> None:
        import torch

        rows = slots + 1
        self.spare = slots
        self.context = context

        def zeros(*shape: int, dtype: torch.dtype = torch.int32) -> torch.Tensor:
            return torch.zeros(shape, dtype=dtype, device=device)

        # Steps in flight may run past the end of a text, by one step's tokens each.
        room = context + 4 * (GUESSES + 1)
        self.ids = zeros(rows, room, dtype=torch.int64)
        self.length = zeros(rows) + 1
        self.pages = zeros(rows, -(-room // page_tokens))
        self.seen = zeros(rows, vocabulary, dtype=torch.bool)
        self.temperature = zeros(rows, dtype=torch.float32)
        self.top_p = zeros(rows, dtype=torch.float32) + 1
        self.top_k = zeros(rows)
        self.penalty = zeros(rows, dtype=torch.float32) + 1
        self.seed = zeros(rows, dtype=torch.int64)
        self.scratch: dict[tuple[int, ...], tuple[torch.Tensor, ...]] = {}  # of kernels, by size

    @property
    def bytes(self) -> int:
        """Memory of the arrays."""
        return sum(array.nbytes for array in vars(self).values() if hasattr(array, "nbytes"))

    def fill(self, slot: int, ids: Sequence[int], pages: Sequence[int], sampling: Sampling, seed: int) -> None:
        """Put a prompt into a slot."""
        import torch

        device = self.ids.device
        prompt = torch.tensor(ids, dtype=torch.int64).to(device, non_blocking=True)
        self.ids[slot, : len(ids)] = prompt
        self.pages[slot] = 0  # steps in flight past the text's last page write to the spare page
        self.pages[slot, : len(pages)] = torch.tensor(pages, dtype=torch.int32).to(device, non_blocking=True)
        self.seen[slot] = False
        self.seen[slot, prompt] = True
        self.length[slot] = len(ids)
        self.temperature[slot] = sampling.temperature
        self.top_p[slot] = sampling.top_p
        self.top_k[slot] = sampling.top_k
        self.penalty[slot] = sampling.repetition_penalty
        self.seed[slot] = seed

    def clear(self, slot: int) -> None:
        """Let an idle slot's row write to the spare page from now on."""
        self.pages[slot] = 0
        self.length[slot] = 1
