"""Checksums of what is stored, so that a bit that flips on the disk is noticed and has a name.

CRC-32 of a row's values (pages, chunks, vectors, token signs, questions with their answers) or of a data table's rows;
it finds every change of up to 32 bits in a row.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from minicpm_rag.library.ledger.connection import Connection


# What is summed up of a row. Cast to bytes, so that text which is no UTF-8 any more can be summed up too; with its
# type, because one bit can make text of bytes.
def _summed(*columns: str) -> str:
    return f"crc32({', '.join(f'typeof({column}), CAST({column} AS BLOB)' for column in columns)})"


OF_PAGE = _summed("pages.number", "pages.kind", "pages.label", "pages.text", "pages.marks")
OF_CHUNK = _summed("chunks.position", "chunks.text", "chunks.metadata")
OF_SIGNS = _summed("token_signs.signs")
OF_EXCHANGE = _summed("exchanges.question", "exchanges.asked_at", "exchanges.answer")
# The same of a row that is being inserted, by the places of the values in the statement.
OF_NEW_PAGE = _summed("?2", "?3", "?4", "?5", "?6")
OF_NEW_CHUNK = _summed("?3", "?4", "?5")
OF_NEW_BLOB = "crc32('blob', ?2)"

MIGRATION = f"""
ALTER TABLE pages ADD COLUMN checksum INTEGER;  -- see checksums.py
ALTER TABLE chunks ADD COLUMN checksum INTEGER;
ALTER TABLE vectors ADD COLUMN checksum INTEGER;
UPDATE pages SET checksum = {OF_PAGE};
UPDATE chunks SET checksum = {OF_CHUNK};
UPDATE vectors SET checksum = crc32('blob', vector);
"""
# Statements that sum up all rows, but for data tables.
ALL = (
    f"UPDATE pages SET checksum = {OF_PAGE}",
    f"UPDATE chunks SET checksum = {OF_CHUNK}",
    "UPDATE vectors SET checksum = crc32('blob', vector)",
    f"UPDATE token_signs SET checksum = {OF_SIGNS}",
    f"UPDATE exchanges SET checksum = {OF_EXCHANGE}",
)
# Tables are made again from their pages, with a checksum, by the owner.
MORE = f"""
ALTER TABLE token_signs ADD COLUMN checksum INTEGER;
ALTER TABLE data_tables ADD COLUMN checksum INTEGER;
ALTER TABLE exchanges ADD COLUMN checksum INTEGER;
UPDATE token_signs SET checksum = {OF_SIGNS};
UPDATE exchanges SET checksum = {OF_EXCHANGE};
UPDATE documents SET tables_read = 0;
"""


@dataclass(frozen=True)
class Damage:
    """What of a ready document is not as it was stored, in the index that questions are asked of."""

    pages: tuple[int, ...] = ()  # their numbers
    lost_pages: int = 0
    chunks: int = 0  # whose text, vector or token signs are damaged or gone
    tables: int = 0  # whose values are

    @property
    def of_pages(self) -> bool:
        """Whether the document cannot be made again from its stored pages."""
        return bool(self.pages or self.lost_pages)

    def __bool__(self) -> bool:
        return self.of_pages or bool(self.chunks or self.tables)


def register(connection: sqlite3.Connection) -> None:
    """Give a connection the functions that the statements here call."""
    connection.create_function("crc32", -1, crc32, deterministic=True)
    connection.create_function("is_sound_vector", 3, is_sound_vector, deterministic=True)


def is_sound_vector(vector: object, checksum: object, dimension: object) -> bool:
    """Whether a stored vector is what was stored: its checksum, its length, and numbers all through."""
    import numpy

    if not isinstance(vector, bytes) or not isinstance(dimension, int) or len(vector) != 4 * dimension:
        return False
    return crc32("blob", vector) == checksum and bool(numpy.isfinite(numpy.frombuffer(vector, dtype="<f4")).all())


def damaged_pages(connection: Connection, document_id: int) -> tuple[int, ...]:
    """The numbers of a document's stored pages that are not as they were stored."""
    rows = connection.execute(
        f"SELECT number FROM pages WHERE document_id = ? AND checksum IS NOT {OF_PAGE} ORDER BY number", (document_id,)
    )
    return tuple(row[0] for row in rows)


def damage(connection: Connection, document_id: int) -> Damage:
    """Compare a ready document's pages and chunks with their checksums and numbers; not its tables."""
    lost_pages, lost_chunks = connection.execute(
        "SELECT pages_indexed - (SELECT count(*) FROM pages WHERE document_id = documents.id), "
        "chunks - (SELECT count(*) FROM chunks JOIN indexes ON indexes.id = index_id AND indexes.status = 'current' "
        "WHERE document_id = documents.id) FROM documents WHERE id = ?",
        (document_id,),
    ).fetchone()
    (damaged,) = connection.execute(
        "SELECT count(*) FROM chunks JOIN indexes ON indexes.id = chunks.index_id AND indexes.status = 'current' "
        "LEFT JOIN vectors ON vectors.chunk = chunks.id LEFT JOIN token_signs ON token_signs.chunk = chunks.id "
        f"WHERE chunks.document_id = ? AND (chunks.checksum IS NOT {OF_CHUNK} "
        f"OR (token_signs.chunk IS NOT NULL AND token_signs.checksum IS NOT {OF_SIGNS}) "
        "OR NOT is_sound_vector(vectors.vector, vectors.checksum, indexes.dimension))",
        (document_id,),
    ).fetchone()
    return Damage(damaged_pages(connection, document_id), max(lost_pages, 0), damaged + max(lost_chunks, 0))


def of_rows(rows: Iterable[Sequence[object]]) -> int:
    """The CRC-32 of rows of plain values, written as JSON."""
    value = 0
    for row in rows:
        value = zlib.crc32(json.dumps(tuple(row), default=repr).encode(), value)
    return value


def crc32(*parts: object) -> int:
    """The CRC-32 of values, each with its length before it; texts as UTF-8."""
    value = 0
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode()
        value = zlib.crc32(data, zlib.crc32(len(data).to_bytes(8, "little"), value))
    return value
