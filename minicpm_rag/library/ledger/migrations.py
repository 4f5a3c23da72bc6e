"""The tables of the ledger, as the numbered migrations that made them.

A new ledger runs all of them, an older one those it lacks, so both end with the same tables. The number of the last
one is kept in the file (`PRAGMA user_version`). A migration that was released is never changed: add another.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from minicpm_rag.library.ledger import checksums, instances, old_reasons
from minicpm_rag.library.ledger.connection import Connection, is_sqlite

DOCUMENTS = """
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
    marks TEXT NOT NULL,  -- JSON: headings and tables, so that pages can be split again without the file
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

TOKEN_SIGNS = """
CREATE TABLE token_signs(  -- of the chunks whose words the embedder reads, see embedding/token_signs.py
    chunk INTEGER PRIMARY KEY REFERENCES chunks(id) ON DELETE CASCADE,
    signs BLOB NOT NULL
);
"""

# Ledgers of schema 1 and 2 may hold these already: the page made them beside the schema.
CONVERSATIONS = """
CREATE TABLE IF NOT EXISTS conversations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    owner TEXT NOT NULL,  -- the user
    title TEXT NOT NULL,
    knowledge_base TEXT NOT NULL,
    changed_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS conversations_by_owner ON conversations (owner, changed_at);
CREATE TABLE IF NOT EXISTS exchanges (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation INTEGER NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    question TEXT NOT NULL,
    asked_at TEXT NOT NULL,
    answer TEXT  -- JSON
);
CREATE INDEX IF NOT EXISTS exchanges_by_conversation ON exchanges (conversation);
"""

RATED = """
ALTER TABLE exchanges ADD COLUMN rating INTEGER;  -- 1 good, -1 bad
ALTER TABLE exchanges ADD COLUMN note TEXT NOT NULL DEFAULT '';
"""

PINNED = "ALTER TABLE conversations ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;\n"

VERSION = "ALTER TABLE knowledge_bases RENAME COLUMN generation TO version;\n"

# The rows of each are in a table of their own, data_<id>, see ledger/tables.py.
DATA_TABLES = """
CREATE TABLE data_tables(
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used twice: it names the table of its rows
    document_id INTEGER NOT NULL REFERENCES documents(id),
    page INTEGER NOT NULL,
    label TEXT NOT NULL,
    caption TEXT NOT NULL,
    columns TEXT NOT NULL,  -- JSON
    row_count INTEGER NOT NULL
);
CREATE INDEX data_tables_of_document ON data_tables(document_id);
ALTER TABLE documents ADD COLUMN tables_read INTEGER NOT NULL DEFAULT 0;  -- whether its data tables are stored
"""

SCOPES = """
ALTER TABLE documents ADD COLUMN folder TEXT NOT NULL DEFAULT '';  -- where a user put it; '' where its file lies
CREATE TABLE tags(
    document_id INTEGER NOT NULL REFERENCES documents(id),
    tag TEXT NOT NULL,
    PRIMARY KEY (document_id, tag)
) WITHOUT ROWID;
"""


# What PostgreSQL has besides, before and after the migrations, which `dialect` puts into its words.
POSTGRES_FIRST = """
CREATE EXTENSION IF NOT EXISTS vector;
CREATE TABLE schema_version(number INTEGER NOT NULL);
INSERT INTO schema_version VALUES (0);
"""
POSTGRES_LAST = """
CREATE TABLE data_rows(  -- of the data tables, packed, see tables.py
    data_table INTEGER PRIMARY KEY REFERENCES data_tables(id) ON DELETE CASCADE,
    rows BLOB NOT NULL
);
CREATE TABLE leases(  -- of running jobs, see leases.py
    job_id INTEGER PRIMARY KEY REFERENCES jobs(id) ON DELETE CASCADE,
    token TEXT NOT NULL,
    ends_at TIMESTAMPTZ NOT NULL
);
"""


