from __future__ import annotations

from pathlib import Path

import numpy
import pytest

from minicpm_rag.embedding.word_table import BLOCK, WordTable, unpacked


def packed(numbers: numpy.ndarray) -> numpy.ndarray:
    """Q4_0, written from its description."""
    blocks = []
    for block in numbers.reshape(-1, BLOCK):
        largest = block[numpy.abs(block).argmax()]
        scale = numpy.float16(largest / -8 or 1)
        levels = numpy.clip(numpy.round(block / numpy.float32(scale)) + 8, 0, 15).astype(numpy.uint8)
        blocks.append(numpy.frombuffer(scale.tobytes() + (levels[:16] | levels[16:] << 4).tobytes(), numpy.uint8))
    return numpy.stack(blocks)


def test_blocks_of_four_bits_come_back_within_a_step() -> None:
    numbers = numpy.random.default_rng(0).normal(size=8 * BLOCK).astype(numpy.float32)
    found = unpacked(packed(numbers))
    steps = numpy.abs(numbers.reshape(-1, BLOCK)).max(axis=1) / 8
    assert (numpy.abs(found - numbers).reshape(-1, BLOCK).max(axis=1) <= steps * 1.01).all()
    assert unpacked(packed(found)) == pytest.approx(found, abs=1e-3)


@pytest.mark.parametrize("stored", ["float32", "float16", "four bits"])
def test_rows_are_looked_up_in_the_order_asked_for(tmp_path: Path, stored: str) -> None:
    table = numpy.random.default_rng(1).normal(size=(20, 2 * BLOCK)).astype(numpy.float32)
    kept = packed(table).reshape(20, -1) if stored == "four bits" else table.astype(stored)
    expected = unpacked(kept).reshape(table.shape) if stored == "four bits" else kept.astype(numpy.float32)
    numpy.save(tmp_path / "table.npy", kept)
    found = WordTable(tmp_path / "table.npy")
    assert found.hidden == 2 * BLOCK
    assert numpy.array_equal(found.rows([3, 19, 3]), expected[[3, 19, 3]])
