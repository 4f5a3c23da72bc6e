"""Vectors in Chroma: one collection for each index, nothing but ids and vectors in it.

Knows Chroma's limits; not what the ids mean. A Chroma folder may be opened by one process only, even
for reading (see `VectorStore`), so readers elsewhere use `nearest` on vectors the ledger keeps.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minicpm_rag.errors import LibraryBusyError
from minicpm_rag.library import chroma
from minicpm_rag.library.owner_lock import OwnerLock

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    Vector = Sequence[float] | NDArray[numpy.float32]
    Vectors = NDArray[numpy.float32]

# Questions wait while Chroma takes a batch, so batches are small: 32 vectors take some 20 ms.
WRITE_BATCH = 32
# Chroma itself takes at most 5,461 ids in one call.
ID_BATCH = 2_000
# With 16 neighbours and 100 candidates, 3 of 12 indexes of many chunks alike, English ones first,
# then Chinese ones, could not find the English ones at all; with these 0 of 12.
CONFIGURATION = {"hnsw": {"space": "cosine", "ef_construction": 200, "max_neighbors": 32, "ef_search": 200}}


def unit(vectors: Vectors) -> Vectors:
    """The vectors at length one; those of length zero stay."""
    import numpy

    lengths = numpy.linalg.norm(vectors, axis=-1, keepdims=True)
    scaled: Vectors = (vectors / numpy.where(lengths == 0, 1, lengths)).astype(numpy.float32)
    return scaled


def nearest(units: Vectors, vector: Sequence[float], limit: int) -> list[tuple[int, float]]:
    """The (row, cosine similarity) pairs nearest to the vector, best first, by comparing with each."""
    import numpy

    similarities = units @ unit(numpy.asarray(vector, dtype=numpy.float32)) if len(units) else numpy.empty(0)
    best = numpy.arange(len(units))
    if len(units) > limit:
        best = numpy.argpartition(-similarities, limit)[:limit]
    best = best[numpy.lexsort((best, -similarities[best]))]
    return [(int(row), float(similarities[row])) for row in best[:limit]]


class VectorStore:
    """A Chroma folder, or a Chroma server. Thread-safe; opened on first use.

    The folder belongs to one process while it lives. Measured with Chroma 1.5.9: a second process that only
    queried while the owner wrote made vectors unfindable for good (23 of 4,000), damaged the index so that
    opening it crashed, and died itself of heap corruption: a query there applies and persists the log.
    """

    def __init__(self, folder: Path, url: str | None = None) -> None:
        self.folder = folder
        self.url = url
        self.complete = True  # False while the folder is being rebuilt
        self._claimed = False
        self._claiming = threading.Lock()
        self._lock = OwnerLock(folder.parent)
        self._opening = threading.Lock()
        self._client: Any = None
        self._collections: dict[str, Any] = {}

    @property
    def usable(self) -> bool:
        """Whether this process may ask Chroma: it owns the folder, or there is a server."""
        return self._claimed or self.url is not None

    @property
    def searchable(self) -> bool:
        """Whether questions may be asked of Chroma here and now."""
        return self.usable and self.complete

    def claim(self) -> bool:
        """Try to become the one that writes, here and in the ledger; says whether that succeeded just now."""
        with self._claiming:
            if self._claimed:
                return False
            self._claimed = self._lock.take()
            return self._claimed

    def release(self) -> None:
        """Close the folder, then let another process have it."""
        with self._claiming:
            self._claimed = False
            self.close()
            self._lock.give_back()

    @property
    def place(self) -> str:
        """Where the vectors are, as a person would say it."""
        return self.url or str(self.folder)

    def create(self, collection: str) -> None:
        """Make an empty collection, unless it is there."""
        if collection in self._collections:
            return
        client = self._open()
        with self._translated(), warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Chroma's own, for embedding_function=None
            self._collections[collection] = client.get_or_create_collection(
                collection, configuration=CONFIGURATION, embedding_function=None
            )

    def upsert(self, collection: str, ids: Sequence[str], vectors: Sequence[Vector] | Vectors) -> None:
        """Add vectors or replace those of the same ids, in small batches so that questions get their turn."""
        handle = self._collection(collection)
        for first in range(0, len(ids), WRITE_BATCH):
            batch = slice(first, first + WRITE_BATCH)
            with self._translated():
                handle.upsert(ids=list(ids[batch]), embeddings=list(vectors[batch]))

    def delete(self, collection: str, ids: Sequence[str]) -> None:
        """Delete vectors; ids that are not there are ignored."""
        handle = self._collection(collection)
        for first in range(0, len(ids), ID_BATCH):
            with self._translated():
                handle.delete(ids=list(ids[first : first + ID_BATCH]))

    def query(self, collection: str, vector: Vector, limit: int) -> list[tuple[str, float]]:
        """The (id, cosine similarity) pairs nearest to the vector, best first."""
        import numpy

        handle = self._collection(collection)
        query = numpy.asarray(vector, dtype=numpy.float32)
        with self._translated():
            found = handle.query(query_embeddings=[query], n_results=limit, include=["distances"])
        return [(name, 1.0 - distance) for name, distance in zip(found["ids"][0], found["distances"][0], strict=True)]

    def ids(self, collection: str) -> list[str]:
        """The ids of all vectors of a collection."""
        handle = self._collection(collection)
        with self._translated():
            return list(handle.get(include=[])["ids"])

    def present(self, collection: str, ids: Sequence[str]) -> list[str]:
        """Those of the ids that have a vector."""
        handle = self._collection(collection)
        found: list[str] = []
        for first in range(0, len(ids), ID_BATCH):
            with self._translated():
                found += handle.get(ids=list(ids[first : first + ID_BATCH]), include=[])["ids"]
        return found

    def count(self, collection: str) -> int:
        """The number of vectors of a collection."""
        handle = self._collection(collection)
        with self._translated():
            return int(handle.count())

    def collections(self) -> list[str]:
        """The names of all collections here."""
        client = self._open()
        with self._translated():
            return [entry.name for entry in client.list_collections()]

    def drop(self, collection: str) -> None:
        """Delete a collection with all its vectors; nothing happens where there is none."""
        from chromadb.errors import NotFoundError

        client = self._open()
        self._collections.pop(collection, None)
        with self._translated():
            try:
                client.delete_collection(collection)
            except NotFoundError:
                return

    def clear(self) -> None:
        """Delete the folder with everything in it; no question is asked of it until it is `complete` again."""
        self.complete = False
        with self._opening:
            client, self._client = self._client, None
            self._collections.clear()
            try:
                with self._translated():
                    if client is not None:
                        client.close()
            finally:
                chroma.delete_folder(self.folder)

    def close(self) -> None:
        """Let go of the folder or server; harmless when repeated. The next use opens it again."""
        with self._opening:
            client, self._client = self._client, None
            self._collections.clear()
        if client is not None:
            client.close()

    def _collection(self, name: str) -> Any:
        handle = self._collections.get(name)
        if handle is None:
            client = self._open()
            with self._translated(), warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                handle = self._collections[name] = client.get_collection(name, embedding_function=None)
        return handle

    def _open(self) -> Any:
        with self._opening:
            if not self.usable:
                raise LibraryBusyError("library.not_owner", folder=self.folder)
            if self._client is None:
                self._client = chroma.open_server(self.url) if self.url else chroma.open_folder(self.folder)
            return self._client

    def _translated(self) -> AbstractContextManager[None]:
        return chroma.translated(self.place, server=self.url is not None)
