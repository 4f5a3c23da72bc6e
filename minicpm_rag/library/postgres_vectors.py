"""Vectors in the ledger's own database: written with their document, so that here they are only searched.

Stands where `VectorStore` does. Nothing needs to be opened, owned, compared or repaired.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from minicpm_rag.library.ledger import chunks, halfvecs, knowledge_bases
from minicpm_rag.library.ledger.postgres import PostgresLedger
from minicpm_rag.library.vectors import VectorStore

if TYPE_CHECKING:
    from minicpm_rag.library.vectors import Vector, Vectors


class PostgresVectors(VectorStore):
    """The vectors of a PostgreSQL ledger."""

    def __init__(self, ledger: PostgresLedger) -> None:
        super().__init__(Path(), url=ledger.place)
        self._ledger = ledger

    def claim(self) -> bool:
        """Nobody owns the library: whoever asks may work."""
        return True

    def release(self) -> None:
        """Nothing is held."""

    def create(self, collection: str) -> None:
        """Made with the index."""

    def upsert(self, collection: str, ids: Sequence[str], vectors: Sequence[Vector] | Vectors) -> None:
        """Written with the document."""

    def delete(self, collection: str, ids: Sequence[str]) -> None:
        """Deleted with the document."""

    def drop(self, collection: str) -> None:
        """Deleted with the index."""

    def query(
        self, collection: str, vector: Vector, limit: int, among: Sequence[str] | None = None
    ) -> list[tuple[str, float]]:
        """The (id, cosine similarity) pairs nearest to the vector, best first; of these ids where they are given."""
        import numpy

        with self._ledger.reading() as connection:
            index_id = knowledge_bases.index_of(connection, collection)
            if index_id is None:
                return []
            found = halfvecs.nearest(connection, index_id, numpy.asarray(vector, dtype=numpy.float32), limit, among)
        return [(chunks.chunk_id(index_id, document, position), cosine) for document, position, cosine in found]

    def ids(self, collection: str) -> list[str]:
        """The ids of all vectors of a collection."""
        with self._ledger.reading() as connection:
            index_id = knowledge_bases.index_of(connection, collection)
            return [] if index_id is None else halfvecs.ids(connection, index_id)

    def present(self, collection: str, ids: Sequence[str]) -> list[str]:
        """Those of the ids that have a vector."""
        with self._ledger.reading() as connection:
            index_id = knowledge_bases.index_of(connection, collection)
            return [] if index_id is None else halfvecs.ids(connection, index_id, ids)

    def count(self, collection: str) -> int:
        """The number of vectors of a collection."""
        with self._ledger.reading() as connection:
            index_id = knowledge_bases.index_of(connection, collection)
            return 0 if index_id is None else halfvecs.count(connection, index_id)

    def collections(self) -> list[str]:
        """The names of all collections."""
        with self._ledger.reading() as connection:
            return sorted(knowledge_bases.collections(connection))

    def close(self) -> None:
        """The ledger closes its connections itself."""
