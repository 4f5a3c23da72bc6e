"""The KV cache: keys and values in blocks of 64 tokens, shared by all running sequences.

A sequence holds as many blocks as its prompt and answer can need, not a whole context window: in bfloat16 one
token of MiniCPM-2B takes 369 kB. Full blocks of ended sequences are kept until their memory is needed, and a
prompt that begins with the same tokens reuses them. Knows ids and blocks, not models or requests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from minicpm_rag.llm.decoding.weights import DecoderWeights

if TYPE_CHECKING:
    import torch

BLOCK = 64  # tokens; with head dimension 64 a block of one head is 8 kB, enough for one efficient read


@dataclass
class LayerCache:
    """One layer's keys and values [blocks, key heads, BLOCK, head dimension].

    In 8 bits each vector (last dimension) has a scale [blocks, key heads, BLOCK]; else the scales are empty.
    """

    keys: torch.Tensor
    values: torch.Tensor
    key_scales: torch.Tensor
    value_scales: torch.Tensor

    @property
    def quantized(self) -> bool:
        """Whether keys and values are integers of 8 bits with a scale."""
        return self.key_scales.numel() > 0


def block_bytes(weights: DecoderWeights, quantized: bool) -> int:
    """What one block takes over all layers."""
    number = 1 + 2 / weights.head_dimension if quantized else weights.dtype.itemsize
    return int(2 * len(weights.layers) * weights.key_heads * weights.head_dimension * BLOCK * number)


class BlockPool:
    """The blocks: their memory, how many hold each, and for which tokens they were written."""

    def __init__(self, weights: DecoderWeights, blocks: int, quantized: bool = False) -> None:
        import torch

        shape = (blocks + 1, weights.key_heads, BLOCK, weights.head_dimension)
        kind = torch.int8 if quantized else weights.dtype
        scales = shape[:3] if quantized else (0,)

        def layer() -> LayerCache:
            return LayerCache(
                *(torch.zeros(shape, dtype=kind, device=weights.device) for _ in range(2)),
                *(torch.zeros(scales, dtype=torch.float16, device=weights.device) for _ in range(2)),
            )

        self.layers = [layer() for _ in weights.layers]
        self.bytes = block_bytes(weights, quantized) * (blocks + 1)
        self.blocks = blocks
        self.quantized = quantized
        # Block 0 belongs to nobody: idle rows of a step write there.
        self._free = list(range(blocks, 0, -1))
        self._holders = [0] * (blocks + 1)
        # Tokens of ended sequences and the full blocks with their keys, least recently used first.
        self._remembered: list[tuple[tuple[int, ...], list[int]]] = []

    def fits(self, tokens: int) -> bool:
        """Whether a sequence of this length can ever be served."""
        return -(-tokens // BLOCK) <= self.blocks

    def take(self, ids: Sequence[int], tokens: int, reusable: int) -> tuple[list[int], int] | None:
        """Blocks for a sequence of up to `tokens` tokens that begins with `ids`; None where too few are free.

        Also returns for how many of its first tokens the blocks hold the keys already: whole blocks only, and
        at most `reusable` tokens.
        """
        needed = -(-tokens // BLOCK)
        best: list[int] = []
        for number, (old, blocks) in enumerate(self._remembered):
            shared = _common_beginning(old, ids, reusable) // BLOCK
            if shared > len(best):
                best = blocks[:shared]
                found = number
        if needed - len(best) > len(self._free) + len(self._reclaimable() - set(best)):
            return None
        if best:
            self._remembered.append(self._remembered.pop(found))
        self._hold(best)
        while len(self._free) < needed - len(best):
            self.give_back(self._remembered.pop(0)[1])
        fresh = [self._free.pop() for _ in range(needed - len(best))]
        self._hold(fresh)
        return best + fresh, len(best) * BLOCK

    def remember(self, ids: Sequence[int], blocks: Sequence[int]) -> None:
        """Keep the full blocks that hold the keys of `ids`, for prompts that begin with the same tokens."""
        full = len(ids) // BLOCK
        if full == 0:
            return
        key = tuple(ids[: full * BLOCK])
        for contained in [entry for entry in self._remembered if key[: len(entry[0])] == entry[0]]:
            self._remembered.remove(contained)
            self.give_back(contained[1])
        self._hold(blocks[:full])
        self._remembered.append((key, list(blocks[:full])))

    def give_back(self, blocks: Sequence[int]) -> None:
        """Stop holding blocks; the last holder frees them."""
        for block in blocks:
            self._holders[block] -= 1
            if self._holders[block] == 0:
                self._free.append(block)

    def release(self) -> None:
        """Free the memory; the pool cannot be used afterwards."""
        self.layers.clear()

    def forget(self) -> None:
        """Drop every remembered block."""
        while self._remembered:
            self.give_back(self._remembered.pop()[1])

    def _reclaimable(self) -> set[int]:
        """Blocks that are only remembered."""
        return {block for _, blocks in self._remembered for block in blocks if self._holders[block] == 1}

    def _hold(self, blocks: Sequence[int]) -> None:
        for block in blocks:
            self._holders[block] += 1


def _common_beginning(first: Sequence[int], second: Sequence[int], limit: int) -> int:
    limit = min(limit, len(first), len(second))
    for place in range(limit):
        if first[place] != second[place]:
            return place
    return limit
