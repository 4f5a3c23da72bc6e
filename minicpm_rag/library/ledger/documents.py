"""Documents: what is ready, what failed, what is retired; their names and pages.

A document has one name for each source with its bytes; the first one is shown. A source names one document of its
knowledge base at most.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Any

from minicpm_rag.errors import LibraryError, NotFoundError
from minicpm_rag.library.ledger import as_column, checksums, chunks, now, tables
from minicpm_rag.library.ledger.checksums import Damage
from minicpm_rag.library.ledger.connection import Connection
from minicpm_rag.messages import Message
from minicpm_rag.records import DocumentRow, Heading, NewDocument, Page, Table

_LISTED = """
SELECT documents.*, knowledge_bases.name AS kb_name,
       (SELECT json_group_array(source) FROM (
           SELECT source FROM names WHERE document_id = documents.id AND source <> documents.source
           ORDER BY rowid) AS own_names) AS other_sources,
       (SELECT json_group_array(tag) FROM tags WHERE document_id = documents.id) AS own_tags
FROM documents JOIN knowledge_bases ON knowledge_bases.id = documents.kb_id
"""


def listed(connection: Connection, kb_id: int) -> list[DocumentRow]:
    """Ready documents and failed files of a knowledge base, by source."""
    rows = connection.execute(
        f"{_LISTED} WHERE documents.kb_id = ? AND documents.status IN ('ready', 'failed') "
        "ORDER BY documents.source, documents.status",
        (kb_id,),
    )
    return [_row(row) for row in rows]


def ready(connection: Connection) -> list[tuple[int, str]]:
    """The (id, source) pairs of all ready documents, of every knowledge base."""
    rows = connection.execute("SELECT id, source FROM documents WHERE status = 'ready'")
    return [(row["id"], row["source"]) for row in rows]


def one(connection: Connection, document_id: int) -> DocumentRow:
    """A document, whatever its status. Raises NotFoundError."""
    found = _found(connection, "documents.id = ?", document_id)
    if found is None:
        raise NotFoundError("library.no_document", number=document_id)
    return found


def named(connection: Connection, kb_id: int, source: str) -> DocumentRow | None:
    """The ready document that the source is a name of."""
    return _found(
        connection, "documents.id = (SELECT document_id FROM names WHERE kb_id = ? AND source = ?)", kb_id, source
    )


def of_bytes(connection: Connection, kb_id: int, sha256: str) -> DocumentRow | None:
    """The ready document with these bytes."""
    condition = "documents.kb_id = ? AND documents.sha256 = ? AND documents.status = 'ready'"
    return _found(connection, condition, kb_id, sha256)


def knowledge_base_of(connection: Connection, document_id: int) -> int:
    """The row id of the knowledge base that a document belongs to."""
    return int(connection.execute("SELECT kb_id FROM documents WHERE id = ?", (document_id,)).fetchone()[0])


# Writing a document
def announce(connection: Connection, kb_id: int, new: NewDocument) -> int:
    """Record that a document is being written, so that its vectors can be cleared whatever happens; returns its id."""
    row = connection.execute(
        "INSERT INTO documents(kb_id, source, title, status, sha256, size_bytes, pages_indexed, "
        "pages_present, chunks, encoding, reason, remedy, indexed_at) "
        "VALUES (?, ?, ?, 'indexing', ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (
            kb_id, new.source, new.title, new.sha256, new.size_bytes, len(new.pages), new.pages_present,
            len(new.chunks), new.encoding, as_column(new.reason), as_column(new.remedy), now(),
        ),
    ).fetchone()  # fmt: skip
    return int(row[0])


def publish(connection: Connection, document_id: int) -> None:
    """Make an announced document, whose pages and chunks are stored, ready under its name.

    The document that its source named before, and one of the same bytes, are retired; the names of the latter move
    over (its bytes were read again because a remedy was followed).
    """
    kb_id, new = knowledge_base_of(connection, document_id), one(connection, document_id)
    twin = of_bytes(connection, kb_id, new.sha256)
    for former in filter(None, (named(connection, kb_id, new.source), twin)):
        connection.execute(
            "INSERT INTO tags(document_id, tag) SELECT ?, tag FROM tags WHERE document_id = ? ON CONFLICT DO NOTHING",
            (document_id, former.id),
        )
        connection.execute("UPDATE documents SET folder = ? WHERE id = ?", (former.folder, document_id))
    if twin is not None:
        connection.execute("UPDATE names SET document_id = ? WHERE document_id = ?", (document_id, twin.id))
        retire(connection, twin.id)
    connection.execute("UPDATE documents SET status = 'ready' WHERE id = ?", (document_id,))
    add_name(connection, kb_id, new.source, new.title, document_id)


def count_chunks(connection: Connection, kb_id: int, index_id: int) -> None:
    """Set the chunk counts of a knowledge base's documents to those they have in that index."""
    connection.execute(
        "UPDATE documents SET chunks = (SELECT count(*) FROM chunks WHERE document_id = documents.id "
        "AND index_id = ?) WHERE kb_id = ? AND status = 'ready'",
        (index_id, kb_id),
    )


