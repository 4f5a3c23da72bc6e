"""BM25 over a keyword index of SQLite: the scores that FTS5's `bm25` gives, to the last bit, in half its time.

FTS5 looks up the length of each row that holds a term, with a statement a row. Here lengths lie in blocks, all of which
are read at once, and FTS5 tells where each term stands. Knows row numbers and terms, not how texts are cut into them.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import TYPE_CHECKING

from minicpm_rag.library.ledger.connection import Connection

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    Rows = NDArray[numpy.int64]

K1, B = 1.2, 0.75  # BM25's constants, as FTS5 has them
_BLOCK = 4096  # rows
_VARIABLES = 500  # well under the 999 that old SQLite builds allow in one statement


def create(connection: Connection, name: str) -> None:
    """Make what is kept beside the index of that name, unless it is there."""
    connection.execute(f"CREATE VIRTUAL TABLE IF NOT EXISTS {name}_instances USING fts5vocab({name}, 'instance')")
    connection.execute(f"CREATE TABLE IF NOT EXISTS {name}_lengths (block INTEGER PRIMARY KEY, lengths BLOB NOT NULL)")


def drop(connection: Connection, name: str) -> None:
    """Remove what is kept beside an index, before the index."""
    for suffix in ("instances", "lengths"):
        connection.execute(f"DROP TABLE IF EXISTS {name}_{suffix}")


def note(connection: Connection, name: str, lengths: Mapping[int, int]) -> None:
    """Keep how many terms these rows have; what is kept of rows that are removed is never looked at."""
    import numpy

    for block, members in groupby(sorted(lengths.items()), key=lambda item: item[0] // _BLOCK):
        kept = connection.execute(f"SELECT lengths FROM {name}_lengths WHERE block = ?", (block,)).fetchone()
        values = numpy.zeros(_BLOCK, "<u4") if kept is None else numpy.frombuffer(kept[0], "<u4").copy()
        for row, length in members:
            values[row % _BLOCK] = length
        connection.execute(f"INSERT OR REPLACE INTO {name}_lengths VALUES (?, ?)", (block, values.tobytes()))


def note_all(connection: Connection, name: str) -> None:
    """Keep the lengths of all rows of an index that was made without them, from what FTS5 keeps itself."""
    sizes = connection.execute(f"SELECT id, sz FROM {name}_docsize").fetchall()
    note(connection, name, {row: _first_varint(size) for row, size in sizes})


def best(
    connection: Connection,
    name: str,
    weights: Mapping[str, float],
    terms_per_row: float,
    limit: int,
    among: str = "",
) -> list[tuple[int, float]]:
    """Rows that hold any of the terms, best first, with their score; `among` is SQL that gives the rows to search."""
    import numpy

    holding_each = (
        _numbers(connection, f"SELECT doc AS number FROM {name}_instances WHERE term = ?", term) for term in weights
    )
    instances = numpy.concatenate([rows * len(weights) + place for place, rows in enumerate(holding_each)])
    instances.sort()  # by rows, and in these by terms, of which some are there several times
    first = _first_of_each(instances)
    counts = numpy.diff(first, append=len(instances))
    holding, terms = numpy.divmod(instances[first], len(weights))
    first = _first_of_each(holding)
    rows = holding[first]
    at = numpy.repeat(numpy.arange(len(rows)), numpy.diff(first, append=len(holding)))
    norms = K1 * (1 - B + B * _lengths(connection, name, rows) / terms_per_row)
    each = numpy.array(list(weights.values()))[terms] * ((counts * (K1 + 1)) / (counts + norms[at]))
    scores = numpy.bincount(at, each)  # which adds up in the order of the terms, as FTS5 does
    if among:
        kept = numpy.isin(rows, _numbers(connection, f"SELECT id AS number FROM ({among})"))
        rows, scores = rows[kept], scores[kept]
    if len(rows) > limit:
        kept = scores >= numpy.partition(scores, -limit)[-limit]
        rows, scores = rows[kept], scores[kept]
    order = numpy.lexsort((rows, -scores))[:limit]
    return list(zip(rows[order].tolist(), scores[order].tolist(), strict=True))


def _first_of_each(values: Rows) -> Rows:
    """Where in ordered values each one stands first."""
    import numpy

    return numpy.flatnonzero(numpy.append(True, values[1:] != values[:-1])[: len(values)])


def _lengths(connection: Connection, name: str, rows: Rows) -> NDArray[numpy.float64]:
    """How many terms each of these rows has; they are in order."""
    import numpy

    lengths = numpy.zeros(len(rows))
    blocks = numpy.unique(rows // _BLOCK).tolist()
    for first in range(0, len(blocks), _VARIABLES):
        group = blocks[first : first + _VARIABLES]
        query = f"SELECT block, lengths FROM {name}_lengths WHERE block IN ({','.join('?' * len(group))})"
        for block, kept in connection.execute(query, group):
            begin, end = numpy.searchsorted(rows, [block * _BLOCK, (block + 1) * _BLOCK])
            lengths[begin:end] = numpy.frombuffer(kept, "<u4")[rows[begin:end] % _BLOCK]
    return lengths


def _numbers(connection: Connection, query: str, *values: str) -> Rows:
    """The numbers that a query finds: as one text they are read in half the time that rows of them take."""
    import numpy

    text = connection.execute(f"SELECT group_concat(number) FROM ({query})", values).fetchone()[0]
    return numpy.fromstring(text, numpy.int64, sep=",") if text else numpy.empty(0, numpy.int64)


def _first_varint(packed: bytes) -> int:
    """The number at the beginning, as SQLite packs it: seven bits a byte, the last one without the eighth."""
    value = 0
    for byte in packed:
        value = value << 7 | byte & 127
        if byte < 128:
            break
    return value
