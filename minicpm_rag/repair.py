"""Check: compare the ledger with the vectors and the keyword index, and put right what differs.

For the owner of the library only. The ledger is the truth and holds a copy of every vector, so nothing here needs
the embedder or the original files.
"""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from minicpm_rag import documents, keywords
from minicpm_rag.errors import LibraryError
from minicpm_rag.indexes import Index, all_indexes
from minicpm_rag.ledger import Ledger
from minicpm_rag.sweep import sweep_documents, sweep_indexes
from minicpm_rag.vectors import VectorStore

SAMPLE = 200  # vectors that must find themselves; asking for all of 100,000 takes minutes
COPY_VECTORS = 1_000


@dataclass
class CheckReport:
    """What was compared, what differed, and whether that was put right."""

    documents: int = 0
    chunks: int = 0
    problems: list[str] = field(default_factory=list)
    repaired: bool = False

    def __str__(self) -> str:
        compared = f"{self.documents} documents and {self.chunks} chunks compared"
        if not self.problems:
            return f"{compared}: ledger, vectors and keywords agree"
        return f"{compared}; {'repaired' if self.repaired else 'found'}: {'; '.join(self.problems)}"

    def as_json(self) -> dict[str, Any]:
        """The report as plain values, for the job that asked for it."""
        return asdict(self)


def check(ledger: Ledger, vectors: VectorStore, *, repair: bool) -> CheckReport:
    """Compare everything. Raises LibraryError where the ledger itself is damaged."""
    report = CheckReport(repaired=repair)
    with ledger.reading() as connection:
        verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise LibraryError(
                f"{ledger.path} is damaged: {verdict}. Restore it from a backup or ingest again."
            )
        (report.documents,) = connection.execute(
            "SELECT count(*) FROM documents WHERE status = 'ready'"
        ).fetchone()
        (report.chunks,) = connection.execute(
            "SELECT count(*) FROM chunks JOIN indexes ON indexes.id = index_id WHERE indexes.status = 'current'"
        ).fetchone()
        (left,) = connection.execute(
            "SELECT count(*) FROM documents WHERE status IN ('indexing', 'retired')"
        ).fetchone()
        indexes = all_indexes(connection)
        report.problems += _texts_apart(connection)
    if repair:
        _reopen(vectors, report)
    if left:
        report.problems.append(f"{left} documents left over from a broken-off write")
        if repair:
            sweep_documents(ledger, vectors)
            sweep_indexes(ledger, vectors)
    for index in indexes:
        _check_vectors(ledger, vectors, index, report, repair)
        _check_keywords(ledger, index, report, repair)
    if vectors.url is None:
        known = {index.collection for index in indexes} | _building(ledger)
        for stray in sorted(set(vectors.collections()) - known):
            report.problems.append(f"the collection {stray} belongs to nothing")
            if repair:
                vectors.drop(stray)
    return report


def heal_where_counts_differ(ledger: Ledger, vectors: VectorStore) -> None:
    """Bring Chroma in line with the ledger where the number of vectors gives away that it is not."""
    with ledger.reading() as connection:
        counted = [
            (
                index,
                connection.execute("SELECT count(*) FROM chunks WHERE index_id = ?", (index.id,)).fetchone()[
                    0
                ],
            )
            for index in all_indexes(connection)
        ]
    for index, expected in counted:
        vectors.create(index.collection)
        if vectors.count(index.collection) != expected:
            _check_vectors(ledger, vectors, index, CheckReport(), True)


def _reopen(vectors: VectorStore, report: CheckReport) -> None:
    """Make sure Chroma opens; a folder it cannot open is derived data and is made anew."""
    try:
        vectors.collections()
    except LibraryError:
        if vectors.url is not None:
            raise
        report.problems.append(f"{vectors.folder} could not be opened and was made anew")
        vectors.close()
        shutil.rmtree(vectors.folder)
        vectors.collections()


