"""The ledger: one SQLite file that says what the library holds, with short transactions.

This module opens it, safely for many threads and processes, and translates SQLite's errors. What is in it is read
and written by the functions of the modules beside this one, each named after what its rows are about; they take a
connection and plain values, and run inside the caller's transaction. All SQL of the program is in this folder.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from minicpm_rag.errors import LibraryBusyError, LibraryError
from minicpm_rag.library.ledger import checksums, migrations
from minicpm_rag.library.ledger.connection import Connection, is_sqlite
from minicpm_rag.library.originals import may_write
from minicpm_rag.messages import Message, reason_of

BUSY_MILLISECONDS = 30_000


def make_home(home: Path, *files: Path) -> None:
    """Make the home folder, and take the rights on it and on files in it from all but their owner.

    `doctor` tells what is not ours to change. The ledger's file is made here, since SQLite would make it as open as the
    umask lets it, and its other files like it. Raises LibraryError.
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise LibraryError("library.home_not_made", folder=home, why=reason_of(exc)) from exc
    for path in (home, *files):
        with suppress(OSError, NotImplementedError):
            if not path.exists():
                path.touch(mode=0o600)
            mode = path.stat().st_mode
            if mode & 0o077:
                path.chmod(mode & 0o700)


class Ledger:
    """The SQLite file of one home folder. Thread-safe; safe beside other processes."""

    shared = False  # whether several processes may write documents, and the vectors are in it

    def __init__(self, home: Path) -> None:
        self.path = home / "ledger.sqlite3"
        self._idle: list[sqlite3.Connection] = []
        self._idle_lock = threading.Lock()
        self._write_lock = threading.Lock()
        self._closed = False
        self._held = threading.local()
        make_home(home, self.path)
        with self.reading() as connection:
            version = migrations.version(connection)
        self._number = self._file_number()
        if version > migrations.NEWEST:
            raise LibraryError("library.later_ledger", path=self.path, version=version, known=migrations.NEWEST)
        if version < migrations.NEWEST:
            with self.writing() as connection:
                migrations.migrate(connection)

    def disk_bytes(self) -> int:
        """What the home folder takes on the disk."""
        return sum(path.stat().st_size for path in self.path.parent.rglob("*") if path.is_file())

    @property
    def place(self) -> str:
        """Where it is, as a user would say it."""
        return str(self.path)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one unchanging state until the block ends; that of `holding_still` inside one."""
        held = getattr(self._held, "connection", None)
        if held is not None:
            with translated(self.path):
                yield held
            return
        with self._borrowed() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.rollback()

    @contextmanager
    def holding_still(self) -> Iterator[None]:
        """Within the block, this thread reads one unchanging state, in one transaction."""
        if self.is_held_still:
            yield
            return
        reading = self.reading()
        self._held.connection, self._held.noted = reading.__enter__(), {}
        try:
            yield
        finally:  # what else is raised in the block, by an embedder for one, is no error of the database
            self._held.connection = self._held.noted = None
            reading.__exit__(None, None, None)

    @property
    def is_held_still(self) -> bool:
        """Whether this thread is in a block of `holding_still`."""
        return getattr(self._held, "connection", None) is not None

    def noted(self, connection: Connection) -> dict[object, Any]:
        """A cache of what was read with the connection of `holding_still`; with any other one nothing is kept."""
        noted: dict[object, Any] = self._held.noted if connection is getattr(self._held, "connection", None) else {}
        return noted

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction: committed as a whole, or rolled back after any exception."""
        with self._write_lock, self._borrowed() as connection:
            if self._file_number() != self._number:
                raise LibraryError("library.home_gone", path=self.path)
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # SQLite may have rolled back by itself, on a full disk for one
                    connection.rollback()
                raise

    def alone(self, connection: Connection) -> None:
        """Have nobody else write before this transaction ends; SQLite sees to that itself."""

    def close(self) -> None:
        """Close all connections not in use; those in use close when they are given back."""
        with self._idle_lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextmanager
    def _borrowed(self) -> Iterator[sqlite3.Connection]:
        with translated(self.path):
            with self._idle_lock:
                connection = self._idle.pop() if self._idle else None
            if connection is None:
                connection = self.connect()
            try:
                yield connection
            finally:
                with self._idle_lock:
                    keep = not self._closed
                    if keep:
                        self._idle.append(connection)
                if not keep:
                    connection.close()

    def _file_number(self) -> int | None:
        """What tells the file from another one under its name; None where there is none.

        An open connection does not notice that its file was deleted, and would write into nothing.
        """
        try:
            return self.path.stat().st_ino
        except OSError:
            return None

    def connect(self) -> sqlite3.Connection:
        """A connection of one's own, which the caller closes."""
        connection = self._open(str(self.path))
        try:
            write_ahead(connection)
        except sqlite3.OperationalError:
            connection.close()
            wal = self.path.with_name(f"{self.path.name}-wal")
            if not self.path.is_file() or may_write(self.path.parent) or wal.exists():
                raise
            # On a read-only disk SQLite cannot make the files that readers in WAL mode share. Nobody can write
            # there either, so it need not; where a -wal file was left it still must be read, and that works.
            return self._open(f"{self.path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
        # NORMAL survives every kill of the process; after a power cut the owner compares and heals.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    def _open(self, name: str, *, uri: bool = False) -> sqlite3.Connection:
        connection = sqlite3.connect(
            name, isolation_level=None, check_same_thread=False, timeout=BUSY_MILLISECONDS / 1000, uri=uri
        )
        connection.row_factory = sqlite3.Row
        checksums.register(connection)
        return connection


def now(shift: timedelta = timedelta()) -> str:
    """The time of a row, or one before or after, ISO 8601 in UTC."""
    return (datetime.now(timezone.utc) + shift).isoformat(timespec="seconds")


def as_column(message: Message | None) -> str:
    """A message as a row holds it, "" for none; `Message.from_json` reads it."""
    return "" if message is None else message.as_json()


def damage(connection: Connection) -> str:
    """What SQLite finds wrong with the file; "" where it is sound, and for PostgreSQL, which checks as it reads."""
    if not is_sqlite(connection):
        return ""
    verdict = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    return "" if verdict == "ok" else verdict


def write_ahead(connection: sqlite3.Connection) -> None:
    """Switch the file to WAL: SQLite itself does not wait here while another process opens the same new file."""
    deadline = time.monotonic() + BUSY_MILLISECONDS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as exc:  # noqa: PERF203 (waiting is the point)
            if "locked" not in str(exc) or time.monotonic() > deadline:
                connection.close()
                raise
            time.sleep(0.02)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors, and those of values that are damaged, into ours, with what to do about them."""
    try:
        yield
    except sqlite3.OperationalError as exc:
        why = _why(exc)
        if why.key == "library.sqlite_locked":
            raise LibraryBusyError("library.ledger_busy", path=path, why=why) from exc
        if why.key in ("library.sqlite_full", "library.sqlite_io"):
            raise LibraryError("library.ledger_full", path=path, why=why) from exc
        if why.key in ("library.sqlite_readonly", "library.sqlite_unopened"):
            raise LibraryError("library.ledger_readonly", path=path, why=why) from exc
        raise LibraryError("library.ledger_failed", path=path, why=why) from exc
    except sqlite3.IntegrityError as exc:
        raise LibraryError("library.ledger_refused", path=path, why=_why(exc)) from exc
    except sqlite3.DatabaseError as exc:
        raise LibraryError("library.ledger_damaged", path=path, why=_why(exc)) from exc
    except (json.JSONDecodeError, zlib.error) as exc:  # a stored value that is not what was stored
        why = Message("library.value_damaged", why=reason_of(exc))
        raise LibraryError("library.ledger_failed", path=path, why=why) from exc


# What SQLite says where it fails (its error codes are in Python from 3.11 on only), and how we say it.
_REASONS = {
    "locked": "library.sqlite_locked",
    "busy": "library.sqlite_locked",
    "is full": "library.sqlite_full",
    "disk I/O": "library.sqlite_io",
    "readonly": "library.sqlite_readonly",
    "unable to open": "library.sqlite_unopened",
    "not a database": "library.sqlite_foreign",
    "malformed": "library.sqlite_malformed",
}


def _why(exc: sqlite3.Error) -> Message:
    key = next((key for words, key in _REASONS.items() if words in str(exc)), None)
    return reason_of(exc) if key is None else Message(key)
