"""The ledger's rows about documents: what is ready, what failed, what is retired.

Functions on a connection, inside the caller's transaction. Knows the tables; not files, embedders or Chroma.
"""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime, timezone

from minicpm_rag.errors import NotFoundError
from minicpm_rag.library.ledger import keywords
from minicpm_rag.library.ledger.chunk_rows import keyword_table
from minicpm_rag.messages import Message
from minicpm_rag.records import DocumentRow

_LISTED = """
SELECT documents.*, knowledge_bases.name AS kb_name,
       (SELECT json_group_array(source) FROM (
           SELECT source FROM names WHERE document_id = documents.id ORDER BY rowid)) AS sources
FROM documents JOIN knowledge_bases ON knowledge_bases.id = documents.kb_id
"""


def now() -> str:
    """The time of a row, ISO 8601 in UTC."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def stored(message: Message | None) -> str:
    """A message as a column holds it; "" for none."""
    return "" if message is None else message.as_json()


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
    found = _found(connection, "documents.id = ?", document_id)
    if found is None:
        raise NotFoundError("library.no_document", number=document_id)
    return found


def named(connection: sqlite3.Connection, kb_id: int, source: str) -> DocumentRow | None:
    """The ready document that the source is a name of."""
    return _found(
        connection, "documents.id = (SELECT document_id FROM names WHERE kb_id = ? AND source = ?)", kb_id, source
    )


def of_bytes(connection: sqlite3.Connection, kb_id: int, sha256: str) -> DocumentRow | None:
    """The ready document with these bytes."""
    condition = "documents.kb_id = ? AND documents.sha256 = ? AND documents.status = 'ready'"
    return _found(connection, condition, kb_id, sha256)


def has_failed(connection: sqlite3.Connection, kb_id: int, source: str) -> bool:
    """Whether the last try to read the source failed."""
    row = connection.execute(
        "SELECT 1 FROM documents WHERE kb_id = ? AND source = ? AND status = 'failed'", (kb_id, source)
    ).fetchone()
    return row is not None


def forget_failure(connection: sqlite3.Connection, kb_id: int, source: str) -> bool:
    """Delete the record that the source could not be read; says whether there was one."""
    deleted = connection.execute(
        "DELETE FROM documents WHERE kb_id = ? AND source = ? AND status = 'failed'", (kb_id, source)
    )
    return deleted.rowcount > 0


def retire(connection: sqlite3.Connection, document_id: int) -> None:
    """Take a document out of every answer: all but its row goes, which waits until Chroma is cleared."""
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


def _found(connection: sqlite3.Connection, condition: str, *values: int | str) -> DocumentRow | None:
    row = connection.execute(f"{_LISTED} WHERE {condition}", values).fetchone()
    return None if row is None else _row(row)


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
        reason=Message.from_json(row["reason"]),
        remedy=Message.from_json(row["remedy"]),
        indexed_at=row["indexed_at"],
        other_names=tuple(name for name in json.loads(row["sources"]) if name != row["source"]),
    )
