"""Clearing what no reader can see any more: leftovers of killed writes, retired documents, dropped indexes.

For the owner of the library only. Everything here may be repeated, and interrupted, at any point.
"""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from pathlib import Path

from minicpm_rag.library.ledger import Ledger, chunk_rows, jobs, keywords
from minicpm_rag.library.originals import UPLOAD, delete_upload, upload_path
from minicpm_rag.library.vectors import VectorStore

FORGOTTEN_SECONDS = 24 * 3600


def sweep(ledger: Ledger, vectors: VectorStore, uploads: Path) -> None:
    """Clear everything that is finished with; run when this process becomes the owner."""
    sweep_documents(ledger, vectors)
    sweep_indexes(ledger, vectors)
    sweep_knowledge_bases(ledger, uploads)
    sweep_uploads(ledger, uploads)


def sweep_documents(ledger: Ledger, vectors: VectorStore) -> None:
    """Clear the vectors and rows of documents that are retired, or whose writing was cut off."""
    with ledger.reading() as connection:
        leftovers = connection.execute(
            "SELECT documents.id, documents.chunks, indexes.id AS index_id, indexes.collection "
            "FROM documents LEFT JOIN indexes ON indexes.kb_id = documents.kb_id "
            "WHERE documents.status IN ('indexing', 'retired')"
        ).fetchall()
    if not leftovers:
        return
    for row in leftovers:
        if row["collection"] is not None:
            vectors.create(row["collection"])
            ids = [chunk_rows.chunk_id(row["index_id"], row["id"], position) for position in range(row["chunks"])]
            vectors.delete(row["collection"], ids)
    with ledger.writing() as connection:
        connection.executemany(
            "DELETE FROM documents WHERE id = ? AND status IN ('indexing', 'retired')",
            {(row["id"],) for row in leftovers},
        )


def sweep_indexes(ledger: Ledger, vectors: VectorStore) -> None:
    """Drop retired indexes, those of deleted knowledge bases, and half-built ones that no job will finish."""
    with ledger.reading() as connection:
        finished = connection.execute(
            "SELECT indexes.id, indexes.collection FROM indexes "
            "JOIN knowledge_bases ON knowledge_bases.id = indexes.kb_id "
            "WHERE indexes.status = 'retired' OR knowledge_bases.name IS NULL "
            "OR (indexes.status = 'building' AND NOT EXISTS (SELECT 1 FROM jobs "
            "WHERE jobs.kb_id = indexes.kb_id AND jobs.kind = 'reindex' "
            "AND jobs.status IN ('queued', 'running')))"
        ).fetchall()
    for row in finished:
        drop_index(ledger, vectors, row["id"], row["collection"])


def drop_index(ledger: Ledger, vectors: VectorStore, index_id: int, collection: str) -> None:
    """Delete an index with its vectors, keywords and chunks; the documents stay."""
    vectors.drop(collection)
    with ledger.writing() as connection:
        keywords.drop(connection, chunk_rows.keyword_table(index_id))
        connection.execute("DELETE FROM vectors WHERE chunk IN (SELECT id FROM chunks WHERE index_id = ?)", (index_id,))
        connection.execute("DELETE FROM chunks WHERE index_id = ?", (index_id,))
        connection.execute("DELETE FROM indexes WHERE id = ?", (index_id,))


def sweep_knowledge_bases(ledger: Ledger, uploads: Path) -> None:
    """Clear the rows and uploaded files of deleted knowledge bases, whose indexes are gone already."""
    with ledger.writing() as connection:
        deleted = [
            row[0]
            for row in connection.execute(
                "SELECT id FROM knowledge_bases WHERE name IS NULL AND id NOT IN (SELECT kb_id FROM indexes)"
            )
        ]
        for kb_id in deleted:
            connection.execute(
                "DELETE FROM pages WHERE document_id IN (SELECT id FROM documents WHERE kb_id = ?)", (kb_id,)
            )
            for table in ("names", "documents", "settings"):
                connection.execute(f"DELETE FROM {table} WHERE kb_id = ?", (kb_id,))
            connection.execute("DELETE FROM knowledge_bases WHERE id = ?", (kb_id,))
    for kb_id in deleted:
        shutil.rmtree(uploads / str(kb_id), ignore_errors=True)


def sweep_uploads(ledger: Ledger, uploads: Path) -> None:
    """Delete uploaded files that became no document, as when the program ended before they were read."""
    with ledger.reading() as connection:
        kept = {
            upload_path(uploads, row["kb_id"], row["sha256"], row["source"])
            for row in connection.execute(
                "SELECT names.kb_id, names.source, documents.sha256 FROM names "
                "JOIN documents ON documents.id = names.document_id"
            )
            if row["source"].startswith(UPLOAD)
        }
    for path in uploads.glob("*/*/*"):
        with suppress(FileNotFoundError):  # another process is writing it under a name for the while
            # One that is young may be about to be ingested.
            if path not in kept and time.time() - path.stat().st_mtime > FORGOTTEN_SECONDS:
                path.unlink()


def drop_upload(ledger: Ledger, uploads: Path, kb_id: int, sha256: str, source: str) -> None:
    """Delete an uploaded file that is done with, unless it was uploaded again and waits to be ingested."""
    with ledger.writing() as connection:  # no job can be submitted meanwhile
        if not jobs.awaits(connection, str(upload_path(uploads, kb_id, sha256, source))):
            delete_upload(uploads, kb_id, sha256, source)
