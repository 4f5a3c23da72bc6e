"""Chunks: their texts, vectors and keywords, in each index of their document.

Readers see the chunks of ready documents in the current index only. A chunk's id is "<index>-<document>-<position>",
in Chroma too.
"""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from minicpm_rag.chunking import indexed_text
from minicpm_rag.errors import LibraryError
from minicpm_rag.library.ledger import checksums, halfvecs, keywords
from minicpm_rag.library.ledger.connection import Connection, is_sqlite
from minicpm_rag.library.ledger.knowledge_bases import keyword_table
from minicpm_rag.records import Chunk

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    Vectors = NDArray[numpy.float32]

log = logging.getLogger(__name__)

_GROUP = 300  # three variables each, under the 999 that old SQLite builds allow

_READY = """
FROM chunks JOIN indexes ON indexes.id = chunks.index_id AND indexes.status = 'current'
JOIN documents ON documents.id = chunks.document_id AND documents.status = 'ready'
"""
_SELECT = f"""
SELECT chunks.index_id, chunks.document_id, chunks.position, chunks.text, chunks.metadata,
       documents.source, documents.title, chunks.checksum IS {checksums.OF_CHUNK} AS is_sound
{_READY}
"""
_KEYS = f"SELECT chunks.index_id, chunks.document_id, chunks.position {_READY}"
_TEXTS = f"SELECT chunks.index_id, chunks.document_id, chunks.position, chunks.text {_READY}"
_SIGNS = f"""
SELECT chunks.index_id, chunks.document_id, chunks.position, signs,
       token_signs.checksum IS {checksums.OF_SIGNS} AS is_sound
FROM chunks JOIN token_signs ON token_signs.chunk = chunks.id
"""
_VECTORS = """
SELECT chunks.index_id, chunks.document_id, chunks.position, vector,
       is_sound_vector(vector, vectors.checksum, indexes.dimension) AS is_sound
FROM chunks JOIN vectors ON vectors.chunk = chunks.id JOIN indexes ON indexes.id = chunks.index_id
"""


def chunk_id(index_id: int, document_id: int, position: int) -> str:
    """The id of a chunk, in Chroma and everywhere."""
    return f"{index_id}-{document_id}-{position}"


# Writing
def add(connection: Connection, index_id: int, document_id: int, chunks: Sequence[Chunk]) -> None:
    """Add the embedded chunks of a document to an index, in reading order, with their vectors and keywords."""
    import numpy

    rows = _insert(connection, index_id, document_id, chunks)
    vectors = [numpy.asarray(chunk.vector, dtype="<f4") for chunk in chunks]
    connection.executemany(
        f"INSERT INTO vectors(chunk, vector, checksum) VALUES (?1, ?2, {checksums.OF_NEW_BLOB})",
        [(row, vector.tobytes()) for row, vector in zip(rows, vectors, strict=True)],
    )
    signs = [(row, chunk.token_signs) for row, chunk in zip(rows, chunks, strict=True) if chunk.token_signs]
    connection.executemany(
        f"INSERT INTO token_signs(chunk, signs, checksum) VALUES (?1, ?2, {checksums.OF_NEW_BLOB})", signs
    )
    keywords.add(connection, keyword_table(index_id), zip(rows, map(indexed_text, chunks), strict=True))
    if not is_sqlite(connection):  # else they are in Chroma
        halfvecs.add(connection, index_id, rows, vectors)
        if vectors:
            halfvecs.grow(connection, index_id, len(vectors[0]))


def _insert(connection: Connection, index_id: int, document_id: int, chunks: Sequence[Chunk]) -> list[int]:
    """Insert the rows of chunks; returns their numbers."""
    connection.executemany(
        "INSERT INTO chunks(index_id, document_id, position, text, metadata, checksum) "
        f"VALUES (?1, ?2, ?3, ?4, ?5, {checksums.OF_NEW_CHUNK})",
        [
            (index_id, document_id, position, chunk.text, json.dumps(chunk.metadata, ensure_ascii=False))
            for position, chunk in enumerate(chunks)
        ],
    )
    rows = connection.execute(
        "SELECT id FROM chunks WHERE index_id = ? AND document_id = ? ORDER BY position", (index_id, document_id)
    )
    return [row[0] for row in rows]