def retire(connection: Connection, document_id: int) -> None:
    """Take a document out of every answer: all but its row goes, which waits until Chroma is cleared."""
    chunks.remove_document(connection, document_id)
    tables.remove(connection, document_id)
    for table in ("pages", "names", "tags"):
        connection.execute(f"DELETE FROM {table} WHERE document_id = ?", (document_id,))
    connection.execute("UPDATE documents SET status = 'retired' WHERE id = ?", (document_id,))


def leftovers(connection: Connection) -> list[tuple[int, int, int | None, str | None]]:
    """What retired documents and interrupted writes have left in Chroma.

    Each as (document id, chunks, index id, collection), once for each index of its knowledge base; index and
    collection are None where that has none.
    """
    rows = connection.execute(
        "SELECT documents.id, documents.chunks, indexes.id AS index_id, indexes.collection "
        "FROM documents LEFT JOIN indexes ON indexes.kb_id = documents.kb_id "
        "WHERE documents.status IN ('indexing', 'retired')"
    )
    return [(row["id"], row["chunks"], row["index_id"], row["collection"]) for row in rows]


def delete_leftovers(connection: Connection, document_ids: Iterable[int]) -> None:
    """Delete the rows of documents that `leftovers` named, whose vectors are gone."""
    connection.executemany(
        "DELETE FROM documents WHERE id = ? AND status IN ('indexing', 'retired')",
        [(document_id,) for document_id in document_ids],
    )


def traces(connection: Connection, document_id: int) -> list[str]:
    """The tables that still have rows of a document."""
    keys = {"documents": "id"} | dict.fromkeys(("names", "pages", "chunks", "data_tables", "tags"), "document_id")
    return [
        table
        for table, key in keys.items()
        if connection.execute(f"SELECT 1 FROM {table} WHERE {key} = ? LIMIT 1", (document_id,)).fetchone()
    ]


# Files that could not be read
def has_failed(connection: Connection, kb_id: int, source: str) -> bool:
    """Whether the last try to read the source failed."""
    row = connection.execute(
        "SELECT 1 FROM documents WHERE kb_id = ? AND source = ? AND status = 'failed'", (kb_id, source)
    ).fetchone()
    return row is not None


def record_failure(connection: Connection, kb_id: int, failed: NewDocument) -> None:
    """Keep why a file could not be read, in place of the failure before, and nothing else of it."""
    forget_failure(connection, kb_id, failed.source)
    connection.execute(
        "INSERT INTO documents(kb_id, source, title, status, sha256, size_bytes, reason, remedy, indexed_at) "
        "VALUES (?, ?, ?, 'failed', ?, ?, ?, ?, ?)",
        (
            kb_id, failed.source, failed.title, failed.sha256, failed.size_bytes,
            as_column(failed.reason), as_column(failed.remedy), now(),
        ),
    )  # fmt: skip


def failures(connection: Connection) -> list[tuple[int, str, str]]:
    """The (knowledge base, source, SHA-256) of every file that could not be read."""
    rows = connection.execute("SELECT kb_id, source, sha256 FROM documents WHERE status = 'failed'")
    return [(row["kb_id"], row["source"], row["sha256"]) for row in rows]


def forget_failure(connection: Connection, kb_id: int, source: str) -> None:
    """Delete the record that the source could not be read, where there is one."""
    connection.execute("DELETE FROM documents WHERE kb_id = ? AND source = ? AND status = 'failed'", (kb_id, source))


# Names
def add_name(connection: Connection, kb_id: int, source: str, title: str, document_id: int) -> None:
    """Make the source a name of the document; the document that it named before is retired with its last name."""
    former = named(connection, kb_id, source)
    if former is not None and former.id != document_id:
        drop_name(connection, kb_id, source)
    connection.execute(
        "INSERT INTO names(kb_id, source, title, document_id) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (kb_id, source) DO UPDATE SET title = excluded.title",
        (kb_id, source, title, document_id),
    )
    forget_failure(connection, kb_id, source)


