"""Moving a library into a PostgreSQL database or back into files: copied, compared by counts and hashes, then opened.

The source stays as it is. Broken off, it goes on where it was.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from minicpm_rag.errors import LibraryBusyError, LibraryError
from minicpm_rag.library.ledger import Ledger, copying, jobs
from minicpm_rag.library.ledger.connection import Connection
from minicpm_rag.library.ledger.copying import CopiedTable
from minicpm_rag.library.ledger.postgres import PostgresLedger, is_address, shown
from minicpm_rag.library.vectors import VectorStore
from minicpm_rag.messages import Message

_UNFINISHED = "moving"  # the folder below the new home in which its ledger grows


def move_library(home: Path, database: str | None, to: str, follow: Callable[[str, int], object]) -> Message:
    """Copy the library of a home, or of a database, to an address or folder; returns what was moved.

    `follow` hears each table's name and the rows copied so far. Raises LibraryError where the target holds something
    else, or is not what the source is in the end.
    """
    if is_address(to) == (database is not None):
        raise LibraryError("indexing.move_sides", to="postgresql://" if is_address(to) else shown(to))
    if database is None:
        copied = _to_database(home, to, follow)
    else:
        copied = _to_folder(home, database, Path(to).expanduser().absolute(), follow)
    return Message("indexing.moved_library", documents=copied["documents"], chunks=copied["chunks"])


def _to_database(home: Path, to: str, follow: Callable[[str, int], object]) -> dict[str, int]:
    owner = VectorStore(home / "vectors")
    if not owner.claim():
        raise LibraryBusyError("indexing.move_owned", folder=home)
    try:
        source, target = Ledger(home), PostgresLedger(to, filling=True)
        try:
            with target.writing() as connection:
                if not copying.is_begun(connection):
                    if copying.holds_anything(connection):
                        raise LibraryError("indexing.move_not_empty", place=target.place)
                    copying.begin(connection)
            with source.reading() as sqlite:
                copied = _copied(source, target, copying.tables_of(sqlite), follow)
            with target.writing() as connection:
                copying.finish(connection)
            return copied
        finally:
            source.close()
            target.close()
    finally:
        owner.release()


def _to_folder(home: Path, database: str, to: Path, follow: Callable[[str, int], object]) -> dict[str, int]:
    if (to / "ledger.sqlite3").exists():
        raise LibraryError("indexing.move_not_empty", place=to)
    source, target = PostgresLedger(database), Ledger(to / _UNFINISHED)
    try:
        with target.reading() as sqlite:
            tables = copying.tables_of(sqlite)
        copied = _copied(source, target, tables, follow)
    finally:
        source.close()
        target.close()
    if (home / "uploads").is_dir() and home != to:
        shutil.copytree(home / "uploads", to / "uploads", dirs_exist_ok=True)
    (to / _UNFINISHED / "ledger.sqlite3").rename(to / "ledger.sqlite3")
    shutil.rmtree(to / _UNFINISHED)
    return copied


def _copied(
    source: Ledger, target: Ledger, tables: list[CopiedTable], follow: Callable[[str, int], object]
) -> dict[str, int]:
    counts = {}
    with source.reading() as reading:  # one unchanging state from the first table to the last
        copying.stay(reading)
        if jobs.waiting(reading):
            raise LibraryBusyError("indexing.move_jobs", place=source.place)
        for table in tables:
            _copy(reading, target, table, follow)
        with target.writing() as connection:
            copying.go_on_numbering(connection, tables, copying.numbering(reading))
            copying.make_searchable(connection)
        for table in tables:
            was = copying.state(reading, table)
            with target.reading() as connection:
                found = copying.state(connection, table)
            if was != found:
                raise LibraryError("indexing.move_apart", table=table.name, was=was[0], count=found[0])
            counts[table.name] = was[0]
    return counts


def _copy(reading: Connection, target: Ledger, table: CopiedTable, follow: Callable[[str, int], object]) -> None:
    done = 0
    with target.reading() as connection:
        after = copying.last_key(connection, table)
    for rows in copying.batches(reading, table, after):
        with target.writing() as connection:
            copying.write(connection, table, rows)
            if table.name == "data_tables":
                copying.copy_data_rows(reading, connection, [row[0] for row in rows])
        done += len(rows)
        follow(table.name, done)
