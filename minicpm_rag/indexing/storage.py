"""Writing: documents go into the ledger and the vectors in an order that a kill at any moment cannot harm.

For the owner of the library only. Knows what must be true of ledger, vectors and keywords together; not how
files are read or text becomes vectors.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from minicpm_rag.errors import LibraryError
from minicpm_rag.indexing.retitling import retitling
from minicpm_rag.indexing.sweep import sweep_documents
from minicpm_rag.library.ledger import Ledger, chunk_rows, documents, keywords, names, page_rows
from minicpm_rag.library.ledger.indexes import Index, find_index, make_index, note_change
from minicpm_rag.library.vectors import VectorStore
from minicpm_rag.messages import Message
from minicpm_rag.records import DocumentRow, FileStatus, Page, Verdict

if TYPE_CHECKING:
    from minicpm_rag.embedding.embedder import Embedder

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class NewChunk:
    """A chunk to store: `indexed` is the text that was embedded and is searched by keyword."""

    text: str
    metadata: dict[str, Any]
    indexed: str
    vector: Sequence[float]
    token_signs: bytes = b""


@dataclass(frozen=True)
class NewDocument:
    """A file to store: read, cut and embedded."""

    source: str
    title: str
    sha256: str
    size_bytes: int
    pages: tuple[Page, ...]
    pages_present: int
    chunks: Sequence[NewChunk]
    encoding: str = ""
    reason: Message | None = None
    remedy: Message | None = None

    def verdict(self, status: FileStatus, reason: Message | None, remedy: Message | None) -> Verdict:
        """What became of the file."""
        return Verdict(
            self.source, self.title, status, reason, remedy,
            len(self.pages), self.pages_present, len(self.chunks), self.encoding,
        )  # fmt: skip


def begin_index(
    ledger: Ledger, kb_id: int, embedder: Embedder, status: Literal["building", "current"] = "current"
) -> Index:
    """A new empty index of a knowledge base, for that embedder's vectors."""
    return make_index(
        ledger, kb_id, embedder=embedder.name, revision=embedder.revision, dimension=embedder.dimension, status=status
    )


def store(ledger: Ledger, vectors: VectorStore, index: Index, new: Sequence[NewDocument]) -> Iterator[int]:
    """Add documents, each in place of the one its source named before; yields their ids as each is ready.

    Until its own transaction the old version of a document answers, from then on the new one. What a kill
    leaves on either side of it (vectors without chunks) is invisible; `sweep_documents` clears it. Vectors of
    many small documents go into Chroma together, because each call there costs some 10 ms.
    """
    with ledger.writing() as connection:
        ids = [_announce(connection, index.kb_id, document) for document in new]
    try:
        add_vectors(vectors, index, [(key, document.chunks) for key, document in zip(ids, new, strict=True)])
        for key, document in zip(ids, new, strict=True):
            with ledger.writing() as connection:
                _publish(connection, index, key, document)
            yield key
    except BaseException:
        try:
            sweep_documents(ledger, vectors)
        except LibraryError as exc:  # the disk is still full, say; the next owner sweeps
            log.warning("What a broken-off write has left will be cleared later: %s", exc)
        raise
    sweep_documents(ledger, vectors)


def _announce(connection: sqlite3.Connection, kb_id: int, new: NewDocument) -> int:
    """Record that a document is being written, so that whatever happens its vectors can be cleared."""
    cursor = connection.execute(
        "INSERT INTO documents(kb_id, source, title, status, sha256, size_bytes, pages_indexed, "
        "pages_present, chunks, encoding, reason, remedy, indexed_at) "
        "VALUES (?, ?, ?, 'indexing', ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            kb_id, new.source, new.title, new.sha256, new.size_bytes, len(new.pages), new.pages_present,
            len(new.chunks), new.encoding, documents.stored(new.reason), documents.stored(new.remedy), documents.now(),
        ),
    )  # fmt: skip
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def _publish(connection: sqlite3.Connection, index: Index, document_id: int, new: NewDocument) -> None:
    page_rows.add(connection, document_id, new.pages)
    add_chunks(connection, index, document_id, new.chunks)
    # The same bytes read anew, because a remedy was followed: the names move over.
    twin = documents.of_bytes(connection, index.kb_id, new.sha256)
    if twin is not None:
        connection.execute("UPDATE names SET document_id = ? WHERE document_id = ?", (document_id, twin.id))
        documents.retire(connection, twin.id)
    connection.execute("UPDATE documents SET status = 'ready' WHERE id = ?", (document_id,))
    with retitling(connection, index.kb_id, new.source):
        orphan = names.add(connection, index.kb_id, new.source, new.title, document_id)
    if orphan is not None:
        documents.retire(connection, orphan)
    note_change(connection, index.kb_id)


