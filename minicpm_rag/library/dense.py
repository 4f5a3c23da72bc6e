"""Dense search: the chunks whose vectors are nearest to a question's, from Chroma where it may be asked.

In other processes than the owner, and while Chroma is being rebuilt, the question is compared with the vectors the
ledger keeps, which are the same: an exact answer, if slower. Does not know embedders or texts.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from minicpm_rag.errors import VectorStoreError
from minicpm_rag.library.ledger import Ledger, chunks, knowledge_bases
from minicpm_rag.library.ledger.knowledge_bases import Index
from minicpm_rag.library.vectors import VectorStore, nearest, unit

if TYPE_CHECKING:
    from minicpm_rag.library.vectors import Vectors

COMPARED = 20_000  # chunks of a scope up to which each is compared: some 30 MB of vectors

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scan:
    """All vectors of a knowledge base in one version; row n belongs to chunk ids[n]."""

    state: tuple[int, int]  # knowledge base, version
    ids: list[str]
    units: Vectors


class DenseSearch:
    """Searches the indexes of one home. Thread-safe; keeps the vectors last compared with."""

    def __init__(self, ledger: Ledger, vectors: VectorStore) -> None:
        self._ledger = ledger
        self._vectors = vectors
        self._lock = threading.Lock()
        self._scan: Scan | None = None
        self._few: Scan | None = None  # of the scope asked last

    def nearest(
        self, index: Index, vector: Sequence[float], limit: int, *, within: Collection[int] | None = None
    ) -> list[tuple[str, float]]:
        """The (chunk id, cosine similarity) pairs nearest to the vector, best first, ready chunks only.

        `within` holds the ids of the documents that are searched; each of their chunks is compared, unless they are
        too many.
        """
        among: list[str] | None = None
        if within is not None:
            with self._lock, self._ledger.reading() as connection:
                among = list(chunks.rows_of(connection, index.id, within).values())
                if len(among) <= COMPARED:
                    state = (index.kb_id, knowledge_bases.version(connection, index.kb_id))
                    few = self._few
                    if few is None or few.state != state or few.ids != among:
                        few = self._few = Scan(state, among, unit(chunks.vectors(connection, among)))
                    return [(few.ids[row], similarity) for row, similarity in nearest(few.units, vector, limit)]
        if self._vectors.searchable:
            try:
                return self._asked_of_chroma(index, vector, limit, among)
            except VectorStoreError as exc:
                if self._vectors.url is not None:
                    raise
                log.warning("Comparing with the ledger's vectors instead: %s", exc)
        scan = self._scanned(index.kb_id)
        if among is None:
            return [(scan.ids[row], similarity) for row, similarity in nearest(scan.units, vector, limit)]
        wanted = set(among)
        rows = [row for row, name in enumerate(scan.ids) if name in wanted]
        return [(scan.ids[rows[place]], cosine) for place, cosine in nearest(scan.units[rows], vector, limit)]

    def similarities(self, vector: Sequence[float], ids: Sequence[str]) -> dict[str, float]:
        """The cosine similarity of each of these chunks to the vector; a damaged one is left out."""
        with self._ledger.reading() as connection:
            found, stored = chunks.sound_vectors(connection, ids)
        return {found[row]: similarity for row, similarity in nearest(unit(stored), vector, len(found))}

    def _asked_of_chroma(
        self, index: Index, vector: Sequence[float], limit: int, among: Sequence[str] | None = None
    ) -> list[tuple[str, float]]:
        asked = limit
        while True:
            hits = self._vectors.query(index.collection, vector, asked, among)
            with self._ledger.reading() as connection:
                ready = chunks.ready(connection, [name for name, _ in hits])
            kept = [hit for hit in hits if hit[0] in ready]
            if len(kept) >= limit or len(hits) < asked:
                return kept[:limit]
            asked *= 4  # many of the nearest belong to documents being written or retired

    def _scanned(self, kb_id: int) -> Scan:
        with self._lock, self._ledger.reading() as connection:
            state = (kb_id, knowledge_bases.version(connection, kb_id))
            if self._scan is None or self._scan.state != state:
                ids, stored = chunks.all_vectors(connection, kb_id)
                self._scan = Scan(state, ids, unit(stored))
            return self._scan
