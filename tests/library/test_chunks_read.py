from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from library_parts import KB, ingest, opened

from minicpm_rag.library import Library
from minicpm_rag.library.ledger import chunks, knowledge_bases

READS: dict[str, Callable[..., object]] = {
    "fetch": chunks.fetch,
    "ready": lambda connection, _, wanted: chunks.ready(connection, wanted),
    "token signs": lambda connection, _, wanted: chunks.token_signs(connection, wanted),
    "vectors": lambda connection, _, wanted: chunks.sound_vectors(connection, wanted),
    "neighbours": lambda connection, _, wanted: chunks.neighbours(connection, wanted[1]),
}


def steps(library: Library, read: Callable[..., object]) -> int:
    """The instructions that SQLite's machine runs to read five chunks of the first document."""
    ids = library.chunk_ids(library.documents(KB)[0].id)[:5]
    assert len(ids) == 5
    counted = 0

    def count() -> None:
        nonlocal counted
        counted += 1

    with library.ledger.reading() as connection:
        kb_id = knowledge_bases.find(connection, KB)
        connection.set_progress_handler(count, 1)
        read(connection, kb_id, ids)
        connection.set_progress_handler(None, 1)
    return counted


@pytest.mark.parametrize("name", list(READS))
def test_reading_a_few_chunks_does_not_take_longer_in_a_larger_library(name: str, tmp_path: Path) -> None:
    first, second = tmp_path / "a.txt", tmp_path / "b.txt"
    first.write_text("\n".join(f"Pump {number} runs well." for number in range(20)), encoding="utf-8")
    second.write_text("\n".join(f"Valve {number} is shut." for number in range(400)), encoding="utf-8")
    with opened(tmp_path / "home", chunk_characters=30) as library:
        ingest(library, first)
        few = steps(library, READS[name])
        ingest(library, second)
        many = steps(library, READS[name])
    assert few > 0
    assert many < few + 100
