"""Stores documents, and clears what is left of removed ones, in an order that a kill cannot harm.

For the owner of the library only. Knows what must be true of ledger, vectors and keywords together; not how files
are read or split. All that clears (`clear...`) may be interrupted and repeated at any point.
"""

from __future__ import annotations

import itertools
import logging
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from minicpm_rag.chunking import indexed_text, is_sampled
from minicpm_rag.errors import EmbedderMismatchError, EmbeddingError, LibraryError
from minicpm_rag.library import Library
from minicpm_rag.library.ledger import arrivals, chunks, documents, jobs, keywords, knowledge_bases, tables
from minicpm_rag.library.ledger.connection import Connection
from minicpm_rag.library.ledger.knowledge_bases import Index
from minicpm_rag.library.originals import UPLOAD, delete_upload, upload_folder, upload_path
from minicpm_rag.messages import Message
from minicpm_rag.records import Chunk, DocumentRow, FileStatus, NewDocument, Page, Verdict

if TYPE_CHECKING:
    from minicpm_rag.embedding.embedder import Embedder
    from minicpm_rag.indexing.on_ray import Cluster

log = logging.getLogger(__name__)

# Texts in one call of the embedder: enough for it to sort them by length, few enough to keep memory flat.
EMBED_TEXTS = 256
UPLOAD_KEPT_SECONDS = 24 * 3600  # an uploaded file younger than this may be about to be ingested


def embed(chunks: Sequence[Chunk], embedder: Embedder) -> list[Chunk]:
    """The chunks with their vectors and token signs. Raises EmbeddingError, also for vectors that are no numbers."""
    return list(itertools.chain.from_iterable(embed_in_groups(chunks, embedder)))


def embed_in_groups(
    chunks: Sequence[Chunk], embedder: Embedder, cluster: Cluster | None = None
) -> Iterator[list[Chunk]]:
    """As `embed`, in groups of at most EMBED_TEXTS, each when it is done; by a `cluster` where there is one."""
    import numpy

    by = embedder if cluster is None else cluster
    size = EMBED_TEXTS if cluster is None else EMBED_TEXTS * cluster.workers
    for first in range(0, len(chunks), size):
        group = chunks[first : first + size]
        read = by.read_passages([indexed_text(chunk) for chunk in group])
        matrix = numpy.asarray([passage.vector for passage in read], dtype=numpy.float32)  # a third of Python's floats
        if matrix.shape != (len(group), embedder.dimension) or not numpy.isfinite(matrix).all():
            raise EmbeddingError("embedding.no_numbers", name=embedder.name)
        yield [
            replace(chunk, vector=vector, token_signs=passage.token_signs)
            for chunk, vector, passage in zip(group, matrix, read, strict=True)
        ]


def verdict(new: NewDocument, status: FileStatus) -> Verdict:
    """What became of a file that was stored, or failed."""
    return Verdict(
        new.source, new.title, status, new.reason, new.remedy,
        len(new.pages), new.pages_present, len(new.chunks), new.encoding,
    )  # fmt: skip


def sampled(pages: Sequence[Page]) -> Message | None:
    """Says that of long tables only samples can be found by searching."""
    rows = sum(len(table.rows) for page in pages for table in page.tables if is_sampled(table))
    return Message("indexing.sampled", rows=rows) if rows else None


def begin_index(
    library: Library, kb_id: int, embedder: Embedder, status: Literal["building", "current"] = "current"
) -> Index:
    """A new empty index of a knowledge base, for that embedder's vectors."""
    revision, dimension = embedder.revision, embedder.dimension  # both read files: before the ledger is locked
    with library.ledger.writing() as connection:
        begun = knowledge_bases.find_index(connection, kb_id, status)
        if begun is not None:  # another worker was quicker
            return begun
        return knowledge_bases.make_index(
            connection, kb_id, embedder=embedder.name, revision=revision, dimension=dimension, status=status
        )


