"""The device's side of each running sequence: its tokens, its KV-cache blocks, how its next token is chosen.

All of it lives in device arrays with one row a slot. A step therefore needs nothing from the host, and the next
step can start before the host has read the tokens of the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from minicpm_rag.llm.generation import Sampling

if TYPE_CHECKING:
    import torch

# Draft tokens a step: with the last known token they make eight rows, the least a tensor core computes.
DRAFT_TOKENS = 7


class Slots:
    """The arrays. Row `spare`, after the slots, is for the idle rows of a step."""

    def __init__(self, slots: int, context: int, block_tokens: int, vocabulary: int, device: torch.device) -> None:
        import torch

        rows = slots + 1
        self.spare = slots
        self.context = context

        def zeros(*shape: int, dtype: torch.dtype = torch.int32) -> torch.Tensor:
            return torch.zeros(shape, dtype=dtype, device=device)

        # A step that is in flight when a sequence ends still writes its tokens after the last one.
        room = context + 4 * (DRAFT_TOKENS + 1)
        self.ids = zeros(rows, room, dtype=torch.int64)
        self.length = zeros(rows) + 1
        self.blocks = zeros(rows, -(-room // block_tokens))
        self.seen = zeros(rows, vocabulary, dtype=torch.bool)
        self.allowed = zeros(rows, vocabulary, dtype=torch.bool) | True  # what a constraint leaves, see `allow`
        self.temperature = zeros(rows, dtype=torch.float32)
        self.top_p = zeros(rows, dtype=torch.float32) + 1
        self.top_k = zeros(rows)
        self.penalty = zeros(rows, dtype=torch.float32) + 1
        self.seed = zeros(rows, dtype=torch.int64)
        self.scratch: dict[tuple[int, ...], tuple[torch.Tensor, ...]] = {}  # of the kernels, by size

    @property
    def bytes(self) -> int:
        """Memory of the arrays."""
        return sum(array.nbytes for array in vars(self).values() if hasattr(array, "nbytes"))

    def fill(self, slot: int, ids: Sequence[int], blocks: Sequence[int], sampling: Sampling, seed: int) -> None:
        """Put a sequence into a slot."""
        import torch

        device = self.ids.device
        prompt = torch.tensor(ids, dtype=torch.int64).to(device, non_blocking=True)
        self.ids[slot, : len(ids)] = prompt
        self.blocks[slot] = 0  # what a step writes beyond the sequence's last block goes to the spare block
        self.blocks[slot, : len(blocks)] = torch.tensor(blocks, dtype=torch.int32).to(device, non_blocking=True)
        self.seen[slot] = False
        self.seen[slot, prompt] = True
        self.allowed[slot] = True
        self.length[slot] = len(ids)
        self.temperature[slot] = sampling.temperature
        self.top_p[slot] = sampling.top_p
        self.top_k[slot] = sampling.top_k
        self.penalty[slot] = sampling.repetition_penalty
        self.seed[slot] = seed

    def allow(self, slot: int, allowed: torch.Tensor) -> None:
        """Let the next token of a slot be one of those [vocabulary]. Only `plain` steps, without drafts, keep to it."""
        self.allowed[slot] = False  # a head may have more rows than the vocabulary
        self.allowed[slot, : len(allowed)] = allowed.to(self.allowed.device, non_blocking=True)
