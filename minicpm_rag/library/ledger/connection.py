"""What the statements here ask of a connection: SQLite's own, or ours to PostgreSQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol


class Rows(Protocol):
    """What a statement gave. A row is a tuple whose values can be asked for by column too."""

    def fetchone(self) -> Any:
        """The next row, None after the last."""

    def fetchall(self) -> list[Any]:
        """The rows that are left."""

    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """Statements are written for SQLite; `dialect` says them in PostgreSQL's words."""

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> Rows:
        """Run a statement with the values of its question marks."""

    def executemany(self, sql: str, values: Iterable[Sequence[Any]], /) -> object:
        """Run a statement once for each of the values."""


def is_sqlite(connection: Connection) -> bool:
    """Whether the connection is SQLite's, for the few things that each database does in its own way."""
    return isinstance(connection, sqlite3.Connection)