def _check_vectors(
    ledger: Ledger, vectors: VectorStore, index: Index, report: CheckReport, repair: bool
) -> None:
    with ledger.reading() as connection:
        stored = {
            documents.chunk_id(index.id, row[1], row[2]): int(row[0])
            for row in connection.execute(
                "SELECT id, document_id, position FROM chunks WHERE index_id = ?", (index.id,)
            )
        }
    vectors.create(index.collection)
    present = set(vectors.ids(index.collection))
    extra, missing = present - stored.keys(), stored.keys() - present
    if extra:
        report.problems.append(f"{len(extra)} vectors without a chunk")
        if repair:
            vectors.delete(index.collection, sorted(extra))
    if missing:
        report.problems.append(f"{len(missing)} chunks without a vector")
        if repair:
            _copy(ledger, vectors, index, {name: stored[name] for name in missing})
    if not missing and _unfindable(ledger, vectors, index, stored):
        report.problems.append("vectors that no question finds")
        if repair:
            vectors.drop(index.collection)
            _copy(ledger, vectors, index, stored)


def _copy(ledger: Ledger, vectors: VectorStore, index: Index, wanted: dict[str, int]) -> None:
    vectors.create(index.collection)
    for names, matrix in _stored_vectors(ledger, wanted):
        vectors.upsert(index.collection, names, matrix)


def _stored_vectors(ledger: Ledger, wanted: dict[str, int]) -> Iterator[tuple[list[str], Any]]:
    import numpy

    names = sorted(wanted)
    for first in range(0, len(names), COPY_VECTORS):
        group = names[first : first + COPY_VECTORS]
        with ledger.reading() as connection:
            blobs = [
                connection.execute("SELECT vector FROM vectors WHERE chunk = ?", (wanted[name],)).fetchone()[
                    0
                ]
                for name in group
            ]
        yield group, numpy.frombuffer(b"".join(blobs), dtype="<f4").reshape(len(group), -1)


def _unfindable(ledger: Ledger, vectors: VectorStore, index: Index, stored: dict[str, int]) -> bool:
    """Whether some of a sample of vectors do not find themselves, or one exactly as near."""
    sample = random.Random(0).sample(sorted(stored), min(SAMPLE, len(stored)))
    for names, matrix in _stored_vectors(ledger, {name: stored[name] for name in sample}):
        for name, vector in zip(names, matrix, strict=True):
            try:
                found = vectors.query(index.collection, vector, 1)
            except LibraryError:
                if vectors.url is not None:
                    raise
                return True  # an index that cannot be searched is made anew
            if not found or (found[0][0] != name and found[0][1] < 0.9999):
                return True
    return False


def _check_keywords(ledger: Ledger, index: Index, report: CheckReport, repair: bool) -> None:
    with ledger.reading() as connection:
        (expected,) = connection.execute(
            "SELECT count(*) FROM chunks WHERE index_id = ?", (index.id,)
        ).fetchone()
        try:
            counted = keywords.statistics(connection, index.keyword_table, []).rows
        except sqlite3.OperationalError:
            counted = -1  # the table is gone
    if counted == expected:
        return
    report.problems.append(f"the keyword index knows {max(counted, 0)} of {expected} chunks")
    if not repair:
        return
    with ledger.writing() as connection:
        keywords.drop(connection, index.keyword_table)
        keywords.create(connection, index.keyword_table)
        keywords.add(connection, index.keyword_table, _indexed_texts(connection, index))


def _indexed_texts(connection: sqlite3.Connection, index: Index) -> Iterator[tuple[int, str]]:
    from minicpm_rag.cutting import indexed

    for row in connection.execute(
        "SELECT chunks.id, chunks.text, chunks.metadata, documents.title FROM chunks "
        "JOIN documents ON documents.id = chunks.document_id WHERE index_id = ?",
        (index.id,),
    ).fetchall():
        yield row["id"], indexed(row["text"], json.loads(row["metadata"]), row["title"])


def _texts_apart(connection: sqlite3.Connection) -> Iterator[str]:
    """Documents whose chunks are not literally in their pages, so that no quote could be proven."""
    ready = connection.execute("SELECT id, source FROM documents WHERE status = 'ready'").fetchall()
    for document_id, source in ready:
        texts = {page.number: page.text for page in documents.pages(connection, document_id)}
        for chunk in documents.chunks(connection, document_id):
            if not chunk.lies_in(texts):
                yield f"chunks of {source} are not in its stored pages: remove it and ingest it again"
                break


def _building(ledger: Ledger) -> set[str]:
    with ledger.reading() as connection:
        return {
            row[0] for row in connection.execute("SELECT collection FROM indexes WHERE status = 'building'")
        }
