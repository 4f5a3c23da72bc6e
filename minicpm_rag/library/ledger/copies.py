"""Copies of the whole ledger file: made while others write, proven, and put in place of the file."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from minicpm_rag.errors import LibraryError
from minicpm_rag.library.ledger import Ledger, damage, migrations, translated


def copy(ledger: Ledger, file: Path) -> None:
    """Write the ledger, as it is at one moment, into a file of its own. Raises LibraryError where it is damaged."""
    with translated(file), closing(ledger.connect()) as source, closing(sqlite3.connect(file)) as target:
        source.backup(target)
    prove(file)


def prove(file: Path) -> None:
    """Raise LibraryError where the file is no sound ledger of this version or an older one."""
    with translated(file), closing(sqlite3.connect(file)) as connection:
        # As one file without others beside it, in whichever mode it was copied.
        connection.execute("PRAGMA journal_mode = DELETE")
        why = damage(connection)
        version = migrations.version(connection)
        names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if why or not {"knowledge_bases", "documents", "pages", "chunks"} <= names:
        raise LibraryError("library.ledger_damaged", path=file, why=why or "?")
    if version > migrations.NEWEST:
        raise LibraryError("library.later_ledger", path=file, version=version, known=migrations.NEWEST)


def take_place(file: Path, place: Path) -> None:
    """Put a ledger file in place of another by one rename; what was in the other is lost.

    What SQLite keeps beside the old file goes first, once it is all in that file: it would be taken for the new one's.
    """
    if place.exists() and place.stat().st_size:
        with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(place)) as connection:  # a damaged one goes too
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for suffix in ("-wal", "-shm"):
        place.with_name(place.name + suffix).unlink(missing_ok=True)
    file.chmod(0o600)
    with file.open("rb+") as written:
        os.fsync(written.fileno())
    file.replace(place)
