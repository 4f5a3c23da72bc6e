"""Chunks read back from the ledger: as LangChain Documents, as ids, and their vectors as a matrix.

Each function runs inside the caller's transaction and sees chunks of ready documents only.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minicpm_rag.library.ledger.chunk_rows import chunk_id, chunk_key
from minicpm_rag.records import CHUNK_ID, DOCUMENT_ID, SOURCE, TITLE

if TYPE_CHECKING:
    import numpy
    from langchain_core.documents import Document
    from numpy.typing import NDArray

_GROUP = 300  # three variables each, under the 999 that old SQLite builds allow

_SELECT = """
SELECT chunks.index_id, chunks.document_id, chunks.position, chunks.text, chunks.metadata,
       documents.source, documents.title
FROM chunks JOIN indexes ON indexes.id = chunks.index_id AND indexes.status = 'current'
JOIN documents ON documents.id = chunks.document_id AND documents.status = 'ready'
"""


def ready(connection: sqlite3.Connection, names: Sequence[str]) -> set[str]:
    """Those of the chunk ids that the ledger lists as ready."""
    return {chunk_id(row["index_id"], row["document_id"], row["position"]) for row in _rows(connection, names)}


def fetch(connection: sqlite3.Connection, kb_id: int, names: Sequence[str]) -> list[Document]:
    """The chunks of a knowledge base as Documents, in the order asked for; those gone are left out."""
    found = {}
    for row in _rows(connection, names, " AND indexes.kb_id = ?", [kb_id]):
        document = _document(row)
        found[document.id] = document
    return [found[name] for name in names if name in found]


def neighbours(connection: sqlite3.Connection, name: str) -> tuple[Document | None, Document | None]:
    """The chunks before and after a chunk, in the same document."""
    index_id, document_id, position = chunk_key(name)
    around = [chunk_id(index_id, document_id, position + step) for step in (-1, 1) if position + step >= 0]
    found = {document.id: document for document in map(_document, _rows(connection, around))}
    return (
        found.get(chunk_id(index_id, document_id, position - 1)),
        found.get(chunk_id(index_id, document_id, position + 1)),
    )


def names(connection: sqlite3.Connection, rows: Sequence[int]) -> dict[int, str]:
    """The chunk ids of keyword rows."""
    found: dict[int, str] = {}
    for first in range(0, len(rows), _GROUP):
        group = rows[first : first + _GROUP]
        for row in connection.execute(
            f"SELECT id, index_id, document_id, position FROM chunks WHERE id IN ({','.join('?' * len(group))})",
            group,
        ):
            found[row["id"]] = chunk_id(row["index_id"], row["document_id"], row["position"])
    return found


def token_signs(connection: sqlite3.Connection, names: Sequence[str]) -> dict[str, bytes]:
    """The signs of the chunks' token vectors, by chunk id, of those that have any."""
    select = """
        SELECT chunks.index_id, chunks.document_id, chunks.position, signs
        FROM chunks JOIN token_signs ON token_signs.chunk = chunks.id
    """
    return {chunk_id(row[0], row[1], row[2]): row[3] for row in _rows(connection, names, select=select)}


def stored_vectors(connection: sqlite3.Connection, kb_id: int) -> tuple[list[str], NDArray[numpy.float32]]:
    """The chunk ids and vectors of a knowledge base: 0.15 GB for 100,000 of 384 numbers."""
    import numpy

    ids: list[str] = []
    packed = bytearray()
    for row in connection.execute(
        "SELECT chunks.index_id, chunks.document_id, chunks.position, vector FROM chunks "
        "JOIN indexes ON indexes.id = chunks.index_id AND indexes.status = 'current' "
        "JOIN vectors ON vectors.chunk = chunks.id WHERE indexes.kb_id = ? ORDER BY chunks.id",
        (kb_id,),
    ):
        ids.append(chunk_id(row[0], row[1], row[2]))
        packed += row[3]
    vectors = numpy.frombuffer(packed, dtype="<f4").reshape(len(ids), -1) if ids else numpy.empty((0, 0), "f4")
    return ids, vectors


def _rows(
    connection: sqlite3.Connection,
    names: Sequence[str],
    also: str = "",
    values: Sequence[Any] = (),
    *,
    select: str = _SELECT,
) -> list[sqlite3.Row]:
    found: list[sqlite3.Row] = []
    for first in range(0, len(names), _GROUP):
        keys = [chunk_key(name) for name in names[first : first + _GROUP]]
        marks = ",".join("(?,?,?)" for _ in keys)
        found += connection.execute(
            f"{select} WHERE (chunks.index_id, chunks.document_id, chunks.position) IN (VALUES {marks}){also}",
            [part for key in keys for part in key] + list(values),
        ).fetchall()
    return found


def _document(row: sqlite3.Row) -> Document:
    from langchain_core.documents import Document

    name = chunk_id(row["index_id"], row["document_id"], row["position"])
    metadata = json.loads(row["metadata"]) | {
        CHUNK_ID: name,
        DOCUMENT_ID: row["document_id"],
        SOURCE: row["source"],
        TITLE: row["title"],
    }
    return Document(id=name, page_content=row["text"], metadata=metadata)
