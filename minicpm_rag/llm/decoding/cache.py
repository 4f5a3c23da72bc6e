"""The KV cache: keys and values in blocks of 64 tokens, shared by all running sequences.

A sequence holds as many blocks as its prompt and answer can need, not a whole context window: in bfloat16 one
token of MiniCPM-2B takes 369 kB. A full block is known by the block before it and its 64 tokens. So prompts that
begin alike form a tree, whoever asked them, and a new prompt takes the blocks along its path:

    instruction, passages  [ 1 ][ 2 ] -- question A [ 3 ]
                                    \\- question B [ 4 ][ 5 ]      each known as (block before, tokens)

Known blocks that nobody holds keep their memory until it is needed; those unused longest go first, a block always
before the one that it follows. Knows ids and blocks, not models or requests.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from minicpm_rag.llm.decoding.weights import DecoderWeights

if TYPE_CHECKING:
    import torch

_Key = tuple[int, tuple[int, ...]]  # the block before, 0 where there is none, and the tokens

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
        # Block 0 belongs to nobody: idle rows of a step write there. It also stands before every first block.
        self._free = list(range(blocks, 0, -1))
        self._holders = [0] * (blocks + 1)
        self._known: dict[_Key, int] = {}
        self._keys: dict[int, _Key] = {}  # the same, by block
        self._idle: dict[int, None] = {}  # known blocks that nobody holds, unused longest first

    @property
    def remembered(self) -> int:
        """Blocks that nobody holds, kept for prompts that begin alike."""
        return len(self._idle)

    def fits(self, tokens: int) -> bool:
        """Whether a sequence of this length can ever be served."""
        return -(-tokens // BLOCK) <= self.blocks

    def take(self, ids: Sequence[int], tokens: int, reusable: int) -> tuple[list[int], int] | None:
        """Blocks for a sequence of up to `tokens` tokens that begins with `ids`; None where too few are free.

        Also returns for how many of its first tokens the blocks hold the keys already: whole blocks only, and
        at most `reusable` tokens.
        """
        needed = -(-tokens // BLOCK)
        shared: list[int] = []
        for key_tokens in _full_blocks(ids, min(reusable, len(ids))):
            block = self._known.get((shared[-1] if shared else 0, key_tokens))
            if block is None:
                break
            shared.append(block)
        if needed - len(shared) > len(self._free) + len(self._idle.keys() - set(shared)):
            return None
        self._hold(shared)
        while len(self._free) < needed - len(shared):
            self._forget(next(iter(self._idle)))
        fresh = [self._free.pop() for _ in range(needed - len(shared))]
        self._hold(fresh)
        return shared + fresh, len(shared) * BLOCK

    def remember(self, ids: Sequence[int], blocks: Sequence[int]) -> None:
        """Make the full blocks that hold the keys of `ids` known, to prompts that begin with the same tokens."""
        before = 0
        for block, tokens in zip(blocks, _full_blocks(ids, len(ids)), strict=False):
            known = self._known.setdefault((before, tokens), block)
            if known != block:
                return  # two prompts that begin alike were read at once; what follows this one stays its own
            self._keys[block] = (before, tokens)
            before = block

    def give_back(self, blocks: Sequence[int]) -> None:
        """Stop holding blocks; the last holder frees them, or leaves them idle where they are known."""
        for block in reversed(blocks):  # so that a block comes to be idle before the one that it follows
            self._holders[block] -= 1
            if self._holders[block] == 0:
                if block in self._keys:
                    self._idle[block] = None
                else:
                    self._free.append(block)

    def release(self) -> None:
        """Free the memory; the pool cannot be used afterwards."""
        self.layers.clear()

    def forget(self) -> None:
        """Let no block be known any longer: what they hold may be wrong."""
        for block in list(self._keys):
            self._forget(block)

    def _forget(self, block: int) -> None:
        if block in self._keys:
            del self._known[self._keys.pop(block)]
        if block in self._idle:
            del self._idle[block]
            self._free.append(block)

    def _hold(self, blocks: Sequence[int]) -> None:
        for block in blocks:
            self._holders[block] += 1
            self._idle.pop(block, None)


def _full_blocks(ids: Sequence[int], tokens: int) -> Iterator[tuple[int, ...]]:
    """The tokens of each block that the first `tokens` ids fill."""
    for start in range(0, tokens - BLOCK + 1, BLOCK):
        yield tuple(ids[start : start + BLOCK])
