"""A portion: parts of one or several prompts that are read together, between two steps of the sequences being decoded.

    rows of a portion   [ prompt A, positions 2048 to 4095 | prompt B, 0 to 199 .. 255 ]     `..` is padding

A part begins where a block of the cache begins and is filled up to whole blocks. Padding comes after every real token,
so none attends to it, and later steps overwrite what it leaves in the cache.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from minicpm_rag.llm.decoding.cache import BLOCK

if TYPE_CHECKING:
    import torch

    from minicpm_rag.llm.decoding.rope import RotaryTables


@dataclass(frozen=True)
class Part:
    """`count` tokens of a prompt of `length` tokens, from position `start` on; `blocks` are its sequence's."""

    start: int
    count: int
    length: int
    blocks: Sequence[int]

    @property
    def rows(self) -> int:
        """Its tokens and padding."""
        return -(-self.count // BLOCK) * BLOCK


@dataclass(frozen=True)
class Copies:
    """`count` blocks that copy those a portion attends to, for a cache that does not hold numbers as they are.

    `tables` and `new_blocks` are as a portion's own; the copies at `places` are of the blocks `cached`, of parts that
    continue a prompt.
    """

    count: int
    tables: torch.Tensor
    new_blocks: torch.Tensor
    cached: torch.Tensor
    places: torch.Tensor


class Portion:
    """The parts with what attention needs of them, on the device."""

    def __init__(self, parts: Sequence[Part], rope: RotaryTables, dtype: torch.dtype, device: torch.device) -> None:
        import torch

        self.parts = parts
        self._device = device
        tables = [rope.prefill(part.start, part.start + part.rows, part.length) for part in parts]
        # Cosines and sines [rows, head dimension].
        self.cos, self.sin = (torch.cat(table).to(dtype) for table in zip(*tables, strict=True))
        self.first_rows = [sum(part.rows for part in parts[:number]) for number in range(len(parts))]

    def padded(self, ids: torch.Tensor) -> torch.Tensor:
        """The ids of all parts [tokens] with their padding [rows]."""
        import torch
        from torch.nn import functional

        pieces = torch.split(ids, [part.count for part in self.parts])
        return torch.cat([functional.pad(piece, (0, -len(piece) % BLOCK)) for piece in pieces])

    @functools.cached_property
    def last_rows(self) -> torch.Tensor:
        """The row of each part's last token."""
        return self._moved([row + part.count - 1 for row, part in zip(self.first_rows, self.parts, strict=True)])

    @functools.cached_property
    def tables(self) -> torch.Tensor:
        """The cache blocks that each part attends to [parts, blocks], filled up with block 0."""
        needed = [(part.start + part.rows) // BLOCK for part in self.parts]
        pairs = zip(self.parts, needed, strict=True)
        return self._moved([[*part.blocks[:count], *[0] * (max(needed) - count)] for part, count in pairs])

    @functools.cached_property
    def new_blocks(self) -> torch.Tensor:
        """The cache blocks that the rows go to [rows / BLOCK]."""
        return self._moved(
            [
                block
                for part in self.parts
                for block in part.blocks[part.start // BLOCK : (part.start + part.rows) // BLOCK]
            ]
        )

    @functools.cached_property
    def copies(self) -> Copies:
        """Blocks for this portion alone, one after the other for all that each part attends to."""
        needed = [(part.start + part.rows) // BLOCK for part in self.parts]
        first = [sum(needed[:number]) for number in range(len(needed))]
        whole = list(zip(self.parts, first, needed, strict=True))
        continued = [(part, start, count) for part, start, count in whole if part.start]
        return Copies(
            sum(needed),
            self._moved([[*range(start, start + count), *[0] * (max(needed) - count)] for _, start, count in whole]),
            self._moved(
                [place for part, start, count in whole for place in range(start + part.start // BLOCK, start + count)]
            ),
            self._moved([block for part, _, count in continued for block in part.blocks[:count]]).long(),
            self._moved([place for _, start, count in continued for place in range(start, start + count)]).long(),
        )

    @functools.cached_property
    def tiles(self) -> torch.Tensor:
        """What each program of the attention kernel takes [rows / BLOCK, 3]: first row, its position, its part."""
        return self._moved(
            [
                (row + ahead, part.start + ahead, number)
                for number, (row, part) in enumerate(zip(self.first_rows, self.parts, strict=True))
                for ahead in range(0, part.rows, BLOCK)
            ]
        )

    def _moved(self, numbers: Sequence[object]) -> torch.Tensor:
        import torch

        return torch.tensor(numbers, dtype=torch.int32).to(self._device, non_blocking=True)
