"""The embeddings of words, looked up row by row in a file: the largest part of a small multilingual model.

As numbers of 32 bits in memory a table of 250,000 words takes 384 MB; here only the pages that are touched are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

BLOCK = 32  # numbers with one scale; llama.cpp's format Q4_0
BLOCK_BYTES = 18


class WordTable:
    """A table of (words, hidden) numbers in a .npy file: floats, or rows of 4-bit blocks (see `unpacked`)."""

    def __init__(self, path: Path) -> None:
        import numpy

        self._stored = numpy.load(path, mmap_mode="r")

    @property
    def hidden(self) -> int:
        """Numbers in a row."""
        width = int(self._stored.shape[1])
        return width // BLOCK_BYTES * BLOCK if self._stored.dtype.itemsize == 1 else width

    def rows(self, words: Sequence[int]) -> NDArray[numpy.float32]:
        """The rows of these words, (words, hidden)."""
        import numpy

        stored = self._stored[words]
        found: NDArray[numpy.float32] = (
            unpacked(stored).reshape(len(stored), -1) if stored.dtype == numpy.uint8 else stored.astype(numpy.float32)
        )
        return found


def unpacked(packed: Any) -> NDArray[numpy.float32]:
    """The numbers of 4-bit blocks, given as bytes, in one row.

    A block is a scale (float16), then 16 bytes: byte n holds number n in its low half and n + 16 in its high half,
    each plus 8.
    """
    import numpy

    blocks = numpy.ascontiguousarray(packed).reshape(-1, BLOCK_BYTES)
    scales = blocks[:, :2].copy().view(numpy.float16).astype(numpy.float32)
    halves = numpy.concatenate([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], axis=1).astype(numpy.float32)
    numbers: NDArray[numpy.float32] = ((halves - 8) * scales).ravel()
    return numbers