def index_keywords(connection: Connection, document_id: int) -> None:
    """Index the keywords of a document's chunks again, because its title has changed."""
    for index_id, texts in _indexed_texts(connection, document_id).items():
        keywords.remove(connection, keyword_table(index_id), [row for row, _ in texts])
        keywords.add(connection, keyword_table(index_id), texts)


def rebuild_keywords(connection: Connection, index_id: int) -> None:
    """Replace the keyword table of an index by one made from its chunks."""
    documents = _documents_of(connection, index_id)
    texts = (_indexed_texts(connection, document)[index_id] for document in documents)
    keywords.fill(connection, keyword_table(index_id), itertools.chain.from_iterable(texts))


def rebuild_halfvecs(connection: Connection, index_id: int, dimension: int) -> None:
    """Replace the vectors that PostgreSQL searches by those of an index's chunks."""
    halfvecs.drop(connection, index_id)
    halfvecs.create(connection, index_id, dimension)
    for document in _documents_of(connection, index_id):
        found = connection.execute(
            "SELECT chunk, vector FROM vectors JOIN chunks ON chunks.id = chunk WHERE document_id = ? AND index_id = ?",
            (document, index_id),
        ).fetchall()
        halfvecs.add(connection, index_id, [row[0] for row in found], _matrix([row[1] for row in found]))
    halfvecs.grow(connection, index_id, dimension)


def _documents_of(connection: Connection, index_id: int) -> list[int]:
    rows = connection.execute("SELECT DISTINCT document_id FROM chunks WHERE index_id = ? ORDER BY 1", (index_id,))
    return [row[0] for row in rows]


def remove_document(connection: Connection, document_id: int) -> None:
    """Delete the chunks of a document from all indexes, with vectors and keywords."""
    rows: dict[int, list[int]] = {}
    for row, index_id in connection.execute("SELECT id, index_id FROM chunks WHERE document_id = ?", (document_id,)):
        rows.setdefault(index_id, []).append(row)
    for index_id, of_index in rows.items():
        keywords.remove(connection, keyword_table(index_id), of_index)
        if not is_sqlite(connection):
            halfvecs.remove(connection, index_id, of_index)
    connection.execute(
        "DELETE FROM vectors WHERE chunk IN (SELECT id FROM chunks WHERE document_id = ?)", (document_id,)
    )
    connection.execute("DELETE FROM chunks WHERE document_id = ?", (document_id,))


# Reading
def of_document(connection: Connection, document_id: int) -> list[Chunk]:
    """The chunks of a document, in reading order. Raises LibraryError where one is not as it was stored."""
    rows = connection.execute(f"{_SELECT} WHERE document_id = ? ORDER BY position", (document_id,)).fetchall()
    found = _sound(rows)
    if len(found) < len(rows):
        raise LibraryError("library.chunks_damaged", source=rows[0]["source"], count=len(rows) - len(found))
    return found


def ids(connection: Connection, document_id: int) -> list[str]:
    """The ids of a document's chunks, in reading order."""
    rows = connection.execute(
        "SELECT index_id, document_id, position FROM chunks "
        "JOIN indexes ON indexes.id = chunks.index_id AND indexes.status = 'current' "
        "WHERE document_id = ? ORDER BY position",
        (document_id,),
    )
    return [_id(row) for row in rows]


def fetch(connection: Connection, kb_id: int, wanted: Sequence[str]) -> list[Chunk]:
    """The chunks of a knowledge base, in the order asked for; those gone or damaged are left out."""
    rows = _rows(connection, wanted, " AND indexes.kb_id = ?", [kb_id])
    found = {chunk.id: chunk for chunk in _sound(rows)}
    return [found[each] for each in wanted if each in found]


