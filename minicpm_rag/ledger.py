"""The ledger: one SQLite file that says what the library holds, with short transactions and pooled connections.

Knows the tables and how to reach them safely from many threads and processes; the rows' meaning lives in
`documents` and `jobs`. It does not know files, embedders or Chroma.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from minicpm_rag.errors import LibraryBusyError, LibraryError

SCHEMA_VERSION = 1
BUSY_MILLISECONDS = 30_000

SCHEMA = """
CREATE TABLE knowledge_bases(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT UNIQUE,  -- NULL once deleted: the owner clears the rest
    generation INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL
);
CREATE TABLE indexes(  -- one set of chunks, vectors and keywords, made with one embedder
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kb_id INTEGER NOT NULL REFERENCES knowledge_bases(id),
    collection TEXT NOT NULL UNIQUE,  -- its name in Chroma
    embedder TEXT NOT NULL,
    dimension INTEGER NOT NULL,
    revision TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('building', 'current', 'retired'))
);
CREATE UNIQUE INDEX one_current_index ON indexes(kb_id) WHERE status = 'current';
CREATE TABLE documents(
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used twice, so vector ids cannot collide
    kb_id INTEGER NOT NULL REFERENCES knowledge_bases(id),
    source TEXT NOT NULL,
    title TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('indexing', 'ready', 'failed', 'retired')),
    sha256 TEXT NOT NULL DEFAULT '',
    size_bytes INTEGER NOT NULL DEFAULT 0,
    pages_indexed INTEGER NOT NULL DEFAULT 0,
    pages_present INTEGER NOT NULL DEFAULT 0,
    chunks INTEGER NOT NULL DEFAULT 0,
    encoding TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '',
    remedy TEXT NOT NULL DEFAULT '',
    indexed_at TEXT NOT NULL
);
CREATE UNIQUE INDEX one_document_per_bytes ON documents(kb_id, sha256) WHERE status = 'ready';
CREATE UNIQUE INDEX one_failure_per_source ON documents(kb_id, source) WHERE status = 'failed';
CREATE TABLE names(  -- every source of a ready document; the first is the one shown
    kb_id INTEGER NOT NULL REFERENCES knowledge_bases(id),
    source TEXT NOT NULL,
    title TEXT NOT NULL,
    document_id INTEGER NOT NULL REFERENCES documents(id),
    UNIQUE (kb_id, source)
);
CREATE INDEX names_of_document ON names(document_id);
CREATE TABLE pages(
    document_id INTEGER NOT NULL REFERENCES documents(id),
    number INTEGER NOT NULL,
    kind TEXT NOT NULL,
    label TEXT NOT NULL,
    text BLOB NOT NULL,  -- zlib: page texts are the bulk of the ledger and compress to about a third
    marks TEXT NOT NULL,  -- JSON: headings and tables, so that chunks can be cut anew without the file
    PRIMARY KEY (document_id, number)
) WITHOUT ROWID;
CREATE TABLE chunks(
    id INTEGER PRIMARY KEY,  -- the rowid of the keyword table
    index_id INTEGER NOT NULL REFERENCES indexes(id),
    document_id INTEGER NOT NULL REFERENCES documents(id),
    position INTEGER NOT NULL,  -- 0-based, in reading order
    text TEXT NOT NULL,
    metadata TEXT NOT NULL,  -- JSON
    UNIQUE (index_id, document_id, position)
);
CREATE INDEX chunks_of_document ON chunks(document_id);
CREATE TABLE vectors(chunk INTEGER PRIMARY KEY REFERENCES chunks(id), vector BLOB NOT NULL);  -- float32
CREATE TABLE settings(
    kb_id INTEGER NOT NULL REFERENCES knowledge_bases(id),
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (kb_id, key)
) WITHOUT ROWID;
CREATE TABLE jobs(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    kb_id INTEGER,
    arguments TEXT NOT NULL,  -- JSON
    status TEXT NOT NULL CHECK (status IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,  -- owners that began it
    successor INTEGER,  -- the job that took its place
    result TEXT NOT NULL DEFAULT '{}',  -- JSON
    error_kind TEXT NOT NULL DEFAULT '',
    error TEXT NOT NULL DEFAULT '',
    created_at TEXT NOT NULL
);
CREATE TABLE job_events(
    job_id INTEGER NOT NULL REFERENCES jobs(id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    payload TEXT NOT NULL,  -- JSON
    PRIMARY KEY (job_id, number)
) WITHOUT ROWID;
"""


class Ledger:
    """The SQLite file of one home folder. Thread-safe; safe beside other processes."""

    def __init__(self, home: Path) -> None:
        self.path = home / "ledger.sqlite3"
        self._idle: list[sqlite3.Connection] = []
        self._idle_lock = threading.Lock()
        self._write_lock = threading.Lock()
        self._closed = False
        try:
            home.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise LibraryError(
                f"The home folder {home} cannot be made: {exc}. Set MINICPM_RAG_HOME."
            ) from exc
        with self.writing() as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                for statement in _statements(SCHEMA):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            elif version != SCHEMA_VERSION:
                raise LibraryError(
                    f"{self.path} was written by another version of this program (schema {version}, this one "
                    f"reads {SCHEMA_VERSION}). Update the program, or set MINICPM_RAG_HOME to a new folder."
                )

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that sees one unchanging state until the block ends."""
        with self._borrowed() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.rollback()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it is kept, or after any exception none of it."""
        with self._write_lock, self._borrowed() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # SQLite may have rolled back by itself, on a full disk for one
                    connection.rollback()
                raise

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
                connection = self._connect()
            try:
                yield connection
            finally:
                with self._idle_lock:
                    keep = not self._closed
                    if keep:
                        self._idle.append(connection)
                if not keep:
                    connection.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, isolation_level=None, check_same_thread=False, timeout=BUSY_MILLISECONDS / 1000
        )
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        # NORMAL survives every kill of the process; after a power cut the owner compares and heals on opening.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        return connection


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours, with what to do about them."""
    try:
        yield
    except sqlite3.OperationalError as exc:
        text = str(exc)
        if "locked" in text or "busy" in text:
            raise LibraryBusyError(
                f"{path} is in use by another process that does not let go: {exc}."
            ) from exc
        if "full" in text or "disk I/O" in text:
            raise LibraryError(
                f"{path} cannot be written: {exc}. Nothing was lost; make room on the disk and run it again."
            ) from exc
        if "readonly" in text or "unable to open" in text:
            raise LibraryError(
                f"{path} cannot be opened for writing: {exc}. Check the folder's rights."
            ) from exc
        raise LibraryError(f"{path}: {exc}.") from exc
    except sqlite3.IntegrityError as exc:
        raise LibraryError(f"{path} refused a row: {exc}. Run: minicpm-rag doctor --check") from exc
    except sqlite3.DatabaseError as exc:
        raise LibraryError(
            f"{path} is damaged: {exc}. Restore it from a backup, or move it away and ingest again."
        ) from exc


def _statements(script: str) -> list[str]:
    # executescript() would commit the transaction the schema is made in.
    statements, pending = [], ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            statements.append(pending)
            pending = ""
    return statements
