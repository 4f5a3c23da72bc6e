"""Comparing the ledger with Chroma and the keyword index, and putting right what differs.

For the owner of the library only. The ledger is the truth and holds a copy of every vector, so only what is damaged
in the ledger itself needs the embedder, and perhaps an original file.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from minicpm_rag.errors import LibraryError, RAGError, VectorStoreError
from minicpm_rag.indexing import mending
from minicpm_rag.indexing.storing import clear_documents
from minicpm_rag.library import Library, ledger
from minicpm_rag.library.ledger import chunks, conversations, documents, keywords, knowledge_bases
from minicpm_rag.library.ledger.knowledge_bases import Index
from minicpm_rag.messages import Message, from_plain, joined
from minicpm_rag.records import END, PAGE, START, Chunk, ChunkSize

if TYPE_CHECKING:
    from minicpm_rag.library.vectors import Vectors

log = logging.getLogger(__name__)

CHECK_SAMPLE = 200  # vectors that must find themselves; asking for all of 100,000 takes minutes
START_SAMPLE = 10  # the same, each time this process becomes the owner
COPY_VECTORS = 1_000  # read from the ledger at once


@dataclass
class CheckReport:
    """What was compared, what differed, and whether that was put right."""

    documents: int = 0
    chunks: int = 0
    problems: list[Message] = field(default_factory=list)
    unmended: list[Message] = field(default_factory=list)  # what could not be put right, with the reason
    repaired: bool = False

    @property
    def message(self) -> Message:
        """The report as one message."""
        compared = {"documents": self.documents, "chunks": self.chunks}
        if not self.problems and not self.unmended:
            return Message("indexing.agrees", **compared)
        if self.problems and self.unmended and self.repaired:
            repaired, left = joined(*self.problems), joined(*self.unmended)
            return Message("indexing.repaired_partly", **compared, problems=repaired, unmended=left)
        key = "indexing.repaired" if self.repaired and self.problems else "indexing.found"
        return Message(key, **compared, problems=joined(*self.problems, *self.unmended))

    def __str__(self) -> str:
        return str(self.message)

    def as_json(self) -> dict[str, Any]:
        """The report as plain values, for the job that asked for it."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> CheckReport:
        """Read what `as_json` made."""
        messages = {
            name: [message for plain in values[name] if (message := from_plain(plain)) is not None]
            for name in ("problems", "unmended")
        }
        return cls(**values | messages)


def compare(library: Library, size: ChunkSize, *, repair: bool, ocr: bool = True) -> CheckReport:
    """Compare everything, and with `repair` put right what differs; damaged documents are split and read so again.

    Raises LibraryError where the ledger itself is damaged.
    """
    report = CheckReport(repaired=repair)
    with library.ledger.reading() as connection:
        damage = ledger.damage(connection)
        if damage:
            raise LibraryError("library.ledger_damaged", path=library.ledger.place, why=damage)
        ready = documents.ready(connection)
        current = knowledge_bases.indexes(connection)
        report.documents = len(ready)
        report.chunks = sum(chunks.count(connection, index.id) for index in current)
        report.unmended += [
            Message("indexing.conversation_damaged", title=title, count=count)
            for title, count in conversations.damaged(connection)
        ]
    _compare_documents(library, ready, report, size, repair=repair, ocr=ocr)
    with library.ledger.reading() as connection:
        left = len({document_id for document_id, *_ in documents.leftovers(connection)})
    if left:
        report.problems.append(Message("indexing.leftovers", count=left))
    try:
        if left and repair:
            clear_documents(library)
        for index in () if library.ledger.shared else current:  # there they are written with their document
            report.problems += _compare_vectors(library, index, repair=repair)
        report.problems += [] if library.ledger.shared else _stray_collections(library, repair=repair)
    except VectorStoreError as exc:
        if library.vectors.url is not None:
            raise
        why = exc.message.values.get("why", exc.message)
        report.problems.append(Message("indexing.folder_broken", folder=library.vectors.folder, why=why))
        if repair:
            rebuild_folder(library)
            clear_documents(library)
    for index in current:
        report.problems += _compare_keywords(library, index, repair=repair)
    return report


def _compare_documents(
    library: Library, ready: list[tuple[int, str]], report: CheckReport, size: ChunkSize, *, repair: bool, ocr: bool
) -> None:
    """Compare each document with its checksums, its chunks with its pages; with `repair` mend what is damaged."""
    for document_id, source in ready:
        with library.ledger.reading() as connection:
            if documents.one(connection, document_id).status != "ready":
                continue  # removed meanwhile
            damage = documents.damage(connection, document_id)
            if not damage:
                texts = {page.number: page.text for page in documents.pages(connection, document_id)}
                if all(lies_in(chunk, texts) for chunk in chunks.of_document(connection, document_id)):
                    continue
        if not damage:
            report.unmended.append(Message("indexing.texts_apart", source=source))
        elif not repair:
            report.problems.append(Message("indexing.damaged", source=source))
        else:
            try:
                report.problems.append(mending.mend(library, document_id, damage, size, ocr=ocr))
            except VectorStoreError:
                raise
            except RAGError as exc:
                why = mending.why_not(exc)
                report.unmended.append(Message("indexing.not_mended", source=source, why=why))


