"""Vectors in Chroma: one collection for each index, nothing but ids and vectors in it.

Knows Chroma's limits; not what the ids mean. A Chroma folder may be opened by one process only, even for reading: a
query there applies and persists the write-ahead log, so two processes damage the index (docs/decisions.md). Readers
in other processes use `nearest` on the vectors that the ledger keeps.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minicpm_rag.errors import LibraryBusyError, LibraryError
from minicpm_rag.library import chroma
from minicpm_rag.library.originals import may_write
from minicpm_rag.messages import reason_of

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    Vector = Sequence[float] | NDArray[numpy.float32]
    Vectors = NDArray[numpy.float32]

# Questions wait while Chroma takes a batch, so batches are small.
WRITE_BATCH = 32
# Chroma itself takes at most 5,461 ids in one call.
ID_BATCH = 2_000
# More neighbours and candidates than Chroma's own settings, with which some of many similar vectors were never found.
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

    The process that holds the lock beside the folder owns the library: it alone writes, here and in the ledger.
    """

    def __init__(self, folder: Path, url: str | None = None) -> None:
        self.folder = folder
        self.url = url
        self.complete = True  # False while the folder is being rebuilt
        self._claiming = threading.Lock()
        self._lock: Any = None  # the operating system releases it when the process dies, however that happens
        self._opening = threading.Lock()
        self._client: Any = None
        self._collections: dict[str, Any] = {}

    @property
    def usable(self) -> bool:
        """Whether this process may ask Chroma: it owns the folder, or there is a server."""
        return self._lock is not None or self.url is not None

    @property
    def searchable(self) -> bool:
        """Whether questions may be asked of Chroma here and now."""
        return self.usable and self.complete

    def claim(self) -> bool:
        """Try to become the owner; says whether that succeeded just now. Raises LibraryError."""
        from filelock import FileLock, Timeout

        with self._claiming:
            if self._lock is not None:
                return False
            lock = FileLock(self.folder.parent / "owner.lock", thread_local=False)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                return False
            except OSError as exc:
                if not may_write(self.folder.parent):
                    return False  # on a read-only disk all are readers
                raise LibraryError("library.not_locked", path=lock.lock_file, why=reason_of(exc)) from exc
            self._lock = lock
            # A folder that is not there, as after a restore, is made from the ledger first (indexing/repair.heal).
            self.complete = self.complete and self.folder.is_dir()
            return True

    def release(self) -> None:
        """Close the folder, then let another process have it; harmless when this one does not own it."""
        with self._claiming:
            lock, self._lock = self._lock, None
            self.close()
            if lock is not None:
                lock.release()

    @property
    def place(self) -> str:
        """Where the vectors are, as a user would say it."""
        return self.url or str(self.folder)

    def create(self, collection: str) -> None:
        """Make an empty collection, unless it is there."""
        if collection in self._collections:
            return
        client = self._open()
        with self._translated():
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

    def query(
        self, collection: str, vector: Vector, limit: int, among: Sequence[str] | None = None
    ) -> list[tuple[str, float]]:
        """The (id, cosine similarity) pairs nearest to the vector, best first; of these ids where they are given."""
        import numpy

        handle = self._collection(collection)
        query = numpy.asarray(vector, dtype=numpy.float32)
        ids = None if among is None else list(among)
        with self._translated():
            found = handle.query(query_embeddings=[query], n_results=limit, ids=ids, include=["distances"])
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
        """Close the folder or connection; harmless when repeated. The next use opens it again."""
        with self._opening:
            client, self._client = self._client, None
            self._collections.clear()
        if client is not None:
            client.close()

    def _collection(self, name: str) -> Any:
        handle = self._collections.get(name)
        if handle is None:
            client = self._open()
            with self._translated():
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
