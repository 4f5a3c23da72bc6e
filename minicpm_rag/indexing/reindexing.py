"""Reindex: build a knowledge base's index anew with the embedder set now, beside the old one, then swap them.

For the library's owner. Works from the stored page texts, so no file is read; goes on where it was stopped.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from minicpm_rag.errors import LibraryError
from minicpm_rag.indexing import storage
from minicpm_rag.indexing.cutting import Cutting, cut, embed
from minicpm_rag.indexing.sweep import drop_index, sweep_indexes
from minicpm_rag.library import Library
from minicpm_rag.library.ledger import documents, page_rows
from minicpm_rag.library.ledger.indexes import Index, find_index, note_change
from minicpm_rag.messages import Message
from minicpm_rag.records import DocumentRow, IngestProgress, Verdict

WAY = "reindex"  # the setting that says how the index being built is made


def reindex(
    library: Library,
    kb_id: int,
    cutting: Cutting,
    *,
    embedder: str,
    revision: str,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[IngestProgress]:
    """Cut and embed every document again; the old index answers until the new one is whole."""
    if library.embedder is None or (library.embedder.name, library.embedder.revision) != (embedder, revision):
        used = "" if library.embedder is None else library.embedder.name
        raise LibraryError("indexing.owner_embedder", used=used, wanted=embedder)
    with library.ledger.reading() as connection:
        rows = [row for row in documents.listed(connection, kb_id) if row.status == "ready"]
    index = _building(library, kb_id, cutting)
    for number, row in enumerate(rows, start=1):
        if cancelled():
            return
        yield IngestProgress(row.source, "embedding", number, len(rows))
        chunks = _rebuild(library, index, row, cutting)
        verdict = Verdict(
            row.source, row.title, "replaced", Message("indexing.reindexed", embedder=embedder), None,
            row.pages_indexed, row.pages_present, chunks, row.encoding,
        )  # fmt: skip
        yield IngestProgress(row.source, "done", number, len(rows), verdict)
    with library.ledger.writing() as connection:
        connection.execute("UPDATE indexes SET status = 'retired' WHERE kb_id = ? AND status = 'current'", (kb_id,))
        connection.execute("UPDATE indexes SET status = 'current' WHERE id = ?", (index.id,))
        connection.execute(
            "UPDATE documents SET chunks = (SELECT count(*) FROM chunks WHERE document_id = documents.id "
            "AND index_id = ?) WHERE kb_id = ? AND status = 'ready'",
            (index.id, kb_id),
        )
        note_change(connection, kb_id)
    sweep_indexes(library.ledger, library.vectors)


def _building(library: Library, kb_id: int, cutting: Cutting) -> Index:
    """The index that an interrupted reindex left, where it was being made the same way; else a new one."""
    embedder = library.embedder
    assert embedder is not None
    way = json.dumps([embedder.name, embedder.revision, cutting.chunk_characters, cutting.overlap_characters])
    with library.ledger.reading() as connection:
        index = find_index(connection, kb_id, "building")
        begun = connection.execute("SELECT value FROM settings WHERE kb_id = ? AND key = ?", (kb_id, WAY)).fetchone()
    if index is not None:
        if begun is not None and begun[0] == way:
            return index
        drop_index(library.ledger, library.vectors, index.id, index.collection)
    with library.ledger.writing() as connection:
        connection.execute("INSERT OR REPLACE INTO settings(kb_id, key, value) VALUES (?, ?, ?)", (kb_id, WAY, way))
    return storage.begin_index(library.ledger, kb_id, embedder, "building")


def _rebuild(library: Library, index: Index, row: DocumentRow, cutting: Cutting) -> int:
    """Index one document's stored pages; returns its chunks. Does nothing where that was done already."""
    assert library.embedder is not None
    with library.ledger.reading() as connection:
        done = connection.execute(
            "SELECT count(*) FROM chunks WHERE index_id = ? AND document_id = ?", (index.id, row.id)
        ).fetchone()[0]
        pages = [] if done else page_rows.of_document(connection, row.id)
    if done:
        return int(done)
    chunks = embed(cut(pages, row.title, library.embedder, cutting), library.embedder)
    storage.add_vectors(library.vectors, index, [(row.id, chunks)])
    with library.ledger.writing() as connection:
        storage.add_chunks(connection, index, row.id, chunks)
    return len(chunks)