def store(library: Library, index: Index, new: Sequence[NewDocument]) -> Iterator[int]:
    """Add documents, each in place of the one its source named before; yields their ids as each is ready.

    Until its own transaction the old version of a document answers, from then on the new one. What a kill leaves on
    either side of it (vectors without chunks) no reader sees; `clear_documents` deletes it. The vectors of many small
    documents go into Chroma together, because each call there is slow.
    """
    if any(len(one.vector) != index.dimension for document in new for one in document.chunks if one.vector is not None):
        with library.ledger.reading() as connection:
            name = knowledge_bases.name_of(connection, index.kb_id)
        raise EmbedderMismatchError("library.other_revision", name=name, old=index.embedder)
    if library.ledger.shared:
        for document in new:  # the vectors are in the ledger: one transaction has all, or nothing
            with library.ledger.writing() as connection:
                key = documents.announce(connection, index.kb_id, document)
                _publish(connection, index, key, document)
            yield key
        clear_documents(library)
        return
    with library.ledger.writing() as connection:
        ids = [documents.announce(connection, index.kb_id, document) for document in new]
    try:
        add_vectors(library, index, {key: document.chunks for key, document in zip(ids, new, strict=True)})
        for key, document in zip(ids, new, strict=True):
            with library.ledger.writing() as connection:
                _publish(connection, index, key, document)
            yield key
    except BaseException:
        try:
            clear_documents(library)
        except LibraryError as exc:  # the disk is still full, say; the next owner clears it
            log.warning("What an interrupted write has left will be cleared later: %s", exc)
        raise
    clear_documents(library)


def _publish(connection: Connection, index: Index, key: int, document: NewDocument) -> None:
    documents.add_pages(connection, key, document.pages)
    tables.add(connection, key, document.pages)
    chunks.add(connection, index.id, key, document.chunks)
    documents.publish(connection, key)
    knowledge_bases.note_change(connection, index.kb_id)


def add_vectors(library: Library, index: Index, new: dict[int, Sequence[Chunk]]) -> None:
    """Put the vectors of documents' chunks, by document id, into Chroma, where no reader sees them yet."""
    library.vectors.create(index.collection)
    library.vectors.upsert(
        index.collection,
        [chunks.chunk_id(index.id, key, position) for key, own in new.items() for position in range(len(own))],
        [chunk.vector for own in new.values() for chunk in own if chunk.vector is not None],
    )


def add_name(
    library: Library, kb_id: int, document_id: int, source: str, title: str, *, former: str | None = None
) -> None:
    """Give a stored document one more name, in place of the `former` one where the file was moved."""
    with library.ledger.writing() as connection:
        documents.add_name(connection, kb_id, source, title, document_id)
        if former is not None:
            documents.drop_name(connection, kb_id, former)
        knowledge_bases.note_change(connection, kb_id)
    clear_documents(library)


def remove(library: Library, kb_id: int, source: str) -> DocumentRow | None:
    """Remove one name, and with the last name its document; returns what it named, None for a failed file.

    Proves that nothing of the document is left. Raises LibraryError where a trace remains.
    """
    with library.ledger.writing() as connection:
        index = knowledge_bases.find_index(connection, kb_id)
        document = documents.named(connection, kb_id, source)
        chunk_ids = [] if document is None else chunks.ids(connection, document.id)
        documents.forget_failure(connection, kb_id, source)
        retired = documents.drop_name(connection, kb_id, source)
        knowledge_bases.note_change(connection, kb_id)
    clear_documents(library)
    if retired is not None and index is not None:
        _prove_gone(library, index, retired, chunk_ids)
    return document


def _prove_gone(library: Library, index: Index, document_id: int, chunk_ids: list[str]) -> None:
    with library.ledger.reading() as connection:
        places = [f"the ledger's table {table}" for table in documents.traces(connection, document_id)]
        known = keywords.statistics(connection, knowledge_bases.keyword_table(index.id), []).rows
        if known != chunks.count(connection, index.id):
            places.append("the keyword index")
    if library.vectors.present(index.collection, chunk_ids):
        places.append("Chroma")
    if places:
        raise LibraryError("indexing.not_gone", number=document_id, places=places)


