"""Keys and values in pages of 64 tokens, shared by all texts in work, and reused for texts that begin alike.

A text holds as many pages as its prompt and answer can need, not a whole context window: in bfloat16 one
token of MiniCPM-2B takes 369 kB. Full pages of earlier texts stay until their room is wanted, and a text
that begins with the same tokens takes them over. Knows ids and pages, not models or requests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from minicpm_rag.llm.decoding.weights import DecoderWeights

if TYPE_CHECKING:
    import torch

PAGE = 64  # tokens; one page of one head is 8 kB at head dimension 64, a good size to read at once


@dataclass
class LayerCache:
    """One layer's pages [pages, key heads, PAGE, head dimension]; for 8 bits a scale for each last row."""

    keys: torch.Tensor
    values: torch.Tensor
    key_scales: torch.Tensor
    value_scales: torch.Tensor

    @property
    def quantized(self) -> bool:
        """Whether keys and values are whole numbers with a scale."""
        return self.key_scales.numel() > 0


def page_bytes(weights: DecoderWeights, quantized: bool) -> int:
    """What one page takes over all layers."""
    number = 1 + 2 / weights.head_dimension if quantized else weights.dtype.itemsize
    return int(2 * len(weights.layers) * weights.key_heads * weights.head_dimension * PAGE * number)


class PagePool:
    """The pages: their memory, who holds them, and which texts they were written for."""

    def __init__(self, weights: DecoderWeights, pages: int, quantized: bool = False) -> None:
        import torch

        shape = (pages + 1, weights.key_heads, PAGE, weights.head_dimension)
        kind = torch.int8 if quantized else weights.dtype
        scales = shape[:3] if quantized else (0,)

        def layer() -> LayerCache:
            return LayerCache(
                *(torch.zeros(shape, dtype=kind, device=weights.device) for _ in range(2)),
                *(torch.zeros(scales, dtype=torch.float16, device=weights.device) for _ in range(2)),
            )

        self.layers = [layer() for _ in weights.layers]
        self.bytes = page_bytes(weights, quantized) * (pages + 1)
        self.pages = pages
        # Page 0 belongs to nobody: idle rows of a batch write there.
        self._free = list(range(pages, 0, -1))
        self._holders = [0] * (pages + 1)
        self._texts: list[tuple[tuple[int, ...], list[int]]] = []  # least recently used first

    def fits(self, tokens: int) -> bool:
        """Whether a text of this length can ever be served."""
        return -(-tokens // PAGE) <= self.pages

    def take(self, ids: Sequence[int], tokens: int, reusable: int) -> tuple[list[int], int] | None:
        """Pages for a text of up to `tokens` tokens that begins with `ids`; None while they are not there.

        Also returns how many tokens of the beginning are already in them: at most `reusable`, whole pages
        only.
        """
        needed = -(-tokens // PAGE)
        best: list[int] = []
        for number, (old, pages) in enumerate(self._texts):
            shared = _common_beginning(old, ids, reusable) // PAGE
            if shared > len(best):
                best = pages[:shared]
                found = number
        if needed - len(best) > len(self._free) + len(self._reclaimable() - set(best)):
            return None
        if best:
            self._texts.append(self._texts.pop(found))
        self._hold(best)
        while len(self._free) < needed - len(best):
            self.give_back(self._texts.pop(0)[1])
        fresh = [self._free.pop() for _ in range(needed - len(best))]
        self._hold(fresh)
        return best + fresh, len(best) * PAGE

    def remember(self, ids: Sequence[int], pages: Sequence[int]) -> None:
        """Keep the full pages of a text whose keys for `ids` are written, for texts that begin alike."""
        full = len(ids) // PAGE
        if full == 0:
            return
        key = tuple(ids[: full * PAGE])
        for contained in [text for text in self._texts if key[: len(text[0])] == text[0]]:
            self._texts.remove(contained)
            self.give_back(contained[1])
        self._hold(pages[:full])
        self._texts.append((key, list(pages[:full])))

    def give_back(self, pages: Sequence[int]) -> None:
        """Let go of pages; the last holder frees them."""
        for page in pages:
            self._holders[page] -= 1
            if self._holders[page] == 0:
                self._free.append(page)

    def release(self) -> None:
        """Free the memory; nothing may use the pool afterwards."""
        self.layers.clear()

    def forget(self) -> None:
        """Drop every remembered text."""
        while self._texts:
            self.give_back(self._texts.pop()[1])

    def _reclaimable(self) -> set[int]:
        """Pages that only old texts hold."""
        return {page for _, pages in self._texts for page in pages if self._holders[page] == 1}

    def _hold(self, pages: Sequence[int]) -> None:
        for page in pages:
            self._holders[page] += 1


def _common_beginning(first: Sequence[int], second: Sequence[int], limit: int) -> int:
    limit = min(limit, len(first), len(second))
    for place in range(limit):
        if first[place] != second[place]:
            return place
    return limit
