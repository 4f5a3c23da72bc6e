"""Vectors in Chroma: one collection for each index, nothing but ids and vectors in it.

Knows Chroma's limits and errors; not what the ids mean. An embedded Chroma folder may be opened by one process
only, even for reading (see `VectorStore`), so readers elsewhere use `nearest` on vectors the ledger keeps.
"""

from __future__ import annotations

import shutil
import sqlite3
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minicpm_rag.errors import LibraryBusyError, LibraryError, VectorStoreError

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    Vectors = NDArray[numpy.float32]

# Questions wait while Chroma takes a batch, so batches are small: 32 vectors take some 20 ms.
WRITE_BATCH = 32
# Chroma itself takes at most 5,461 ids in one call.
ID_BATCH = 2_000
SERVER_SECONDS = 5.0
CONFIGURATION = {"hnsw": {"space": "cosine", "ef_construction": 100, "max_neighbors": 16, "ef_search": 100}}


def nearest(vectors: Vectors, vector: Sequence[float], limit: int) -> list[tuple[int, float]]:
    """The (row, cosine similarity) pairs nearest to the vector, best first, by comparing with every row."""
    import numpy

    query = numpy.asarray(vector, dtype=numpy.float32)
    lengths = numpy.linalg.norm(vectors, axis=1) * (numpy.linalg.norm(query) or 1.0)
    similarities = (vectors @ query) / numpy.where(lengths == 0, 1, lengths)
    best = numpy.argsort(-similarities, kind="stable")[:limit]
    return [(int(row), float(similarities[row])) for row in best]


class VectorStore:
    """A Chroma folder, or a Chroma server. Thread-safe; opened on first use.

    The folder belongs to one process while it lives. Measured with Chroma 1.5.9: a second process that only
    queried while the owner wrote made vectors unfindable for good (23 of 4,000), damaged the index so that
    opening it crashed, and died itself of heap corruption, because a query there applies and persists the log.
    """

    def __init__(self, folder: Path, url: str | None = None) -> None:
        self.folder = folder
        self.url = url
        self.whole = True  # False while the folder is being made anew
        self._claimed = False
        self._lock: Any = None
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
        return self.usable and self.whole

    def claim(self) -> bool:
        """Try to become the one that writes, here and in the ledger; says whether that succeeded just now.

        The operating system lets go of the claim when the process dies, however that happens.
        """
        from filelock import FileLock, Timeout

        if self._claimed:
            return False
        if self._lock is None:
            self._lock = FileLock(self.folder.with_name("owner.lock"), thread_local=False)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            return False
        except OSError as exc:
            raise LibraryError(
                f"{self._lock.lock_file} cannot be locked: {exc}. Check the folder's rights."
            ) from exc
        self._claimed = True
        return True

    def release(self) -> None:
        """Close the folder, then let another process have it."""
        self._claimed = False
        self.close()
        if self._lock is not None:
            self._lock.release()

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

    def upsert(self, collection: str, ids: Sequence[str], vectors: Sequence[Sequence[float]]) -> None:
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

    def query(self, collection: str, vector: Sequence[float], limit: int) -> list[tuple[str, float]]:
        """The (id, cosine similarity) pairs nearest to the vector, best first."""
        import numpy

        handle = self._collection(collection)
        query = numpy.asarray(vector, dtype=numpy.float32)
        with self._translated():
            found = handle.query(query_embeddings=[query], n_results=limit, include=["distances"])
        return [
            (name, 1.0 - distance)
            for name, distance in zip(found["ids"][0], found["distances"][0], strict=True)
        ]

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
        """Delete the folder with everything in it; no question is asked of it until it is `whole` again."""
        from chromadb.api.shared_system_client import SharedSystemClient

        self.whole = False
        with self._opening, self._translated():
            client, self._client = self._client, None
            self._collections.clear()
            try:
                if client is not None:
                    client.close()
            finally:
                # A client that failed to open is kept there by Chroma, and would be handed out again.
                SharedSystemClient.clear_system_cache()
            shutil.rmtree(self.folder, ignore_errors=True)

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
                raise LibraryBusyError(
                    f"{self.folder} may only be opened by the process that owns the library."
                )
            if self._client is None:
                with self._translated():
                    self._client = self._connect() if self.url else self._open_folder()
            return self._client

    def _open_folder(self) -> Any:
        import chromadb
        from chromadb.config import Settings

        self.folder.mkdir(parents=True, exist_ok=True)
        _delete_orphans(self.folder)
        try:
            return chromadb.PersistentClient(self.folder, settings=Settings(anonymized_telemetry=False))
        except AttributeError as exc:  # Chroma's own clean-up fails where its file could not be opened
            raise RuntimeError(f"Chroma cannot open its file: {exc.__context__}") from exc

    def _connect(self) -> Any:
        from urllib.parse import urlsplit

        import chromadb
        import httpx
        from chromadb.config import Settings

        assert self.url is not None
        address = urlsplit(self.url if "://" in self.url else f"http://{self.url}")
        client = chromadb.HttpClient(
            host=address.hostname or "localhost",
            port=address.port or (443 if address.scheme == "https" else 8000),
            ssl=address.scheme == "https",
            settings=Settings(anonymized_telemetry=False),
        )
        # Chroma's client waits for ever on a server that hangs and has no setting for it.
        session = getattr(getattr(client, "_server", None), "_session", None)
        if isinstance(session, httpx.Client):
            session.timeout = httpx.Timeout(60.0, connect=SERVER_SECONDS)
        return client

    @contextmanager
    def _translated(self) -> Iterator[None]:
        import httpx
        from chromadb.errors import ChromaError

        try:
            yield
        except httpx.HTTPError as exc:
            raise VectorStoreError(self._unreachable(exc)) from exc
        except (ChromaError, OSError, RuntimeError, ValueError) as exc:
            if self.url and "connect" in str(exc).lower():
                raise VectorStoreError(self._unreachable(exc)) from exc
            raise VectorStoreError(
                f"The vectors in {self.place} cannot be used: {exc}. Nothing in the ledger is lost: "
                "make sure the disk has room, then run: minicpm-rag doctor --check"
            ) from exc

    def _unreachable(self, exc: Exception) -> str:
        return (
            f"The Chroma server {self.url} does not answer: {exc}. Start it (chroma run --path DIR), or unset "
            "MINICPM_RAG_CHROMA_URL to use the library's own folder."
        )


def _delete_orphans(folder: Path) -> None:
    """Delete the index folders of dropped collections, which Chroma leaves behind for ever."""
    database = folder / "chroma.sqlite3"
    if not database.is_file():
        return
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
            known = {name for (name,) in connection.execute("SELECT id FROM segments")}
    except sqlite3.Error:
        return  # Chroma will say what is wrong with its file when it opens it
    for entry in folder.iterdir():
        if entry.is_dir() and (entry / "header.bin").exists() and entry.name not in known:
            shutil.rmtree(entry, ignore_errors=True)