def clear(library: Library) -> None:
    """Clear everything that no reader sees any more; run when this process becomes the owner."""
    clear_documents(library)
    clear_indexes(library)
    with library.ledger.writing() as connection:
        deleted = knowledge_bases.clear_hidden(connection)
    for kb_id in deleted:
        shutil.rmtree(library.uploads / str(kb_id), ignore_errors=True)
    clear_uploads(library)
    _read_tables(library)


def _read_tables(library: Library) -> None:
    """Store the tables of documents that an older version stored, from their pages; one transaction each."""
    with library.ledger.reading() as connection:
        unread = tables.unread(connection)
    for document_id in unread:
        try:
            with library.ledger.writing() as connection:
                tables.add(connection, document_id, documents.pages(connection, document_id))
                knowledge_bases.note_change(connection, documents.knowledge_base_of(connection, document_id))
        except LibraryError as exc:  # noqa: PERF203 (a damaged page: the others go on)
            log.warning("The tables of document %s are not stored: %s", document_id, exc)


def clear_documents(library: Library) -> None:
    """Clear the vectors and rows of documents that are retired, or whose writing was interrupted."""
    with library.ledger.reading() as connection:
        leftovers = documents.leftovers(connection)
    if not leftovers:
        return
    for document_id, count, index_id, collection in leftovers:
        if index_id is not None and collection is not None:
            library.vectors.create(collection)
            ids = [chunks.chunk_id(index_id, document_id, position) for position in range(count)]
            library.vectors.delete(collection, ids)
    with library.ledger.writing() as connection:
        documents.delete_leftovers(connection, {document_id for document_id, *_ in leftovers})


def clear_indexes(library: Library, kb_id: int | None = None) -> None:
    """Delete retired indexes, those of deleted knowledge bases, and half-built ones that no job will finish.

    Of all knowledge bases, or of one.
    """
    with library.ledger.reading() as connection:
        finished = knowledge_bases.finished_indexes(connection, kb_id)
    for index in finished:
        delete_index(library, index)


def delete_index(library: Library, index: Index) -> None:
    """Delete an index with its vectors, keywords and chunks; the documents stay."""
    library.vectors.drop(index.collection)
    with library.ledger.writing() as connection:
        knowledge_bases.delete_index(connection, index.id)


def drop_upload(library: Library, kb_id: int, sha256: str, source: str) -> None:
    """Delete an uploaded file that is done with, unless it was uploaded again and waits to be ingested."""
    with library.ledger.writing() as connection:
        library.ledger.alone(connection)  # no job can be submitted, and no upload announced, meanwhile
        folder = upload_folder(sha256)
        arriving = arrivals.knowledge_bases_of(connection, folder)
        path = upload_path(library.uploads, kb_id, sha256, source)
        if kb_id in arriving or jobs.awaits(connection, str(path)):
            return
        delete_upload(library.uploads, kb_id, sha256, source)
        listed = {one for *_, one in (*documents.hashes(connection), *documents.failures(connection))}
        if library.originals is not None and not (arriving or sha256 in listed or jobs.read_folder(connection, folder)):
            library.originals.drop(sha256)


def clear_uploads(library: Library) -> None:
    """Delete uploaded files that nothing lists, as when the program ended before they were read."""
    with library.ledger.reading() as connection:
        rows = [*documents.hashes(connection), *documents.failures(connection)]
    kept = {
        upload_path(library.uploads, kb_id, sha256, source)
        for kb_id, source, sha256 in rows
        if source.startswith(UPLOAD)
    }
    listed = {sha256 for *_, sha256 in rows}
    for path in library.uploads.glob("*/*/*"):
        with suppress(FileNotFoundError):  # a temporary name, while another process writes the file
            if path not in kept and time.time() - path.stat().st_mtime > UPLOAD_KEPT_SECONDS:
                path.unlink()
    if library.originals is not None:
        try:
            library.originals.clear(listed)
        except LibraryError as exc:  # the next sweep clears it
            log.warning("Originals that nothing lists stay in their store for now: %s", exc)