def texts(connection: Connection, kb_id: int, wanted: Sequence[str]) -> dict[str, str]:
    """The texts alone of a knowledge base's chunks, by id: to choose what is fetched, not to be shown.

    Those gone are left out. Nothing is compared with its checksum.
    """
    rows = _rows(connection, wanted, " AND indexes.kb_id = ?", [kb_id], select=_TEXTS)
    return {_id(row): row["text"] for row in rows if isinstance(row["text"], str)}  # one wrong bit can make it bytes


def neighbours(connection: Connection, chunk: str) -> tuple[Chunk | None, Chunk | None]:
    """The chunks before and after a chunk, in the same document."""
    index_id, document_id, position = _key(chunk)
    before, after = (chunk_id(index_id, document_id, position + step) for step in (-1, 1))
    found = {each.id: each for each in _sound(_rows(connection, [before, after]))}
    return found.get(before), found.get(after)


def ready(connection: Connection, wanted: Sequence[str]) -> set[str]:
    """Those of the chunk ids that readers see."""
    return {_id(row) for row in _rows(connection, wanted, select=_KEYS)}


def ids_of_rows(connection: Connection, rows: Sequence[int]) -> dict[int, str]:
    """The chunk ids of rows of a keyword table."""
    found: dict[int, str] = {}
    for first in range(0, len(rows), _GROUP):
        group = rows[first : first + _GROUP]
        for row in connection.execute(
            f"SELECT id, index_id, document_id, position FROM chunks WHERE id IN ({','.join('?' * len(group))})",
            group,
        ):
            found[row["id"]] = _id(row)
    return found


def token_signs(connection: Connection, wanted: Sequence[str], *, strict: bool = False) -> dict[str, bytes]:
    """The signs of the chunks' token vectors, by chunk id, of those that have any and are as they were stored.

    Raises LibraryError in `strict` where some are not.
    """
    rows = list(_rows(connection, wanted, select=_SIGNS))
    damaged = [_id(row) for row in rows if not row["is_sound"]]
    if strict and damaged:
        raise _damaged(connection, damaged)
    found = {_id(row): bytes(row["signs"]) for row in rows if row["is_sound"]}
    return {each: found[each] for each in wanted if each in found}


def vectors(connection: Connection, wanted: Sequence[str]) -> Vectors:
    """The vectors of chunks of any index, in the order asked for, as rows of a float32 matrix.

    Raises LibraryError where one is not as it was stored.
    """
    found, matrix = sound_vectors(connection, wanted)
    if len(found) < len(wanted):
        known = set(found)
        raise _damaged(connection, [each for each in wanted if each not in known])
    return matrix


def _damaged(connection: Connection, ids: Sequence[str]) -> LibraryError:
    document = connection.execute("SELECT source FROM documents WHERE id = ?", (_key(ids[0])[1],)).fetchone()
    return LibraryError("library.chunks_damaged", source=document[0], count=len(ids))


def sound_vectors(connection: Connection, wanted: Sequence[str]) -> tuple[list[str], Vectors]:
    """What `vectors` gives, of those chunks whose vectors are as they were stored, and the ids of these."""
    rows = {_id(row): row["vector"] for row in _rows(connection, wanted, select=_VECTORS) if row["is_sound"]}
    found = [each for each in wanted if each in rows]
    return found, _matrix([rows[each] for each in found])


def all_vectors(connection: Connection, kb_id: int) -> tuple[list[str], Vectors]:
    """The chunk ids and vectors of a knowledge base, as rows of a float32 matrix; damaged ones are left out."""
    found: list[str] = []
    packed: list[bytes] = []
    damaged = 0
    for row in connection.execute(
        f"{_VECTORS} WHERE indexes.kb_id = ? AND indexes.status = 'current' ORDER BY chunks.id", (kb_id,)
    ):
        if row["is_sound"]:
            found.append(_id(row))
            packed.append(row["vector"])
        else:
            damaged += 1
    if damaged:
        log.warning("%d damaged vectors are left out. Run: minicpm-rag doctor --check", damaged)
    return found, _matrix(packed)


