"""Putting the vectors in Chroma right from the copies the ledger keeps. For the owner of the library only."""

from __future__ import annotations

import logging
import random
import sqlite3
from collections.abc import Iterator
from typing import Any

from minicpm_rag.errors import VectorStoreError
from minicpm_rag.library.ledger import Ledger
from minicpm_rag.library.ledger.chunk_rows import chunk_id, vector
from minicpm_rag.library.ledger.indexes import Index, all_indexes
from minicpm_rag.library.vectors import VectorStore
from minicpm_rag.messages import Message

log = logging.getLogger(__name__)

SAMPLE = 200  # vectors that must find themselves; asking for all of 100,000 takes minutes
PROBE = 10  # the same, each time this process becomes the owner
COPY_VECTORS = 1_000  # read from the ledger at once


def heal(ledger: Ledger, vectors: VectorStore) -> None:
    """Bring Chroma in line with the ledger where counting and a few questions give away that it is not."""
    with ledger.reading() as connection:
        stored = [(index, stored_chunks(connection, index)) for index in all_indexes(connection)]
    for index, chunks in stored:
        vectors.create(index.collection)
        if vectors.count(index.collection) != len(chunks) or _unfindable(ledger, vectors, index, chunks, PROBE):
            log.warning("Chroma is not in line with the ledger and is repaired")
            compare(ledger, vectors, index, repair=True)


def make_anew(ledger: Ledger, vectors: VectorStore) -> None:
    """Replace a Chroma folder that does not work (a full disk can do that) by one made from the ledger."""
    log.warning("%s does not work and is made anew from the ledger", vectors.folder)
    vectors.clear()
    with ledger.reading() as connection:
        stored = [(index, stored_chunks(connection, index)) for index in all_indexes(connection, also_building=True)]
    for index, chunks in stored:
        _copy(ledger, vectors, index, chunks)
    vectors.whole = True


def compare(ledger: Ledger, vectors: VectorStore, index: Index, *, repair: bool) -> list[Message]:
    """What differs between the ledger and the collection of an index; with `repair` it is put right."""
    with ledger.reading() as connection:
        stored = stored_chunks(connection, index)
    vectors.create(index.collection)
    present = set(vectors.ids(index.collection))
    extra, missing = present - stored.keys(), stored.keys() - present
    problems = []
    if extra:
        problems.append(Message("indexing.vectors_extra", count=len(extra)))
        if repair:
            vectors.delete(index.collection, sorted(extra))
    if missing:
        problems.append(Message("indexing.vectors_missing", count=len(missing)))
        if repair:
            _copy(ledger, vectors, index, {name: stored[name] for name in missing})
    elif _unfindable(ledger, vectors, index, stored, SAMPLE):
        problems.append(Message("indexing.vectors_unfindable"))
        if repair:
            vectors.drop(index.collection)
            _copy(ledger, vectors, index, stored)
    return problems


def stored_chunks(connection: sqlite3.Connection, index: Index) -> dict[str, int]:
    """The chunk ids of an index, and the rows they have in the ledger."""
    return {
        chunk_id(index.id, row[1], row[2]): int(row[0])
        for row in connection.execute("SELECT id, document_id, position FROM chunks WHERE index_id = ?", (index.id,))
    }


def _copy(ledger: Ledger, vectors: VectorStore, index: Index, wanted: dict[str, int]) -> None:
    vectors.create(index.collection)
    for names, matrix in _stored_vectors(ledger, wanted):
        vectors.upsert(index.collection, names, matrix)


def _stored_vectors(ledger: Ledger, wanted: dict[str, int]) -> Iterator[tuple[list[str], Any]]:
    import numpy

    names = sorted(wanted)
    for first in range(0, len(names), COPY_VECTORS):
        group = names[first : first + COPY_VECTORS]
        with ledger.reading() as connection:
            blobs = [vector(connection, wanted[name]) for name in group]
        yield group, numpy.frombuffer(b"".join(blobs), dtype="<f4").reshape(len(group), -1)


def _unfindable(ledger: Ledger, vectors: VectorStore, index: Index, stored: dict[str, int], size: int) -> bool:
    """Whether some of a sample of vectors do not find themselves, or one exactly as near."""
    sample = random.Random(0).sample(sorted(stored), min(size, len(stored)))
    for names, matrix in _stored_vectors(ledger, {name: stored[name] for name in sample}):
        for name, numbers in zip(names, matrix, strict=True):
            try:
                found = vectors.query(index.collection, numbers, 1)
            except VectorStoreError:
                if vectors.url is not None:
                    raise
                return True  # an index that cannot be searched is made anew
            if not found or (found[0][0] != name and found[0][1] < 0.9999):
                return True
    return False
