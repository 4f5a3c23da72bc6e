"""Copying a ledger from SQLite to PostgreSQL or back, row for row, so that it can be broken off, repeated and proven.

Rows keep their numbers. What is made from them (keyword indexes, vectors to search, checksums) is made again; jobs and
uploads that wait for one stay behind.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from minicpm_rag.library.ledger import checksums, chunks, tables
from minicpm_rag.library.ledger.connection import Connection, is_sqlite

BATCH = 200  # rows: a page's text or a chunk's token signs may have megabytes
_LEFT_BEHIND = ("jobs", "job_events", "arrivals")
_MADE_AGAIN = "checksum"


@dataclass(frozen=True)
class CopiedTable:
    """A table with the columns that are copied, and those that number its rows."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]


def tables_of(connection: Connection) -> list[CopiedTable]:
    """The tables of a SQLite ledger, those that others refer to first. PostgreSQL's have the same columns."""
    found = []
    names = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
        "AND name NOT LIKE 'keywords\\_%' ESCAPE '\\' AND name NOT GLOB 'data_[0-9]*' ORDER BY rowid"
    )
    for (name,) in names.fetchall():
        described = connection.execute(f"SELECT name, pk FROM pragma_table_info('{name}')").fetchall()
        columns = tuple(column for column, _ in described if column != _MADE_AGAIN)
        key = tuple(column for column, place in sorted(described, key=lambda row: row[1]) if place)
        if name not in _LEFT_BEHIND:
            found.append(CopiedTable(name, columns if key else ("rowid", *columns), key or ("rowid",)))
    return found


def stay(connection: Connection) -> None:
    """Let the transaction of a source wait as long as the target takes."""
    if not is_sqlite(connection):
        connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")


def last_key(connection: Connection, table: CopiedTable) -> tuple[Any, ...] | None:
    """The key of the last row; None for an empty table."""
    order = ", ".join(f"{column} DESC" for column in table.key)
    row = connection.execute(f"SELECT {', '.join(table.key)} FROM {table.name} ORDER BY {order} LIMIT 1").fetchone()
    return None if row is None else tuple(row)


def batches(
    connection: Connection, table: CopiedTable, after: tuple[Any, ...] | None = None
) -> Iterator[list[tuple[Any, ...]]]:
    """The rows in the order of their keys, after a key where one is given."""
    order, marks = ", ".join(table.key), ", ".join("?" * len(table.key))
    places = [table.columns.index(column) for column in table.key]
    while True:
        beyond = "" if after is None else f"WHERE ({order}) > ({marks}) "
        rows = connection.execute(
            f"SELECT {', '.join(table.columns)} FROM {table.name} {beyond}ORDER BY {order} LIMIT {BATCH}", after or ()
        ).fetchall()
        if not rows:
            return
        yield [tuple(row) for row in rows]
        after = tuple(rows[-1][place] for place in places)


def write(connection: Connection, table: CopiedTable, rows: list[tuple[Any, ...]]) -> None:
    """Insert copied rows."""
    marks = ", ".join("?" * len(table.columns))
    connection.executemany(f"INSERT INTO {table.name}({', '.join(table.columns)}) VALUES ({marks})", rows)


def copy_data_rows(source: Connection, target: Connection, numbers: list[int]) -> None:
    """Copy the rows of data tables."""
    for number in numbers:
        tables.write_rows(target, number, *tables.read_rows(source, number))


def state(connection: Connection, table: CopiedTable) -> tuple[int, str]:
    """The number of rows and a hash of all their values; equal where the tables are."""
    count, value = 0, hashlib.sha256()
    for rows in batches(connection, table):
        count += len(rows)
        for row in rows:
            value.update(json.dumps(row, default=lambda part: bytes(part).hex()).encode())
        if table.name == "data_tables":
            for row in rows:
                value.update(json.dumps(tables.read_rows(connection, row[0])).encode())
    return count, value.hexdigest()


def numbering(connection: Connection) -> dict[str, int]:
    """The last number that was given to a row of each table whose numbers are never used twice."""
    if is_sqlite(connection):
        return dict(connection.execute("SELECT name, seq FROM sqlite_sequence").fetchall())
    found = {}
    for name, sequence in connection.execute(
        "SELECT tablename, pg_get_serial_sequence(tablename, 'id') FROM pg_tables JOIN information_schema.columns "
        "ON table_name = tablename AND table_schema = schemaname AND column_name = 'id' AND is_identity = 'YES' "
        "WHERE schemaname = current_schema()"
    ).fetchall():
        last, was_used = connection.execute(f"SELECT last_value, is_called FROM {sequence}").fetchone()
        found[name] = last if was_used else 0
    return found


def go_on_numbering(connection: Connection, copied: list[CopiedTable], last: dict[str, int]) -> None:
    """Have new rows numbered after those that were copied and those that are gone."""
    for table in copied:
        (column, *others) = table.key
        if others or column not in ("id", "rowid"):
            continue
        row = connection.execute(f"SELECT coalesce(max({column}), 0) FROM {table.name}").fetchone()
        most = max(row[0], last.get(table.name, 0))
        if not most:
            continue
        if is_sqlite(connection):
            # The row of a table that has had none is made too: all of a document's may be gone.
            connection.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table.name,))
            connection.execute(
                "INSERT INTO sqlite_sequence(name, seq) SELECT name, ? FROM sqlite_master "
                "WHERE name = ? AND sql LIKE '%AUTOINCREMENT%'",
                (most, table.name),
            )
        else:
            connection.execute("SELECT setval(pg_get_serial_sequence(?, ?), ?)", (table.name, column, most))


def make_searchable(connection: Connection) -> None:
    """Make what is not copied: keyword indexes, in PostgreSQL the vectors to search, in SQLite the checksums."""
    for index in connection.execute("SELECT id, dimension FROM indexes").fetchall():
        chunks.rebuild_keywords(connection, index["id"])
        if not is_sqlite(connection):
            chunks.rebuild_halfvecs(connection, index["id"], index["dimension"])
    for (document_id,) in connection.execute("SELECT DISTINCT document_id FROM data_tables").fetchall():
        tables.sum_up(connection, document_id)
    if is_sqlite(connection):
        for statement in checksums.ALL:
            connection.execute(statement)


def holds_anything(connection: Connection) -> bool:
    """Whether a ledger is not empty."""
    found = connection.execute("SELECT 1 FROM knowledge_bases UNION ALL SELECT 1 FROM conversations LIMIT 1")
    return found.fetchone() is not None


def begin(connection: Connection) -> None:
    """Mark a PostgreSQL ledger as one that is being filled; nobody opens it as a library until `finish`."""
    connection.execute("CREATE TABLE IF NOT EXISTS moving(since TEXT)")


def finish(connection: Connection) -> None:
    """The ledger is whole."""
    connection.execute("DROP TABLE moving")


def is_begun(connection: Connection) -> bool:
    """Whether a PostgreSQL ledger is being filled."""
    return connection.execute("SELECT to_regclass('moving')").fetchone()[0] is not None
