"""The ledger's rows about documents: their names, pages, chunks and verdicts, as functions on a connection.

Each runs inside the caller's transaction. Knows the tables; not files, embedders or Chroma.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any

from minicpm_rag import keywords
from minicpm_rag.errors import NotFoundError
from minicpm_rag.records import END, PAGE, START, DocumentRow, Heading, Page, Table

_LISTED = """
SELECT documents.*, knowledge_bases.name AS kb_name,
       (SELECT json_group_array(source) FROM (SELECT source FROM names WHERE document_id = documents.id ORDER BY rowid))
           AS sources
FROM documents JOIN knowledge_bases ON knowledge_bases.id = documents.kb_id
"""


def now() -> str:
    """The time of a row, ISO 8601 in UTC."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


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


def listed(connection: sqlite3.Connection, kb_id: int) -> list[DocumentRow]:
    """Ready documents and failed files of a knowledge base, by source."""
    rows = connection.execute(
        f"{_LISTED} WHERE documents.kb_id = ? AND documents.status IN ('ready', 'failed') "
        "ORDER BY documents.source, documents.status",
        (kb_id,),
    )
    return [_row(row) for row in rows]


def one(connection: sqlite3.Connection, document_id: int) -> DocumentRow:
    """A document, whatever its status. Raises NotFoundError."""
    row = connection.execute(f"{_LISTED} WHERE documents.id = ?", (document_id,)).fetchone()
    if row is None:
        raise NotFoundError(f"There is no document {document_id} in the library; it may have been removed.")
    return _row(row)


def named(connection: sqlite3.Connection, kb_id: int, source: str) -> DocumentRow | None:
    """The ready document that the source is a name of."""
    row = connection.execute(
        f"{_LISTED} WHERE documents.id = (SELECT document_id FROM names WHERE kb_id = ? AND source = ?)",
        (kb_id, source),
    ).fetchone()
    return None if row is None else _row(row)


def of_bytes(connection: sqlite3.Connection, kb_id: int, sha256: str) -> DocumentRow | None:
    """The ready document with these bytes."""
    row = connection.execute(
        f"{_LISTED} WHERE documents.kb_id = ? AND documents.sha256 = ? AND documents.status = 'ready'",
        (kb_id, sha256),
    ).fetchone()
    return None if row is None else _row(row)


def add_name(
    connection: sqlite3.Connection, kb_id: int, source: str, title: str, document_id: int
) -> int | None:
    """Make the source a name of the document; returns the document that thereby lost its last name."""
    former = connection.execute(
        "SELECT document_id FROM names WHERE kb_id = ? AND source = ?", (kb_id, source)
    ).fetchone()
    orphan = drop_name(connection, kb_id, source) if former and former[0] != document_id else None
    connection.execute(
        "INSERT INTO names(kb_id, source, title, document_id) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (kb_id, source) DO UPDATE SET title = excluded.title",
        (kb_id, source, title, document_id),
    )
    forget_failure(connection, kb_id, source)
    return orphan


def drop_name(connection: sqlite3.Connection, kb_id: int, source: str) -> int | None:
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


def forget_failure(connection: sqlite3.Connection, kb_id: int, source: str) -> bool:
    """Delete the record that the source could not be read; says whether there was one."""
    deleted = connection.execute(
        "DELETE FROM documents WHERE kb_id = ? AND source = ? AND status = 'failed'", (kb_id, source)
    )
    return deleted.rowcount > 0


def has_failed(connection: sqlite3.Connection, kb_id: int, source: str) -> bool:
    """Whether the last try to read the source failed."""
    row = connection.execute(
        "SELECT 1 FROM documents WHERE kb_id = ? AND source = ? AND status = 'failed'", (kb_id, source)
    ).fetchone()
    return row is not None


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


def retire(connection: sqlite3.Connection, document_id: int) -> None:
    """Take a document out of every answer: its chunks, keywords and stored vectors go, its row waits for Chroma."""
    indexes = connection.execute(
        "SELECT DISTINCT index_id FROM chunks WHERE document_id = ?", (document_id,)
    ).fetchall()
    for (index_id,) in indexes:
        rows = [
            row
            for (row,) in connection.execute(
                "SELECT id FROM chunks WHERE document_id = ? AND index_id = ?", (document_id, index_id)
            )
        ]
        keywords.remove(connection, keyword_table(index_id), rows)
    connection.execute(
        "DELETE FROM vectors WHERE chunk IN (SELECT id FROM chunks WHERE document_id = ?)", (document_id,)
    )
    for table in ("chunks", "pages", "names"):
        connection.execute(f"DELETE FROM {table} WHERE document_id = ?", (document_id,))
    connection.execute("UPDATE documents SET status = 'retired' WHERE id = ?", (document_id,))