# What everyone may do with a knowledge base is 'manage' for those that are there, as before there were users.
PEOPLE = """
ALTER TABLE knowledge_bases ADD COLUMN everyone TEXT NOT NULL DEFAULT 'manage';  -- '' for private ones
CREATE TABLE grants(
    kb_id INTEGER NOT NULL REFERENCES knowledge_bases(id) ON DELETE CASCADE,
    kind TEXT NOT NULL,  -- user or group
    name TEXT NOT NULL,  -- of a user: the id, e-mail address or subject
    level TEXT NOT NULL,
    PRIMARY KEY (kb_id, kind, name)
);
CREATE TABLE users(
    user_id TEXT PRIMARY KEY,
    shown TEXT NOT NULL,
    groups_shown TEXT NOT NULL,  -- as they were at the last sign-in, one a line
    seen_at TEXT NOT NULL
);
CREATE TABLE api_tokens(
    sha256 TEXT PRIMARY KEY,
    name TEXT NOT NULL,  -- the user: an e-mail address or subject
    made_at TEXT NOT NULL
);
CREATE TABLE audit(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    user_shown TEXT NOT NULL,
    action TEXT NOT NULL,
    knowledge_base TEXT NOT NULL,
    detail TEXT NOT NULL
);
"""
APPEND_ONLY = """
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
"""
# The same in PostgreSQL's words: a change does nothing there.
POSTGRES_APPEND_ONLY = """
CREATE RULE audit_is_not_changed AS ON UPDATE TO audit DO INSTEAD NOTHING;
CREATE RULE audit_is_not_deleted AS ON DELETE TO audit DO INSTEAD NOTHING;
"""


def _people(connection: Connection) -> None:
    for statement in _statements(PEOPLE + (APPEND_ONLY if is_sqlite(connection) else POSTGRES_APPEND_ONLY)):
        connection.execute(statement)


ARRIVALS = """
CREATE TABLE arrivals(  -- uploads that no job has been given yet, see arrivals.py
    id INTEGER PRIMARY KEY,
    kb_id INTEGER NOT NULL REFERENCES knowledge_bases(id) ON DELETE CASCADE,
    folder TEXT NOT NULL,  -- the beginning of their SHA-256
    announced_at TEXT NOT NULL
);
"""


def _lengths(connection: Connection) -> None:
    if not is_sqlite(connection):
        return
    found = connection.execute("SELECT name FROM sqlite_master WHERE name GLOB 'keywords_[0-9]*_docsize'").fetchall()
    for (table,) in found:
        instances.create(connection, table.removesuffix("_docsize"))
        instances.note_all(connection, table.removesuffix("_docsize"))


@dataclass(frozen=True)
class Migration:
    """One step from the schema before to schema `number`: SQL, or a function on the connection."""

    number: int
    name: str
    change: str | Callable[[Connection], None]


MIGRATIONS = (
    Migration(1, "documents, their index, and jobs", DOCUMENTS),
    Migration(2, "token signs", TOKEN_SIGNS),
    Migration(3, "conversations", CONVERSATIONS),
    Migration(4, "a knowledge base has a version", VERSION),
    Migration(5, "reasons are messages", old_reasons.migrate),
    Migration(6, "tables of documents as values", DATA_TABLES),
    Migration(7, "pages, chunks and vectors have checksums", checksums.MIGRATION),
    Migration(8, "conversations are pinned", PINNED),
    Migration(9, "answers are rated", RATED),
    Migration(10, "tags and folders", SCOPES),
    Migration(11, "token signs, tables and answers have checksums", checksums.MORE),
    Migration(12, "people and what they may do", _people),
    Migration(13, "uploads that no job has been given yet", ARRIVALS),
    # Rows that are there stay as they are; older programs would not remove the new ones wholly. See keywords.py.
    Migration(14, "keyword rows keep runs of Han as they stand", ""),
    Migration(15, "the lengths of keyword rows lie in blocks", _lengths),
)
NEWEST = MIGRATIONS[-1].number


def version(connection: Connection) -> int:
    """The number of the last migration that the ledger has had; 0 for a new file or database."""
    if is_sqlite(connection):
        return int(connection.execute("PRAGMA user_version").fetchone()[0])
    (table,) = connection.execute("SELECT to_regclass('schema_version')").fetchone()
    return 0 if table is None else int(connection.execute("SELECT number FROM schema_version").fetchone()[0])


def migrate(connection: Connection) -> None:
    """Bring an older or new ledger to the newest schema, in the caller's transaction."""
    before = version(connection)
    if not before and not is_sqlite(connection):
        for statement in _statements(POSTGRES_FIRST):
            connection.execute(statement)
    for migration in MIGRATIONS[before:]:
        if callable(migration.change):
            migration.change(connection)
        else:
            for statement in _statements(migration.change):
                connection.execute(statement)
    if not before and not is_sqlite(connection):
        for statement in _statements(POSTGRES_LAST):
            connection.execute(statement)
    if is_sqlite(connection):
        connection.execute(f"PRAGMA user_version = {NEWEST}")
    else:
        connection.execute("UPDATE schema_version SET number = ?", (NEWEST,))


def _statements(script: str) -> list[str]:
    """The statements of a script one by one: `executescript` would commit the transaction around it."""
    found, pending = [], ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            found.append(pending)
            pending = ""
    return found
