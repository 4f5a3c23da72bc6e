"""Check: compare the ledger with the vectors and the keyword index, and put right what differs.

For the owner of the library only. The ledger is the truth and holds a copy of every vector, so nothing here
needs the embedder or the original files.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from minicpm_rag.errors import LibraryError, VectorStoreError
from minicpm_rag.indexing import vector_repair
from minicpm_rag.indexing.sweep import sweep_documents
from minicpm_rag.library.ledger import Ledger, chunk_rows, keywords, page_rows
from minicpm_rag.library.ledger.indexes import Index, all_indexes
from minicpm_rag.library.vectors import VectorStore
from minicpm_rag.messages import Message, from_plain, joined, reason_of


@dataclass
class CheckReport:
    """What was compared, what differed, and whether that was put right."""

    documents: int = 0
    chunks: int = 0
    problems: list[Message] = field(default_factory=list)
    repaired: bool = False

    @property
    def message(self) -> Message:
        """The report as one message."""
        if not self.problems:
            return Message("indexing.agrees", documents=self.documents, chunks=self.chunks)
        key = "indexing.repaired" if self.repaired else "indexing.found"
        return Message(key, documents=self.documents, chunks=self.chunks, problems=joined(*self.problems))

    def __str__(self) -> str:
        return str(self.message)

    def as_json(self) -> dict[str, Any]:
        """The report as plain values, for the job that asked for it."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> CheckReport:
        """Read what `as_json` made."""
        problems = [problem for plain in values["problems"] if (problem := from_plain(plain)) is not None]
        return cls(**values | {"problems": problems})


def compare(ledger: Ledger, vectors: VectorStore, *, repair: bool) -> CheckReport:
    """Compare everything. Raises LibraryError where the ledger itself is damaged."""
    report = CheckReport(repaired=repair)
    with ledger.reading() as connection:
        verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise LibraryError("library.ledger_damaged", path=ledger.path, why=verdict)
        (report.documents,) = connection.execute("SELECT count(*) FROM documents WHERE status = 'ready'").fetchone()
        indexes = all_indexes(connection)
        report.chunks = sum(len(vector_repair.stored_chunks(connection, index)) for index in indexes)
        report.problems += _texts_apart(connection)
        (left,) = connection.execute(
            "SELECT count(*) FROM documents WHERE status IN ('indexing', 'retired')"
        ).fetchone()
    if left:
        report.problems.append(Message("indexing.leftovers", count=left))
    try:
        if left and repair:
            sweep_documents(ledger, vectors)
        for index in indexes:
            report.problems += vector_repair.compare(ledger, vectors, index, repair=repair)
        _check_strays(ledger, vectors, report, repair)
    except VectorStoreError as exc:
        if vectors.url is not None:
            raise
        report.problems.append(
            Message("indexing.folder_broken", folder=vectors.folder, why=reason_of(exc.__cause__ or exc))
        )
        if repair:
            vector_repair.make_anew(ledger, vectors)
            sweep_documents(ledger, vectors)
    for index in indexes:
        _check_keywords(ledger, index, report, repair)
    return report


def _check_strays(ledger: Ledger, vectors: VectorStore, report: CheckReport, repair: bool) -> None:
    """Collections of no index; on a server they may be another library's."""
    if vectors.url is not None:
        return
    with ledger.reading() as connection:
        known = {row[0] for row in connection.execute("SELECT collection FROM indexes")}
    for stray in sorted(set(vectors.collections()) - known):
        report.problems.append(Message("indexing.stray_collection", collection=stray))
        if repair:
            vectors.drop(stray)


def _check_keywords(ledger: Ledger, index: Index, report: CheckReport, repair: bool) -> None:
    with ledger.reading() as connection:
        (expected,) = connection.execute("SELECT count(*) FROM chunks WHERE index_id = ?", (index.id,)).fetchone()
        try:
            counted = keywords.statistics(connection, index.keyword_table, []).rows
        except sqlite3.OperationalError:
            counted = -1  # the table is gone
    if counted == expected:
        return
    report.problems.append(Message("indexing.keywords_apart", known=max(counted, 0), count=expected))
    if not repair:
        return
    with ledger.writing() as connection:
        keywords.drop(connection, index.keyword_table)
        keywords.create(connection, index.keyword_table)
        keywords.add(connection, index.keyword_table, _indexed_texts(connection, index))


def _indexed_texts(connection: sqlite3.Connection, index: Index) -> Iterator[tuple[int, str]]:
    from minicpm_rag.indexing.cutting import indexed

    for row in connection.execute(
        "SELECT chunks.id, chunks.text, chunks.metadata, documents.title FROM chunks "
        "JOIN documents ON documents.id = chunks.document_id WHERE index_id = ?",
        (index.id,),
    ).fetchall():
        yield row["id"], indexed(row["text"], json.loads(row["metadata"]), row["title"])


def _texts_apart(connection: sqlite3.Connection) -> Iterator[Message]:
    """Documents whose chunks are not literally in their pages, so that no quote could be proven."""
    ready = connection.execute("SELECT id, source FROM documents WHERE status = 'ready'").fetchall()
    for document_id, source in ready:
        texts = {page.number: page.text for page in page_rows.of_document(connection, document_id)}
        for chunk in chunk_rows.of_document(connection, document_id):
            if not chunk.lies_in(texts):
                yield Message("indexing.texts_apart", source=source)
                break
