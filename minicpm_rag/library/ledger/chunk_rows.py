"""The ledger's rows about chunks: their ids, texts, keywords and vectors, as functions on a connection.

Each runs inside the caller's transaction.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from minicpm_rag.library.ledger import keywords
from minicpm_rag.records import END, PAGE, START


def keyword_table(index_id: int) -> str:
    """The name of an index's keyword table."""
    return f"keywords_{index_id}"


def chunk_id(index_id: int, document_id: int, position: int) -> str:
    """The id of a chunk, in Chroma and everywhere."""
    return f"{index_id}-{document_id}-{position}"


def chunk_key(name: str) -> tuple[int, int, int]:
    """The index, document and position of a chunk id; zeros, which no chunk has, for anything else."""
    parts = name.split("-")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) < 19 for part in parts):
        return 0, 0, 0
    return int(parts[0]), int(parts[1]), int(parts[2])


@dataclass(frozen=True)
class StoredChunk:
    """A chunk as the ledger keeps it."""

    row: int
    text: str
    metadata: dict[str, Any]

    def lies_in(self, texts: dict[int, str]) -> bool:
        """Whether the chunk is literally where it says it is, in page texts by number."""
        return lies_in(self.text, self.metadata, texts)


def lies_in(text: str, metadata: dict[str, Any], texts: dict[int, str]) -> bool:
    """Whether a chunk's text is literally where its metadata says, in page texts by number."""
    return texts.get(metadata[PAGE], "")[metadata[START] : metadata[END]] == text


def of_document(connection: sqlite3.Connection, document_id: int) -> list[StoredChunk]:
    """The chunks of a document in the index that is asked, in reading order."""
    rows = connection.execute(
        "SELECT chunks.id, text, metadata FROM chunks JOIN indexes ON indexes.id = chunks.index_id "
        "WHERE document_id = ? AND indexes.status = 'current' ORDER BY position",
        (document_id,),
    )
    return [StoredChunk(row["id"], row["text"], json.loads(row["metadata"])) for row in rows]


def ids(connection: sqlite3.Connection, document_id: int) -> list[str]:
    """The ids of a document's chunks in the index that is asked, in reading order."""
    rows = connection.execute(
        "SELECT chunks.index_id, chunks.document_id, position FROM chunks "
        "JOIN indexes ON indexes.id = chunks.index_id "
        "WHERE document_id = ? AND indexes.status = 'current' ORDER BY position",
        (document_id,),
    )
    return [chunk_id(*row) for row in rows]


def vector(connection: sqlite3.Connection, chunk_row: int) -> bytes:
    """The vector of a chunk, as little-endian float32."""
    return bytes(connection.execute("SELECT vector FROM vectors WHERE chunk = ?", (chunk_row,)).fetchone()[0])


class NewRow(NamedTuple):
    """A chunk to add: `indexed` is searched by keyword, `vector` is little-endian float32."""

    text: str
    metadata: dict[str, Any]
    indexed: str
    vector: bytes
    token_signs: bytes


def token_signs(connection: sqlite3.Connection, chunk_row: int) -> bytes:
    """The signs of a chunk's token vectors; empty where it has none."""
    row = connection.execute("SELECT signs FROM token_signs WHERE chunk = ?", (chunk_row,)).fetchone()
    return b"" if row is None else bytes(row[0])


def add(connection: sqlite3.Connection, index_id: int, document_id: int, chunks: Sequence[NewRow]) -> None:
    """Add the chunks of a document to an index, in reading order."""
    keyed = []
    for position, (text, metadata, indexed, vector, signs) in enumerate(chunks):
        cursor = connection.execute(
            "INSERT INTO chunks(index_id, document_id, position, text, metadata) VALUES (?, ?, ?, ?, ?)",
            (index_id, document_id, position, text, json.dumps(metadata, ensure_ascii=False)),
        )
        assert cursor.lastrowid is not None
        connection.execute("INSERT INTO vectors(chunk, vector) VALUES (?, ?)", (cursor.lastrowid, vector))
        if signs:
            connection.execute("INSERT INTO token_signs(chunk, signs) VALUES (?, ?)", (cursor.lastrowid, signs))
        keyed.append((cursor.lastrowid, indexed))
    keywords.add(connection, keyword_table(index_id), keyed)
