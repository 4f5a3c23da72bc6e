"""Write a home folder as the program did when its ledger had schema 1 or 2, to test that it still opens.

The tables and the order of writing are frozen here as they were: `python tests/support/old_homes.py FOLDER SCHEMA`.
Schema 1 had no token signs. In both the page made the tables of conversations, reasons were English sentences, and a
knowledge base had a generation where it has a version today.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import sys
import zlib
from contextlib import closing
from pathlib import Path
from typing import Any

import chromadb
import numpy
from chromadb.config import Settings
from hashed_embedder import HashedEmbedder

from minicpm_rag.text.terms import terms

KB = "手册"
USER = "browser:ann"
WHEN = "2026-11-20T08:00:00+00:00"
# Documents by file name: their only page, a paragraph a chunk.
TEXTS = {
    "仪器.txt": ["第二号仪器的保修期是四个月。", "编号为零件九号的部件需要每年校准一次，并由专人记录。"],
    "note.md": ["Instrument 3 is calibrated every five months.", "Its part P300 is kept in the blue cabinet."],
    "报价.txt": ["水泵的报价是一千二百元，含运费。"],
}
UPLOADED = "报价.txt"
FAILED = "empty.txt"
NOTE = "2 of 7 pages are scans without text."
REMEDY = 'Install text recognition: pip install ".[ocr]"'
QUESTION, ANSWER = "保修期多长？", "保修期是四个月。[1]"
ERROR = "The model stopped: out of luck."

SCHEMA_1 = """
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
CREATE VIRTUAL TABLE keywords_1 USING fts5(terms, content='', tokenize="ascii tokenchars '_+#'");
CREATE TABLE keywords_1_rows (id INTEGER PRIMARY KEY, terms BLOB NOT NULL);
CREATE TABLE keywords_1_frequency (term TEXT PRIMARY KEY, in_rows INTEGER NOT NULL) WITHOUT ROWID;
"""
ADDED_BY_2 = """
CREATE TABLE token_signs(  -- of the chunks whose words the embedder reads, see token_signs.py
    chunk INTEGER PRIMARY KEY REFERENCES chunks(id) ON DELETE CASCADE,
    signs BLOB NOT NULL
);
"""
CONVERSATIONS = """
CREATE TABLE IF NOT EXISTS conversations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    owner TEXT NOT NULL,
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
    answer TEXT
);
CREATE INDEX IF NOT EXISTS exchanges_by_conversation ON exchanges (conversation);
"""


def make(folder: Path, schema: int) -> Path:
    """Write `folder`/home and the files it was made from, `folder`/files; returns the home."""
    home, files = folder / "home", folder / "files"
    home.mkdir(parents=True)
    files.mkdir()
    with closing(sqlite3.connect(home / "ledger.sqlite3")) as ledger, ledger:
        ledger.executescript(SCHEMA_1 + (ADDED_BY_2 if schema == 2 else ""))
        ledger.execute(f"PRAGMA user_version = {schema}")
        ledger.execute("INSERT INTO knowledge_bases VALUES (1, ?, 5, ?)", (KB, WHEN))
        ledger.execute("INSERT INTO indexes VALUES (1, 1, 'kb-0123456789abcdef', 'hashed', 64, '1', 'current')")
        ledger.execute("INSERT INTO settings VALUES (1, 'evidence', '{\"bar\": 0.25}')")
        vectors: dict[str, Any] = {}
        for document_id, (name, paragraphs) in enumerate(TEXTS.items(), start=1):
            vectors |= _document(ledger, home, files, document_id, name, paragraphs, schema)
        (files / FAILED).write_bytes(b"")
        ledger.execute(
            "INSERT INTO documents(kb_id, source, title, status, reason, indexed_at) VALUES (1, ?, ?, 'failed', ?, ?)",
            (str(files / FAILED), FAILED, "The file contains no text.", WHEN),
        )
        _jobs(ledger, files)
        _conversation(ledger, files)
    _chroma(home / "vectors", vectors)
    return home


def _document(
    ledger: sqlite3.Connection, home: Path, files: Path, document_id: int, name: str, paragraphs: list[str], schema: int
) -> dict[str, Any]:
    text = "\n\n".join(paragraphs)
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    path, source = files / name, str(files / name)
    if name == UPLOADED:
        path, source = home / "uploads" / "1" / sha256[:16] / name, f"upload:{name}"
        path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    noted = (NOTE, REMEDY) if name == UPLOADED else ("", "")
    ledger.execute(
        "INSERT INTO documents VALUES (?, 1, ?, ?, 'ready', ?, ?, 1, 1, ?, 'utf-8', ?, ?, ?)",
        (document_id, source, name, sha256, len(text.encode()), len(paragraphs), *noted, WHEN),
    )
    ledger.execute("INSERT INTO names VALUES (1, ?, ?, ?)", (source, name, document_id))
    page = zlib.compress(text.encode(), 6)
    ledger.execute(
        "INSERT INTO pages VALUES (?, 1, 'text', '', ?, ?)", (document_id, page, '{"headings": [], "tables": []}')
    )
    vectors, embedder = {}, HashedEmbedder()
    for position, paragraph in enumerate(paragraphs):
        start = text.index(paragraph)
        metadata = {"page": 1, "page_kind": "text", "page_label": "", "start": start, "end": start + len(paragraph),
                    "headings": "", "table_header": ""}  # fmt: skip
        row = ledger.execute(
            "INSERT INTO chunks(index_id, document_id, position, text, metadata) VALUES (1, ?, ?, ?, ?)",
            (document_id, position, paragraph, json.dumps(metadata, ensure_ascii=False)),
        ).lastrowid
        indexed = f"{name}\n{paragraph}"
        (read,) = embedder.read_passages([indexed])
        vectors[f"1-{document_id}-{position}"] = read.vector
        ledger.execute("INSERT INTO vectors VALUES (?, ?)", (row, numpy.asarray(read.vector, "<f4").tobytes()))
        if schema == 2:
            ledger.execute("INSERT INTO token_signs VALUES (?, ?)", (row, read.token_signs))
        _keywords(ledger, row, terms(indexed))
    return vectors


def _keywords(ledger: sqlite3.Connection, row: int | None, found: list[str]) -> None:
    packed = " ".join(found)
    ledger.execute("INSERT INTO keywords_1(rowid, terms) VALUES (?, ?)", (row, packed))
    ledger.execute("INSERT INTO keywords_1_rows VALUES (?, ?)", (row, zlib.compress(packed.encode(), 1)))
    for term, count in [(term, 1) for term in set(found)] + [("", 1), (" ", len(found))]:
        ledger.execute(
            "INSERT INTO keywords_1_frequency VALUES (?, ?) "
            "ON CONFLICT(term) DO UPDATE SET in_rows = in_rows + excluded.in_rows",
            (term, count),
        )


def _jobs(ledger: sqlite3.Connection, files: Path) -> None:
    """One that is done, one that failed, and one that waits: the copy of a document that was made since."""
    (files / "copy.md").write_bytes((files / "note.md").read_bytes())
    values = json.dumps({"sources": [str(files / "copy.md")], "sync": False}, ensure_ascii=False, sort_keys=True)
    insert = (
        "INSERT INTO jobs(kind, kb_id, arguments, status, error_kind, error, created_at) VALUES (?, 1, ?, ?, ?, ?, ?)"
    )
    now = "2999-01-01T00:00:00+00:00"  # never old enough to be forgotten
    ledger.execute(insert, ("remove", '{"sources": ["/nowhere"]}', "done", "", "", now))
    verdict = {
        "source": "/nowhere",
        "title": "nowhere",
        "status": "failed",
        "reason": "it is not in the knowledge base",
        "remedy": "See the list.",
        "pages_indexed": 0,
        "pages_present": 0,
        "chunks": 0,
        "encoding": "",
    }
    event = {"source": "/nowhere", "stage": "done", "file_number": 1, "files": 1, "verdict": verdict}
    ledger.execute("INSERT INTO job_events VALUES (1, 1, ?)", (json.dumps(event),))
    ledger.execute(insert, ("reindex", "{}", "failed", "EmbedderMismatchError", "Run: minicpm-rag kb reindex", now))
    ledger.execute(insert, ("ingest", values, "queued", "", "", now))


def _conversation(ledger: sqlite3.Connection, files: Path) -> None:
    quote = TEXTS["仪器.txt"][0]
    document = {
        "id": "1-1-0",
        "text": quote,
        "metadata": {
            "page": 1,
            "start": 0,
            "end": len(quote),
            "document_id": 1,
            "chunk_id": "1-1-0",
            "source": str(files / "仪器.txt"),
            "title": "仪器.txt",
        },
    }
    citation = {
        "number": 1,
        "sentence_start": 0,
        "sentence_end": 8,
        "quote": quote,
        "quote_start": 0,
        "quote_end": len(quote),
        "support": 0.9,
        "document": document,
    }
    nothing = {"text": "", "citations": [], "unsupported": [], "documents": []}
    common = {"standalone_question": "", "seconds": {"retrieve": 0.2}, "tokens_per_second": 20.5, "model": "MiniCPM"}
    answer = {"text": ANSWER, "citations": [citation], "unsupported": [[0, 3]], "documents": [document], **common}
    answer |= {"mode": "model", "error": ""}
    failed = answer | nothing | {"mode": "failed", "error": ERROR}
    ledger.executescript(CONVERSATIONS)
    ledger.execute("INSERT INTO conversations VALUES (1, ?, ?, ?, ?)", (USER, QUESTION, KB, WHEN))
    for question, stored in ((QUESTION, answer), ("And then?", failed), ("Unanswered?", None)):
        ledger.execute(
            "INSERT INTO exchanges(conversation, question, asked_at, answer) VALUES (1, ?, ?, ?)",
            (question, WHEN, stored and json.dumps(stored, ensure_ascii=False)),
        )


def _chroma(folder: Path, vectors: dict[str, Any]) -> None:
    client = chromadb.PersistentClient(folder, settings=Settings(anonymized_telemetry=False))
    collection = client.get_or_create_collection(
        "kb-0123456789abcdef",
        configuration={"hnsw": {"space": "cosine", "ef_construction": 200, "max_neighbors": 32, "ef_search": 200}},
        embedding_function=None,
    )
    collection.upsert(ids=list(vectors), embeddings=list(vectors.values()))
    client.close()


if __name__ == "__main__":
    make(Path(sys.argv[1]), int(sys.argv[2]))