def rows_of(connection: Connection, index_id: int, document_ids: Collection[int]) -> dict[int, str]:
    """The rows of documents' chunks in an index, with the chunks' ids."""
    found: dict[int, str] = {}
    for document_id in sorted(document_ids):
        for row in connection.execute(
            "SELECT id, index_id, document_id, position FROM chunks WHERE document_id = ? AND index_id = ?",
            (document_id, index_id),
        ):
            found[row["id"]] = _id(row)
    return found


def among(index_id: int, document_ids: Collection[int]) -> str:
    """SQL that holds a search of a keyword table to the chunks of documents."""
    listed = ",".join(str(int(document_id)) for document_id in sorted(document_ids))
    return f"SELECT id FROM chunks WHERE index_id = {int(index_id)} AND document_id IN ({listed})"


def ids_of_index(connection: Connection, index_id: int) -> list[str]:
    """The ids of all chunks of an index, whatever its status."""
    rows = connection.execute("SELECT index_id, document_id, position FROM chunks WHERE index_id = ?", (index_id,))
    return [_id(row) for row in rows]


def count(connection: Connection, index_id: int, document_id: int | None = None) -> int:
    """The number of chunks of an index, or of a document in it."""
    of_document, values = ("", [index_id]) if document_id is None else (" AND document_id = ?", [index_id, document_id])
    return int(connection.execute(f"SELECT count(*) FROM chunks WHERE index_id = ?{of_document}", values).fetchone()[0])


def _key(chunk: str) -> tuple[int, int, int]:
    """The index, document and position of a chunk id; zeros, which no chunk has, for anything else."""
    parts = chunk.split("-")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) < 19 for part in parts):
        return 0, 0, 0
    return int(parts[0]), int(parts[1]), int(parts[2])


def _id(row: Any) -> str:
    return chunk_id(row["index_id"], row["document_id"], row["position"])


def _rows(
    connection: Connection,
    wanted: Sequence[str],
    also: str = "",
    values: Sequence[Any] = (),
    *,
    select: str = _SELECT,
) -> list[Any]:
    found: list[Any] = []
    for first in range(0, len(wanted), _GROUP):
        keys = [_key(chunk) for chunk in wanted[first : first + _GROUP]]
        marks = ",".join("(?,?,?)" for _ in keys)
        found += connection.execute(
            # Joined, because SQLite searches its index by the first column only for "(a, b, c) IN (VALUES …)".
            f"WITH wanted(index_id, document_id, position) AS (VALUES {marks}) {select} JOIN wanted "
            "ON chunks.index_id = wanted.index_id AND chunks.document_id = wanted.document_id "
            f"AND chunks.position = wanted.position{also}",
            [part for key in keys for part in key] + list(values),
        ).fetchall()
    return found


def _chunk(row: Any) -> Chunk:
    return Chunk(
        text=row["text"],
        metadata=json.loads(row["metadata"]),
        title=row["title"],
        id=_id(row),
        document_id=row["document_id"],
        source=row["source"],
    )


def _sound(rows: Iterable[Any]) -> list[Chunk]:
    """The chunks of rows that are as they were stored."""
    found = []
    for row in rows:
        if row["is_sound"]:
            found.append(_chunk(row))
        else:
            log.warning("Chunk %s is damaged and left out. Run: minicpm-rag doctor --check", _id(row))
    return found


def _matrix(packed: Sequence[bytes]) -> Vectors:
    import numpy

    if not packed:
        return numpy.empty((0, 0), "<f4")
    return numpy.frombuffer(b"".join(packed), dtype="<f4").reshape(len(packed), -1)


def _indexed_texts(connection: Connection, document_id: int) -> dict[int, list[tuple[int, str]]]:
    """The (row, text that is searched) pairs of a document's chunks, by index."""
    found: dict[int, list[tuple[int, str]]] = {}
    for row in connection.execute(
        "SELECT chunks.id, chunks.index_id, chunks.text, chunks.metadata, documents.title FROM chunks "
        "JOIN documents ON documents.id = chunks.document_id WHERE chunks.document_id = ?",
        (document_id,),
    ).fetchall():
        chunk = Chunk(row["text"], json.loads(row["metadata"]), row["title"])
        found.setdefault(row["index_id"], []).append((row["id"], indexed_text(chunk)))
    return found