def lies_in(chunk: Chunk, texts: dict[int, str]) -> bool:
    """Whether a chunk's text is literally where its metadata says, in page texts by number, so that quotes hold."""
    return texts.get(chunk.metadata[PAGE], "")[chunk.metadata[START] : chunk.metadata[END]] == chunk.text


def heal(library: Library) -> None:
    """Bring Chroma in line with the ledger where counting and a few questions show that it is not."""
    with library.ledger.reading() as connection:
        expected = {index: chunks.ids_of_index(connection, index.id) for index in knowledge_bases.indexes(connection)}
    for index, ids in expected.items():
        library.vectors.create(index.collection)
        if library.vectors.count(index.collection) != len(ids) or not _findable(library, index, ids, START_SAMPLE):
            log.warning("Chroma is not in line with the ledger and is repaired")
            library.vectors.complete = False
            _compare_vectors(library, index, repair=True)
    library.vectors.complete = True


def rebuild_folder(library: Library) -> None:
    """Replace a Chroma folder that does not work (a full disk can do that) by one made from the ledger."""
    log.warning("%s does not work and is rebuilt from the ledger", library.vectors.folder)
    library.vectors.clear()
    with library.ledger.reading() as connection:
        all_indexes = knowledge_bases.indexes(connection, also_building=True)
        expected = {index: chunks.ids_of_index(connection, index.id) for index in all_indexes}
    for index, ids in expected.items():
        _copy(library, index, ids)
    library.vectors.complete = True


def _compare_vectors(library: Library, index: Index, *, repair: bool) -> list[Message]:
    """What differs between the ledger and the collection of an index; with `repair` it is put right."""
    vectors = library.vectors
    with library.ledger.reading() as connection:
        stored = set(chunks.ids_of_index(connection, index.id))
    vectors.create(index.collection)
    present = set(vectors.ids(index.collection))
    extra, missing = present - stored, stored - present
    problems = []
    if extra:
        problems.append(Message("indexing.vectors_extra", count=len(extra)))
        if repair:
            vectors.delete(index.collection, sorted(extra))
    if missing:
        problems.append(Message("indexing.vectors_missing", count=len(missing)))
        if repair:
            _copy(library, index, missing)
    elif not _findable(library, index, stored, CHECK_SAMPLE):
        problems.append(Message("indexing.vectors_unfindable"))
        if repair:
            vectors.drop(index.collection)
            _copy(library, index, stored)
    return problems


def _stray_collections(library: Library, *, repair: bool) -> list[Message]:
    """Collections of no index; on a server they may be another library's and are left alone."""
    if library.vectors.url is not None:
        return []
    with library.ledger.reading() as connection:
        known = knowledge_bases.collections(connection)
    strays = sorted(set(library.vectors.collections()) - known)
    if repair:
        for stray in strays:
            library.vectors.drop(stray)
    return [Message("indexing.stray_collection", collection=stray) for stray in strays]


def _compare_keywords(library: Library, index: Index, *, repair: bool) -> list[Message]:
    table = knowledge_bases.keyword_table(index.id)
    with library.ledger.reading() as connection:
        count = chunks.count(connection, index.id)
        known = keywords.statistics(connection, table, []).rows if keywords.exists(connection, table) else -1
    if known == count:
        return []
    if repair:
        with library.ledger.writing() as connection:
            chunks.rebuild_keywords(connection, index.id)
    return [Message("indexing.keywords_apart", known=max(known, 0), count=count)]


def _copy(library: Library, index: Index, ids: Collection[str]) -> None:
    """Copy the vectors of chunks from the ledger into Chroma."""
    library.vectors.create(index.collection)
    for group, matrix in _stored_vectors(library, sorted(ids)):
        library.vectors.upsert(index.collection, group, matrix)


def _stored_vectors(library: Library, ids: list[str]) -> Iterator[tuple[list[str], Vectors]]:
    for first in range(0, len(ids), COPY_VECTORS):
        group = ids[first : first + COPY_VECTORS]
        with library.ledger.reading() as connection:
            found, matrix = chunks.sound_vectors(connection, group)
        yield found, matrix


def _findable(library: Library, index: Index, ids: Collection[str], size: int) -> bool:
    """Whether each vector of a sample finds itself in Chroma, or one exactly as near."""
    sample = random.Random(0).sample(sorted(ids), min(size, len(ids)))
    for group, matrix in _stored_vectors(library, sample):
        for chunk, vector in zip(group, matrix, strict=True):
            try:
                found = library.vectors.query(index.collection, vector, 1)
            except VectorStoreError:
                if library.vectors.url is not None:
                    raise
                return False  # an index that cannot be searched is made again
            if not found or (found[0][0] != chunk and found[0][1] < 0.9999):
                return False
    return True
