"""Check: compare the ledger with the vectors and the keyword index, and put right what differs.

For the owner of the library only. The ledger is the truth and holds a copy of every vector, so nothing here needs
the embedder or the original files.
"""

from __future__ import annotations

import json
import logging
import random
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from minicpm_rag import chunk_rows, keywords, page_rows
from minicpm_rag.errors import LibraryError, VectorStoreError
from minicpm_rag.indexes import Index, all_indexes
from minicpm_rag.ledger import Ledger
from minicpm_rag.sweep import sweep_documents
from minicpm_rag.vectors import VectorStore

log = logging.getLogger(__name__)

SAMPLE = 200  # vectors that must find themselves; asking for all of 100,000 takes minutes
PROBE = 10  # the same, each time this process becomes the owner
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
        indexes = all_indexes(connection)
        report.chunks = sum(len(_stored_chunks(connection, index)) for index in indexes)
        report.problems += _texts_apart(connection)
        (left,) = connection.execute(
            "SELECT count(*) FROM documents WHERE status IN ('indexing', 'retired')"
        ).fetchone()
    if left:
        report.problems.append(f"{left} documents left over from a broken-off write")
    try:
        if left and repair:
            sweep_documents(ledger, vectors)
        for index in indexes:
            _check_vectors(ledger, vectors, index, report, repair)
        _check_strays(ledger, vectors, report, repair)
    except VectorStoreError as exc:
        if vectors.url is not None:
            raise
        report.problems.append(f"{vectors.folder} does not work: {exc.__cause__ or exc}")
        if repair:
            make_anew(ledger, vectors)
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
        report.problems.append(f"the collection {stray} belongs to nothing")
        if repair:
            vectors.drop(stray)


def heal(ledger: Ledger, vectors: VectorStore) -> None:
    """Bring Chroma in line with the ledger where counting and a few questions give away that it is not."""
    with ledger.reading() as connection:
        stored = [(index, _stored_chunks(connection, index)) for index in all_indexes(connection)]
    for index, chunks in stored:
        vectors.create(index.collection)
        if vectors.count(index.collection) != len(chunks) or _unfindable(
            ledger, vectors, index, chunks, PROBE
        ):
            log.warning("Chroma is not in line with the ledger and is repaired")
            _check_vectors(ledger, vectors, index, CheckReport(), True)


def make_anew(ledger: Ledger, vectors: VectorStore) -> None:
    """Replace a Chroma folder that does not work any more (a full disk can do that) by one made from the ledger."""
    log.warning("%s does not work and is made anew from the ledger", vectors.folder)
    vectors.clear()
    with ledger.reading() as connection:
        stored = [
            (index, _stored_chunks(connection, index))
            for index in all_indexes(connection, also_building=True)
        ]
    for index, chunks in stored:
        _copy(ledger, vectors, index, chunks)
    vectors.whole = True


def _stored_chunks(connection: sqlite3.Connection, index: Index) -> dict[str, int]:
    return {
        chunk_rows.chunk_id(index.id, row[1], row[2]): int(row[0])
        for row in connection.execute(
            "SELECT id, document_id, position FROM chunks WHERE index_id = ?", (index.id,)
        )
    }


def _check_vectors(
    ledger: Ledger, vectors: VectorStore, index: Index, report: CheckReport, repair: bool
) -> None:
    with ledger.reading() as connection:
        stored = _stored_chunks(connection, index)
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
    if not missing and _unfindable(ledger, vectors, index, stored, SAMPLE):
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


def _unfindable(
    ledger: Ledger, vectors: VectorStore, index: Index, stored: dict[str, int], size: int
) -> bool:
    """Whether some of a sample of vectors do not find themselves, or one exactly as near."""
    sample = random.Random(0).sample(sorted(stored), min(size, len(stored)))
    for names, matrix in _stored_vectors(ledger, {name: stored[name] for name in sample}):
        for name, vector in zip(names, matrix, strict=True):
            try:
                found = vectors.query(index.collection, vector, 1)
            except VectorStoreError:
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
        texts = {page.number: page.text for page in page_rows.of_document(connection, document_id)}
        for chunk in chunk_rows.of_document(connection, document_id):
            if not chunk.lies_in(texts):
                yield f"chunks of {source} are not in its stored pages: remove it and ingest it again"
                break
