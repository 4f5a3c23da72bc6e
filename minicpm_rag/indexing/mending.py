"""Mending a document of which something stored is damaged: made again from its pages, else from its original file.

For the owner of the library. Knows how to make a document again; `library/ledger/checksums.py` says what is damaged.
"""

from __future__ import annotations

from dataclasses import replace

from minicpm_rag.chunking import split_pages
from minicpm_rag.errors import DocumentError, LibraryError, RAGError
from minicpm_rag.indexing import storing
from minicpm_rag.library import Library
from minicpm_rag.library.ledger import documents, knowledge_bases, tables
from minicpm_rag.library.ledger.checksums import Damage
from minicpm_rag.loaders import isolated
from minicpm_rag.messages import Message, joined
from minicpm_rag.records import ChunkSize, DocumentRow, NewDocument


def mend(library: Library, document_id: int, damage: Damage, size: ChunkSize, *, ocr: bool) -> Message:
    """Store a damaged document anew in place of itself. Raises RAGError where it cannot be made again."""
    if not damage.of_pages and not damage.chunks:
        return _mend_tables(library, document_id)
    with library.ledger.reading() as connection:
        row = documents.one(connection, document_id)
        kb_id = documents.knowledge_base_of(connection, document_id)
        index = knowledge_bases.find_index(connection, kb_id)
        pages = () if damage.of_pages else tuple(documents.pages(connection, document_id))
    if index is None:
        raise LibraryError("library.no_document", number=document_id)
    embedder = library.embedder_for(index, row.knowledge_base)
    new = _from_original(library, row, ocr=ocr) if damage.of_pages else replace(_described(row), pages=pages)
    chunks = storing.embed(split_pages(new.pages, new.title, embedder, size), embedder)
    if not chunks:
        raise LibraryError("indexing.no_text")
    for _ in storing.store(library, index, [replace(new, chunks=chunks)]):
        pass
    key = "indexing.mended_from_original" if damage.of_pages else "indexing.mended_from_pages"
    return Message(key, source=row.source)


def _mend_tables(library: Library, document_id: int) -> Message:
    with library.ledger.writing() as connection:
        tables.add(connection, document_id, documents.pages(connection, document_id))
        knowledge_bases.note_change(connection, documents.knowledge_base_of(connection, document_id))
        return Message("indexing.mended_tables", source=documents.one(connection, document_id).source)


def why_not(error: RAGError) -> Message:
    """Why a document could not be made again, without the remedy of a file's verdict."""
    return error.reason if isinstance(error, DocumentError) else error.message


def _described(row: DocumentRow) -> NewDocument:
    """The document as it was stored, but for its pages and chunks."""
    return NewDocument(
        row.source, row.title, row.sha256, row.size_bytes, pages_present=row.pages_present, encoding=row.encoding,
        reason=row.reason, remedy=row.remedy,
    )  # fmt: skip


def _from_original(library: Library, row: DocumentRow, *, ocr: bool) -> NewDocument:
    path = library.original_path(row.id)
    if path is None:
        raise LibraryError("indexing.original_gone")
    loaded = isolated.load_file(path, ocr=ocr)
    return replace(
        _described(row), pages=loaded.pages, pages_present=loaded.pages_present, encoding=loaded.encoding,
        reason=joined(loaded.note, storing.sampled(loaded.pages)), remedy=loaded.remedy,
    )  # fmt: skip