def add_pages(connection: sqlite3.Connection, document_id: int, pages: Iterable[Page]) -> None:
    """Store the pages of a document."""
    connection.executemany(
        "INSERT INTO pages(document_id, number, kind, label, text, marks) VALUES (?, ?, ?, ?, ?, ?)",
        (
            (
                document_id,
                page.number,
                page.kind,
                page.label,
                zlib.compress(page.text.encode(), 6),
                _marks(page),
            )
            for page in pages
        ),
    )


def pages(connection: sqlite3.Connection, document_id: int, number: int | None = None) -> list[Page]:
    """The stored pages of a document in order, or the one of that number."""
    wanted, values = ("", [document_id]) if number is None else (" AND number = ?", [document_id, number])
    rows = connection.execute(f"SELECT * FROM pages WHERE document_id = ?{wanted} ORDER BY number", values)
    return [_page(row) for row in rows]


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


def vector(connection: sqlite3.Connection, chunk_row: int) -> bytes:
    """The vector of a chunk, as little-endian float32."""
    return bytes(connection.execute("SELECT vector FROM vectors WHERE chunk = ?", (chunk_row,)).fetchone()[0])


def names(connection: sqlite3.Connection, document_id: int) -> list[tuple[str, str]]:
    """The (source, title) pairs of a document, the one shown first."""
    rows = connection.execute(
        "SELECT source, title FROM names WHERE document_id = ? ORDER BY rowid", (document_id,)
    )
    return [(row["source"], row["title"]) for row in rows]


def page_of(values: dict[str, Any]) -> Page:
    """A page from the plain values that `asdict` makes of one, or JSON of them."""
    return Page(
        number=int(values["number"]),
        text=str(values["text"]),
        kind=values["kind"],
        label=str(values["label"]),
        headings=tuple(Heading(**entry) for entry in values["headings"]),
        tables=tuple(
            Table(**entry | {"rows": tuple((start, number) for start, number in entry["rows"])})
            for entry in values["tables"]
        ),
    )


def chunks(connection: sqlite3.Connection, document_id: int) -> list[StoredChunk]:
    """The chunks of a document in the index that is asked, in reading order."""
    rows = connection.execute(
        "SELECT chunks.id, text, metadata FROM chunks JOIN indexes ON indexes.id = chunks.index_id "
        "WHERE document_id = ? AND indexes.status = 'current' ORDER BY position",
        (document_id,),
    )
    return [StoredChunk(row["id"], row["text"], json.loads(row["metadata"])) for row in rows]


def chunk_ids(connection: sqlite3.Connection, document_id: int) -> list[str]:
    """The ids of a document's chunks in the index that is asked, in reading order."""
    rows = connection.execute(
        "SELECT chunks.index_id, chunks.document_id, position FROM chunks JOIN indexes ON indexes.id = chunks.index_id "
        "WHERE document_id = ? AND indexes.status = 'current' ORDER BY position",
        (document_id,),
    )
    return [chunk_id(*row) for row in rows]


def add_chunks(
    connection: sqlite3.Connection,
    index_id: int,
    document_id: int,
    chunks: Sequence[tuple[str, dict[str, Any], str, bytes]],
) -> None:
    """Add the chunks of a document to an index: (text, metadata, text to index, vector) in reading order."""
    keyed = []
    for position, (text, metadata, indexed, vector) in enumerate(chunks):
        cursor = connection.execute(
            "INSERT INTO chunks(index_id, document_id, position, text, metadata) VALUES (?, ?, ?, ?, ?)",
            (index_id, document_id, position, text, json.dumps(metadata, ensure_ascii=False)),
        )
        assert cursor.lastrowid is not None
        connection.execute("INSERT INTO vectors(chunk, vector) VALUES (?, ?)", (cursor.lastrowid, vector))
        keyed.append((cursor.lastrowid, indexed))
    keywords.add(connection, keyword_table(index_id), keyed)


def _row(row: sqlite3.Row) -> DocumentRow:
    return DocumentRow(
        id=row["id"],
        knowledge_base=row["kb_name"] or "",
        source=row["source"],
        title=row["title"],
        status=row["status"],
        sha256=row["sha256"],
        size_bytes=row["size_bytes"],
        pages_indexed=row["pages_indexed"],
        pages_present=row["pages_present"],
        chunks=row["chunks"],
        encoding=row["encoding"],
        reason=row["reason"],
        remedy=row["remedy"],
        indexed_at=row["indexed_at"],
        other_names=tuple(name for name in json.loads(row["sources"]) if name != row["source"]),
    )


def _marks(page: Page) -> str:
    return json.dumps(
        {
            "headings": [asdict(entry) for entry in page.headings],
            "tables": [asdict(entry) for entry in page.tables],
        },
        ensure_ascii=False,
    )


def _page(row: sqlite3.Row) -> Page:
    return page_of(dict(row) | {"text": zlib.decompress(row["text"]).decode()} | json.loads(row["marks"]))