def drop_name(connection: Connection, kb_id: int, source: str) -> int | None:
    """Take a name from its document, which is retired with its last one; returns the document that was retired."""
    row = connection.execute(
        "DELETE FROM names WHERE kb_id = ? AND source = ? RETURNING document_id", (kb_id, source)
    ).fetchone()
    if row is None:
        return None
    document_id = int(row[0])
    left = names_of(connection, document_id)
    if not left:
        retire(connection, document_id)
        return document_id
    (source, title), former_title = left[0], one(connection, document_id).title
    connection.execute("UPDATE documents SET source = ?, title = ? WHERE id = ?", (source, title, document_id))
    if title != former_title:  # the vectors keep the old one: a moved file costs no embedding
        chunks.index_keywords(connection, document_id)
    return None


def names_of(connection: Connection, document_id: int) -> list[tuple[str, str]]:
    """The (source, title) pairs of a document, the one shown first."""
    rows = connection.execute("SELECT source, title FROM names WHERE document_id = ? ORDER BY rowid", (document_id,))
    return [(row["source"], row["title"]) for row in rows]


def sources(connection: Connection, kb_id: int) -> list[str]:
    """Every source the knowledge base knows, of ready documents and of failed files, in order."""
    rows = connection.execute(
        "SELECT source FROM names WHERE kb_id = ?1 "
        "UNION SELECT source FROM documents WHERE kb_id = ?1 AND status = 'failed' ORDER BY source",
        (kb_id,),
    )
    return [row[0] for row in rows]


def titled(connection: Connection, kb_id: int, title: str) -> list[str]:
    """Every source of that title, of ready documents and of failed files, in order."""
    rows = connection.execute(
        "SELECT source FROM names WHERE kb_id = ?1 AND title = ?2 UNION "
        "SELECT source FROM documents WHERE kb_id = ?1 AND title = ?2 AND status = 'failed' ORDER BY source",
        (kb_id, title),
    )
    return [row[0] for row in rows]


def hashes(connection: Connection) -> list[tuple[int, str, str]]:
    """The (knowledge base, source, SHA-256) of every name of every ready document."""
    rows = connection.execute(
        "SELECT names.kb_id, names.source, documents.sha256 FROM names "
        "JOIN documents ON documents.id = names.document_id"
    )
    return [(row["kb_id"], row["source"], row["sha256"]) for row in rows]


# Pages
def add_pages(connection: Connection, document_id: int, pages: Iterable[Page]) -> None:
    """Store the pages of a document."""
    connection.executemany(
        "INSERT INTO pages(document_id, number, kind, label, text, marks, checksum) "
        f"VALUES (?1, ?2, ?3, ?4, ?5, ?6, {checksums.OF_NEW_PAGE})",
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


def pages(connection: Connection, document_id: int, number: int | None = None) -> list[Page]:
    """The stored pages of a document in order, or the one of that number.

    Raises LibraryError where one of them is not as it was stored.
    """
    wanted, values = ("", [document_id]) if number is None else (" AND number = ?", [document_id, number])
    rows = connection.execute(
        f"SELECT pages.*, checksum IS {checksums.OF_PAGE} AS is_sound FROM pages "
        f"WHERE document_id = ?{wanted} ORDER BY number",
        values,
    ).fetchall()
    damaged = tuple(row["number"] for row in rows if not row["is_sound"])
    if damaged:
        raise LibraryError("library.pages_damaged", source=one(connection, document_id).source, pages=damaged)
    return [_page(row) for row in rows]


def damage(connection: Connection, document_id: int) -> Damage:
    """What of a ready document is not as it was stored."""
    found = checksums.damage(connection, document_id)
    return replace(found, tables=tables.damaged(connection, document_id))


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
        # Not there in what older versions stored
        language=str(values.get("language", "")),
        recognised=bool(values.get("recognised", False)),
        body=tuple(values["body"]) if values.get("body") else None,
        runs_over=tuple(values["runs_over"]) if values.get("runs_over") else None,
    )


def _found(connection: Connection, condition: str, *values: int | str) -> DocumentRow | None:
    row = connection.execute(f"{_LISTED} WHERE {condition}", values).fetchone()
    return None if row is None else _row(row)


def _row(row: Any) -> DocumentRow:
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
        other_names=tuple(_listed_in(row["other_sources"])),
        tags=tuple(sorted(_listed_in(row["own_tags"]))),
        folder=row["folder"],
    )


def _listed_in(column: str) -> list[str]:
    found: list[str] = [] if column == "[]" else json.loads(column)  # nearly all are empty, of ten thousand documents
    return found


def _marks(page: Page) -> str:
    return json.dumps(
        {
            "headings": [asdict(entry) for entry in page.headings],
            "tables": [asdict(entry) for entry in page.tables],
            "language": page.language,
            "recognised": page.recognised,
            "body": page.body,
            "runs_over": page.runs_over,
        },
        ensure_ascii=False,
    )


def _page(row: Any) -> Page:
    return page_of(dict(row) | {"text": zlib.decompress(row["text"]).decode()} | json.loads(row["marks"]))
