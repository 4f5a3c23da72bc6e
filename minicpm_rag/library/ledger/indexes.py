"""Indexes: one set of chunks, vectors and keywords of a knowledge base, made with one embedder.

A knowledge base has one current index, which questions are asked of, and one being built while it is reindexed.
"""

from __future__ import annotations

import sqlite3
import uuid
from dataclasses import dataclass
from typing import Literal

from minicpm_rag.errors import EmbedderMismatchError
from minicpm_rag.library.ledger import keywords


@dataclass(frozen=True)
class Index:
    """One set of chunks, vectors and keywords of a knowledge base."""

    id: int
    kb_id: int
    collection: str  # its name in Chroma
    embedder: str
    dimension: int
    revision: str


def keyword_table(index_id: int) -> str:
    """The name of an index's keyword table."""
    return f"keywords_{index_id}"


def find(
    connection: sqlite3.Connection, kb_id: int, status: Literal["building", "current"] = "current"
) -> Index | None:
    """The index that questions are asked of (or the one being built); None before the first document."""
    row = connection.execute(
        "SELECT id, kb_id, collection, embedder, dimension, revision FROM indexes WHERE kb_id = ? AND status = ?",
        (kb_id, status),
    ).fetchone()
    return None if row is None else Index(*row)


def listed(connection: sqlite3.Connection, *, also_building: bool = False) -> list[Index]:
    """The indexes that questions are asked of, of all knowledge bases; `also_building`, those to come."""
    statuses = "('current', 'building')" if also_building else "('current')"
    rows = connection.execute(
        "SELECT indexes.id, kb_id, collection, embedder, dimension, revision FROM indexes "
        "JOIN knowledge_bases ON knowledge_bases.id = kb_id "
        f"WHERE status IN {statuses} AND name IS NOT NULL ORDER BY 1"
    )
    return [Index(*row) for row in rows]


def collections(connection: sqlite3.Connection) -> set[str]:
    """The names in Chroma of all indexes, of whatever status."""
    return {row[0] for row in connection.execute("SELECT collection FROM indexes")}


def make(
    connection: sqlite3.Connection,
    kb_id: int,
    *,
    embedder: str,
    revision: str,
    dimension: int,
    status: Literal["building", "current"] = "current",
) -> Index:
    """Record a new empty index of a knowledge base. Its Chroma collection is made when first written to."""
    connection.execute(
        "INSERT INTO indexes(kb_id, collection, embedder, dimension, revision, status) VALUES (?, ?, ?, ?, ?, ?)",
        # Chroma allows few characters in a name, and several homes may share one server.
        (kb_id, f"kb-{uuid.uuid4().hex}", embedder, dimension, revision, status),
    )
    index = find(connection, kb_id, status)
    assert index is not None
    keywords.create(connection, keyword_table(index.id))
    return index


def swap(connection: sqlite3.Connection, index: Index) -> None:
    """Make an index that was being built the one that is asked, and retire the one before."""
    connection.execute("UPDATE indexes SET status = 'retired' WHERE kb_id = ? AND status = 'current'", (index.kb_id,))
    connection.execute("UPDATE indexes SET status = 'current' WHERE id = ?", (index.id,))


def finished_with(connection: sqlite3.Connection) -> list[Index]:
    """Retired indexes, those of deleted knowledge bases, and half-built ones that no job will finish."""
    rows = connection.execute(
        "SELECT indexes.id, kb_id, collection, embedder, dimension, revision FROM indexes "
        "JOIN knowledge_bases ON knowledge_bases.id = indexes.kb_id "
        "WHERE indexes.status = 'retired' OR knowledge_bases.name IS NULL "
        "OR (indexes.status = 'building' AND NOT EXISTS (SELECT 1 FROM jobs "
        "WHERE jobs.kb_id = indexes.kb_id AND jobs.kind = 'reindex' AND jobs.status IN ('queued', 'running')))"
    )
    return [Index(*row) for row in rows]


def delete(connection: sqlite3.Connection, index_id: int) -> None:
    """Delete an index with its keywords, vectors and chunks; the documents stay."""
    keywords.drop(connection, keyword_table(index_id))
    connection.execute("DELETE FROM vectors WHERE chunk IN (SELECT id FROM chunks WHERE index_id = ?)", (index_id,))
    connection.execute("DELETE FROM chunks WHERE index_id = ?", (index_id,))
    connection.execute("DELETE FROM indexes WHERE id = ?", (index_id,))


def refuse_other_embedder(index: Index, knowledge_base: str, embedder: str, revision: str) -> None:
    """Raise EmbedderMismatchError where the index was made with another embedder."""
    if index.revision == revision:
        return
    if index.embedder == embedder:
        raise EmbedderMismatchError("library.other_revision", name=knowledge_base, old=index.embedder)
    raise EmbedderMismatchError("library.other_embedder", name=knowledge_base, old=index.embedder, new=embedder)
