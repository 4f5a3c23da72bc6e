"""The ledger's rows about names: every source of a document, of which the first is the one shown.

Functions on a connection, inside the caller's transaction.
"""

from __future__ import annotations

import sqlite3

from minicpm_rag.library.ledger.documents import forget_failure


def add(connection: sqlite3.Connection, kb_id: int, source: str, title: str, document_id: int) -> int | None:
    """Make the source a name of the document; returns the document that thereby lost its last name."""
    former = connection.execute(
        "SELECT document_id FROM names WHERE kb_id = ? AND source = ?", (kb_id, source)
    ).fetchone()
    orphan = drop(connection, kb_id, source) if former and former[0] != document_id else None
    connection.execute(
        "INSERT INTO names(kb_id, source, title, document_id) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (kb_id, source) DO UPDATE SET title = excluded.title",
        (kb_id, source, title, document_id),
    )
    forget_failure(connection, kb_id, source)
    return orphan


def drop(connection: sqlite3.Connection, kb_id: int, source: str) -> int | None:
    """Take a name from its document; returns the document where that was its last one."""
    row = connection.execute(
        "DELETE FROM names WHERE kb_id = ? AND source = ? RETURNING document_id", (kb_id, source)
    ).fetchone()
    if row is None:
        return None
    document_id = int(row[0])
    first = connection.execute(
        "SELECT source, title FROM names WHERE document_id = ? ORDER BY rowid LIMIT 1", (document_id,)
    ).fetchone()
    if first is None:
        return document_id
    connection.execute(
        "UPDATE documents SET source = ?, title = ? WHERE id = ?",
        (first["source"], first["title"], document_id),
    )
    return None


def of_document(connection: sqlite3.Connection, document_id: int) -> list[tuple[str, str]]:
    """The (source, title) pairs of a document, the one shown first."""
    rows = connection.execute("SELECT source, title FROM names WHERE document_id = ? ORDER BY rowid", (document_id,))
    return [(row["source"], row["title"]) for row in rows]


def sources(connection: sqlite3.Connection, kb_id: int) -> list[str]:
    """Every source the knowledge base knows, of ready documents and of failed files, in order."""
    rows = connection.execute(
        "SELECT source FROM names WHERE kb_id = ?1 "
        "UNION SELECT source FROM documents WHERE kb_id = ?1 AND status = 'failed' ORDER BY source",
        (kb_id,),
    )
    return [row[0] for row in rows]


def titled(connection: sqlite3.Connection, kb_id: int, title: str) -> list[str]:
    """Every source of that title, of ready documents and of failed files, in order."""
    rows = connection.execute(
        "SELECT source FROM names WHERE kb_id = ?1 AND title = ?2 UNION "
        "SELECT source FROM documents WHERE kb_id = ?1 AND title = ?2 AND status = 'failed' ORDER BY source",
        (kb_id, title),
    )
    return [row[0] for row in rows]
