"""The indexes of the knowledge bases: the collection and keyword table each has, and its embedder.

Works on the ledger only; does not know documents or vectors.
"""

from __future__ import annotations

import sqlite3
import uuid
from dataclasses import dataclass
from typing import Literal

from minicpm_rag.errors import EmbedderMismatchError
from minicpm_rag.library.ledger import Ledger, keywords
from minicpm_rag.library.ledger.chunk_rows import keyword_table


@dataclass(frozen=True)
class Index:
    """One set of chunks, vectors and keywords of a knowledge base."""

    id: int
    kb_id: int
    collection: str
    embedder: str
    dimension: int
    revision: str

    @property
    def keyword_table(self) -> str:
        """The name of its keyword table."""
        return keyword_table(self.id)


def find_index(
    connection: sqlite3.Connection, kb_id: int, status: Literal["building", "current"] = "current"
) -> Index | None:
    """The index that questions are asked of (or the one being built); None before the first document."""
    row = connection.execute(
        "SELECT id, kb_id, collection, embedder, dimension, revision FROM indexes WHERE kb_id = ? AND status = ?",
        (kb_id, status),
    ).fetchone()
    return None if row is None else Index(*row)


def all_indexes(connection: sqlite3.Connection, *, also_building: bool = False) -> list[Index]:
    """The indexes that questions are asked of, of all knowledge bases; `also_building`, those to come."""
    statuses = "('current', 'building')" if also_building else "('current')"
    rows = connection.execute(
        "SELECT indexes.id, kb_id, collection, embedder, dimension, revision FROM indexes "
        "JOIN knowledge_bases ON knowledge_bases.id = kb_id "
        f"WHERE status IN {statuses} AND name IS NOT NULL ORDER BY 1"
    )
    return [Index(*row) for row in rows]


def make_index(
    ledger: Ledger,
    kb_id: int,
    *,
    embedder: str,
    revision: str,
    dimension: int,
    status: Literal["building", "current"] = "current",
) -> Index:
    """Record a new empty index of a knowledge base. Its Chroma collection is made when first written to."""
    with ledger.writing() as connection:
        connection.execute(
            "INSERT INTO indexes(kb_id, collection, embedder, dimension, revision, status) VALUES (?, ?, ?, ?, ?, ?)",
            # Chroma allows few characters in a name, and several homes may share one server.
            (kb_id, f"kb-{uuid.uuid4().hex}", embedder, dimension, revision, status),
        )
        index = find_index(connection, kb_id, status)
        assert index is not None
        keywords.create(connection, index.keyword_table)
    return index


def refuse_other_embedder(index: Index, knowledge_base: str, embedder: str, revision: str) -> None:
    """Raise EmbedderMismatchError where the index was made with another embedder."""
    if (index.embedder, index.revision) == (embedder, revision):
        return
    if index.embedder == embedder:
        raise EmbedderMismatchError("library.other_revision", name=knowledge_base, old=index.embedder)
    raise EmbedderMismatchError("library.other_embedder", name=knowledge_base, old=index.embedder, new=embedder)


def note_change(connection: sqlite3.Connection, kb_id: int) -> None:
    """Say that what can be found in the knowledge base has changed, once this transaction is kept."""
    connection.execute("UPDATE knowledge_bases SET generation = generation + 1 WHERE id = ?", (kb_id,))