def add_vectors(vectors: VectorStore, index: Index, new: Sequence[tuple[int, Sequence[NewChunk]]]) -> None:
    """Put the vectors of documents' chunks into Chroma, where nothing shows them yet."""
    vectors.create(index.collection)
    vectors.upsert(
        index.collection,
        [chunk_rows.chunk_id(index.id, key, position) for key, chunks in new for position in range(len(chunks))],
        [chunk.vector for _, chunks in new for chunk in chunks],
    )


def add_chunks(connection: sqlite3.Connection, index: Index, document_id: int, chunks: Sequence[NewChunk]) -> None:
    """Add the chunks of a document to the ledger and the keyword table, with a copy of their vectors."""
    import numpy

    rows = [
        chunk_rows.NewRow(
            chunk.text,
            chunk.metadata,
            chunk.indexed,
            numpy.asarray(chunk.vector, dtype="<f4").tobytes(),
            chunk.token_signs,
        )
        for chunk in chunks
    ]
    chunk_rows.add(connection, index.id, document_id, rows)


def record_failure(ledger: Ledger, kb_id: int, failed: NewDocument) -> None:
    """Keep the verdict of a file that could not be read (reason and remedy), and nothing else of it."""
    with ledger.writing() as connection:
        documents.forget_failure(connection, kb_id, failed.source)
        connection.execute(
            "INSERT INTO documents(kb_id, source, title, status, sha256, size_bytes, reason, remedy, "
            "indexed_at) VALUES (?, ?, ?, 'failed', ?, ?, ?, ?, ?)",
            (
                kb_id, failed.source, failed.title, failed.sha256, failed.size_bytes,
                documents.stored(failed.reason), documents.stored(failed.remedy), documents.now(),
            ),
        )  # fmt: skip


def add_name(
    ledger: Ledger,
    vectors: VectorStore,
    document_id: int,
    kb_id: int,
    source: str,
    title: str,
    *,
    former: str | None,
) -> None:
    """Give a stored document one more name, in place of the `former` one where the file was moved."""
    with ledger.writing() as connection, retitling(connection, kb_id, source, former):
        orphan = names.add(connection, kb_id, source, title, document_id)
        if orphan is not None:
            documents.retire(connection, orphan)
        if former is not None:
            names.drop(connection, kb_id, former)
        note_change(connection, kb_id)
    sweep_documents(ledger, vectors)


def remove(ledger: Ledger, vectors: VectorStore, kb_id: int, source: str) -> DocumentRow | None:
    """Remove one name, and with the last name its document; returns what it named, None for a failed file.

    Proves that nothing of the document is left. Raises LibraryError where a trace remains.
    """
    with ledger.writing() as connection:
        index = find_index(connection, kb_id)
        document = documents.named(connection, kb_id, source)
        chunks = chunk_rows.ids(connection, document.id) if document is not None else []
        documents.forget_failure(connection, kb_id, source)
        with retitling(connection, kb_id, source):
            orphan = names.drop(connection, kb_id, source)
        if orphan is not None:
            documents.retire(connection, orphan)
        note_change(connection, kb_id)
    sweep_documents(ledger, vectors)
    if orphan is not None and index is not None:
        _prove_gone(ledger, vectors, index, orphan, chunks)
    return document


def _prove_gone(ledger: Ledger, vectors: VectorStore, index: Index, document_id: int, chunks: list[str]) -> None:
    with ledger.reading() as connection:
        traces = [
            f"the ledger's table {table}"
            for table, key in (
                ("documents", "id"),
                *((name, "document_id") for name in ("names", "pages", "chunks")),
            )
            if connection.execute(f"SELECT 1 FROM {table} WHERE {key} = ? LIMIT 1", (document_id,)).fetchone()
        ]
        (stored,) = connection.execute("SELECT count(*) FROM chunks WHERE index_id = ?", (index.id,)).fetchone()
        if keywords.statistics(connection, index.keyword_table, []).rows != stored:
            traces.append("the keyword index")
    if vectors.present(index.collection, chunks):
        traces.append("Chroma")
    if traces:
        raise LibraryError("indexing.not_gone", number=document_id, places=traces)
