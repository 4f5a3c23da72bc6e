"""Vectors in PostgreSQL: one pgvector table with an HNSW graph for each index, written in the document's transaction.

Half precision halves the graph; the exact float32 vectors are in the table `vectors`, as in SQLite.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from minicpm_rag.library.ledger.connection import Connection

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

# Neighbours and candidates of the graph, see docs/scale.md.
LINKS, BUILT_AMONG, SEARCHED_AMONG = 16, 100, 200
GRAPHED_FROM = 20_000  # vectors; up to there all are compared, which is exact, as quick, and spares keeping a graph
MOST_DIMENSIONS = 4_000  # of which pgvector makes a graph; longer vectors are all compared


def create(connection: Connection, index_id: int, dimension: int) -> None:
    """Make the empty table of an index."""
    connection.execute(f"CREATE TABLE {_table(index_id)}(chunk BIGINT PRIMARY KEY, vector halfvec({int(dimension)}))")


def grow(connection: Connection, index_id: int, dimension: int) -> None:
    """Make the graph of a table that has none and is large enough: at once that takes a ninth of one by one."""
    if dimension > MOST_DIMENSIONS:
        return
    table = _table(index_id)
    (is_due,) = connection.execute(
        f"SELECT to_regclass('{table}_nearest') IS NULL "
        f"AND (SELECT count(*) FROM (SELECT 1 FROM {table} LIMIT {GRAPHED_FROM}) AS first) = {GRAPHED_FROM}"
    ).fetchone()
    if is_due:
        connection.execute(
            f"CREATE INDEX {table}_nearest ON {table} USING hnsw (vector halfvec_cosine_ops) "
            f"WITH (m = {LINKS}, ef_construction = {BUILT_AMONG})"
        )


def drop(connection: Connection, index_id: int) -> None:
    """Delete the table of an index; nothing happens where there is none."""
    connection.execute(f"DROP TABLE IF EXISTS {_table(index_id)}")


def add(connection: Connection, index_id: int, rows: Iterable[int], vectors: Iterable[NDArray[numpy.float32]]) -> None:
    """Add the vectors of chunks, given by the numbers of their rows."""
    connection.executemany(
        f"INSERT INTO {_table(index_id)}(chunk, vector) VALUES (?, ?)",
        [(row, _written(vector)) for row, vector in zip(rows, vectors, strict=True)],
    )


def remove(connection: Connection, index_id: int, rows: Sequence[int]) -> None:
    """Delete the vectors of chunks."""
    connection.executemany(f"DELETE FROM {_table(index_id)} WHERE chunk = ?", [(row,) for row in rows])


def nearest(
    connection: Connection, index_id: int, vector: NDArray[numpy.float32], limit: int, among: Sequence[str] | None
) -> list[tuple[int, int, float]]:
    """The chunks nearest to a vector, best first: (document, position, cosine similarity).

    `among` are the ids of the chunks that are searched, where these are not all.
    """
    written = _written(vector)
    within, wanted = _among(index_id, among)
    rows = connection.execute(
        "SELECT document_id, position, 1 - distance FROM ("
        f"SELECT chunk, vector <=> ?::halfvec AS distance FROM {_table(index_id)} {within}"
        "ORDER BY vector <=> ?::halfvec LIMIT ?) AS found JOIN chunks ON chunks.id = chunk ORDER BY distance, chunk",
        (written, *wanted, written, limit),
    )
    return [(row[0], row[1], float(row[2])) for row in rows]


def ids(connection: Connection, index_id: int, among: Sequence[str] | None = None) -> list[str]:
    """The ids of the chunks that have vectors, of all or of these."""
    within, wanted = _among(index_id, among)
    rows = connection.execute(
        f"SELECT document_id, position FROM {_table(index_id)} JOIN chunks ON chunks.id = chunk {within}", wanted
    )
    return [f"{index_id}-{row[0]}-{row[1]}" for row in rows]


def count(connection: Connection, index_id: int) -> int:
    """The number of vectors of an index."""
    return int(connection.execute(f"SELECT count(*) FROM {_table(index_id)}").fetchone()[0])


def _table(index_id: int) -> str:
    return f"vectors_{int(index_id)}"


def _among(index_id: int, among: Sequence[str] | None) -> tuple[str, list[list[int]]]:
    """The condition that holds a statement to chunks of these ids, and its values."""
    if among is None:
        return "", []
    keys = [each.split("-") for each in among]
    condition = (
        f"WHERE chunk IN (SELECT id FROM chunks WHERE index_id = {int(index_id)} "
        "AND (document_id, position) IN (SELECT * FROM unnest(?::bigint[], ?::bigint[]))) "
    )
    return condition, [[int(key[1]) for key in keys], [int(key[2]) for key in keys]]


def _written(vector: NDArray[numpy.float32]) -> str:
    """A vector at length one, as pgvector reads it."""
    from minicpm_rag.library.vectors import unit

    return f"[{','.join(f'{number:.6g}' for number in unit(vector).tolist())}]"
