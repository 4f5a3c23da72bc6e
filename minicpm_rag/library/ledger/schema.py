"""The tables of the ledger. Conversations have tables of their own in the same file."""

from __future__ import annotations

import sqlite3

SCHEMA_VERSION = 2

TOKEN_SIGNS = """
CREATE TABLE token_signs(  -- of the chunks whose words the embedder reads, see token_signs.py
    chunk INTEGER PRIMARY KEY REFERENCES chunks(id) ON DELETE CASCADE,
    signs BLOB NOT NULL
);
"""
UPGRADES = {1: TOKEN_SIGNS}  # from each earlier version to the next

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


def statements() -> list[str]:
    """The statements that make the tables, one by one: `executescript` would commit what is around them."""
    found, pending = [], ""
    for line in (SCHEMA + TOKEN_SIGNS).splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            found.append(pending)
            pending = ""
    return found
