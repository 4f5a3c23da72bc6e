"""Reindex: build a second index of a knowledge base with the embedder set now, beside the current one, then swap.

For the owner of the library. Works from the stored page texts, so no file is read; goes on where it was stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from minicpm_rag.chunking import split_pages
from minicpm_rag.errors import LibraryError
from minicpm_rag.indexing import storing
from minicpm_rag.library import Library
from minicpm_rag.library.ledger import chunks, documents, knowledge_bases
from minicpm_rag.library.ledger.knowledge_bases import Index
from minicpm_rag.messages import Message
from minicpm_rag.records import ChunkSize, DocumentRow, IngestProgress, Verdict

MADE_BY = "reindex"  # the setting that says with which embedder and chunk size the index being built is made


def reindex(
    library: Library,
    kb_id: int,
    size: ChunkSize,
    *,
    embedder: str,
    revision: str,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[IngestProgress]:
    """Split and embed every document again; the old index answers until the new one is complete."""
    if library.embedder is None or (library.embedder.name, library.embedder.revision) != (embedder, revision):
        used = "" if library.embedder is None else library.embedder.name
        raise LibraryError("indexing.owner_embedder", used=used, wanted=embedder)
    with library.ledger.reading() as connection:
        rows = [row for row in documents.listed(connection, kb_id) if row.status == "ready"]
    index = _building(library, kb_id, size)
    for number, row in enumerate(rows, start=1):
        if cancelled():
            return
        yield IngestProgress(row.source, "embedding", number, len(rows))
        count = _rebuild(library, index, row, size)
        verdict = Verdict(
            row.source, row.title, "replaced", Message("indexing.reindexed", embedder=embedder), None,
            row.pages_indexed, row.pages_present, count, row.encoding,
        )  # fmt: skip
        yield IngestProgress(row.source, "done", number, len(rows), verdict)
    with library.ledger.writing() as connection:
        knowledge_bases.swap_index(connection, index)
        documents.count_chunks(connection, kb_id, index.id)
        knowledge_bases.note_change(connection, kb_id)
    storing.clear_indexes(library, kb_id)


def _building(library: Library, kb_id: int, size: ChunkSize) -> Index:
    """The index that an interrupted reindex left, where it was being made the same way; else a new one."""
    embedder = library.embedder
    assert embedder is not None
    made_by = [embedder.name, embedder.revision, size.characters, size.overlap_characters]
    with library.ledger.reading() as connection:
        index = knowledge_bases.find_index(connection, kb_id, "building")
        begun_by = knowledge_bases.setting(connection, kb_id, MADE_BY)
    if index is not None:
        if begun_by == made_by:
            return index
        storing.delete_index(library, index)
    with library.ledger.writing() as connection:
        knowledge_bases.set_setting(connection, kb_id, MADE_BY, made_by)
    return storing.begin_index(library, kb_id, embedder, "building")


def _rebuild(library: Library, index: Index, row: DocumentRow, size: ChunkSize) -> int:
    """Index one document's stored pages, unless that was done already; returns the number of its chunks."""
    assert library.embedder is not None
    with library.ledger.reading() as connection:
        done = chunks.count(connection, index.id, row.id)
        stored = [] if done else documents.pages(connection, row.id)
    if done:
        return done
    new = storing.embed(split_pages(stored, row.title, library.embedder, size), library.embedder)
    storing.add_vectors(library, index, {row.id: new})
    with library.ledger.writing() as connection:
        chunks.add(connection, index.id, row.id, new)
    return len(new)
