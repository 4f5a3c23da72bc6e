"""Ingest: read each file, cut it, embed it, store it, and say what became of it. For the library's owner.

Decides what a file is to the library (new, unchanged, changed, a copy, moved); does not know how documents
are kept, nor who asked.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from minicpm_rag.errors import DocumentError, EmbeddingError, LibraryError
from minicpm_rag.indexing import storage
from minicpm_rag.indexing.cutting import Cutting, Piece, cut, embed
from minicpm_rag.indexing.reading import Reader, filled
from minicpm_rag.indexing.removing import remove_missing
from minicpm_rag.indexing.sources import find_sources, is_address, is_gone
from minicpm_rag.indexing.storage import NewDocument
from minicpm_rag.indexing.sweep import drop_upload
from minicpm_rag.library import Library
from minicpm_rag.library.ledger import documents, knowledge_bases, page_rows
from minicpm_rag.library.ledger.indexes import Index, find_index, refuse_other_embedder
from minicpm_rag.library.originals import UPLOAD, upload_source
from minicpm_rag.messages import Message, joined
from minicpm_rag.records import DocumentRow, FileStatus, IngestProgress, LoadedFile, Verdict

if TYPE_CHECKING:
    from minicpm_rag.embedding.embedder import Embedder

log = logging.getLogger(__name__)

# Small files are embedded together up to this many chunks, so that the embedder gets full batches.
GROUP_CHUNKS = 128


@dataclass(frozen=True)
class _Ready:
    """A file that has been read and cut, waiting to be embedded with others."""

    number: int
    document: NewDocument  # without chunks yet
    pieces: list[Piece]
    former: DocumentRow | None  # what the source named before


def ingest(
    library: Library,
    kb_id: int,
    sources: Sequence[str],
    *,
    cutting: Cutting,
    ocr: bool = True,
    sync: bool = False,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[IngestProgress]:
    """Bring absolute paths and addresses into a knowledge base, one verdict for each file.

    With `sync`, documents that have left the named folders are removed. Once `cancelled()`, the files in hand
    are finished and the rest is left. Raises LibraryError or EmbeddingError where no file could succeed.
    """
    if library.embedder is None:
        raise LibraryError("indexing.no_embedder")
    run = _Ingest(library, kb_id, library.embedder, cutting, ocr)
    yield from run.all(sources, sync, cancelled)


class _Ingest:
    def __init__(self, library: Library, kb_id: int, embedder: Embedder, cutting: Cutting, ocr: bool) -> None:
        self.library = library
        self.kb_id = kb_id
        self.embedder = embedder
        self.cutting = cutting
        self.reader = Reader(ocr=ocr, is_new=lambda sha256: self._of_bytes(sha256) is None)
        self.files = 0
        self.waiting: list[_Ready] = []
        with library.ledger.reading() as connection:
            name = knowledge_bases.name_of(connection, kb_id)
            self.index = find_index(connection, kb_id)
        if self.index is not None:
            refuse_other_embedder(self.index, name, embedder.name, embedder.revision)

    def all(self, sources: Sequence[str], sync: bool, cancelled: Callable[[], bool]) -> Iterator[IngestProgress]:
        from minicpm_rag.loaders import SUFFIXES

        found = find_sources(sources, SUFFIXES)
        self.files = len(found.refused) + len(found.sources)
        for number, refusal in enumerate(found.refused, start=1):
            yield self._done(number, refusal)
        pairs = itertools.zip_longest(found.sources, found.sources[1:])
        for number, (path, following) in enumerate(pairs, start=len(found.refused) + 1):
            if cancelled():
                break
            if following is not None:
                self.reader.begin(following)
            yield from self._one(number, path)
        yield from self._write_waiting()
        if sync and not cancelled():
            for verdict in remove_missing(self.library, self.kb_id, found):
                yield self._done(self.files, verdict)

    def _one(self, number: int, path: str) -> Iterator[IngestProgress]:
        source = path if is_address(path) else upload_source(self.library.uploads, Path(path)) or path
        blank = NewDocument(source, source if is_address(path) else Path(path).name, "", 0, (), 0, ())
        try:
            if is_address(path):
                yield self._progress(number, source, "reading")
                blank, loaded = self.reader.address(blank)
            else:
                blank = self.reader.measured(blank, Path(path))
                loaded = None
            if any(entry.document.sha256 == blank.sha256 for entry in self.waiting):
                yield from self._write_waiting()  # its twin must be stored for this one to be a copy of it
            known = self._known(blank)
            if known is not None:
                yield self._done(number, known)
                return
            if loaded is None:
                yield self._progress(number, source, "reading")
                loaded = self.reader.file(Path(path))
            with self.library.ledger.reading() as connection:
                former = documents.named(connection, self.kb_id, source)
                again = former is not None and former.sha256 == blank.sha256
                pages = page_rows.of_document(connection, former.id) if former is not None and again else []
            if former is not None and again and pages == list(loaded.pages):  # its remedy was not followed
                yield self._done(number, self._of(former, blank, "unchanged", former.reason, former.remedy))
                return
            ready = self._cut(number, blank, loaded, former)
        except DocumentError as exc:
            yield self._done(number, self._failed(blank, exc.reason, exc.remedy))
            return
        self.waiting.append(ready)
        if sum(len(entry.pieces) for entry in self.waiting) >= GROUP_CHUNKS:
            yield from self._write_waiting()

    def _of_bytes(self, sha256: str) -> DocumentRow | None:
        with self.library.ledger.reading() as connection:
            return documents.of_bytes(connection, self.kb_id, sha256)

    def _known(self, blank: NewDocument) -> Verdict | None:
        """The verdict of a file whose bytes the library has already; None where it must be read."""
        ledger, kb_id, source = self.library.ledger, self.kb_id, blank.source
        with ledger.reading() as connection:
            same = documents.of_bytes(connection, kb_id, blank.sha256)
            failed_before = documents.has_failed(connection, kb_id, source)
        if same is None:
            return None
        names = (same.source, *same.other_names)
        if source in names:
            if same.remedy:
                return None  # the person may have followed the remedy (installed OCR, say): read it again
            if failed_before:
                with ledger.writing() as connection:
                    documents.forget_failure(connection, kb_id, source)
            return self._of(same, blank, "unchanged")
        former = next((name for name in names if is_gone(name)), None)
        storage.add_name(ledger, self.library.vectors, same.id, kb_id, source, blank.title, former=former)
        if former is not None:
            return self._of(same, blank, "moved", Message("indexing.moved", former=former))
        return self._of(same, blank, "duplicate", Message("indexing.duplicate", source=same.source))

    def _cut(self, number: int, blank: NewDocument, loaded: LoadedFile, former: DocumentRow | None) -> _Ready:
        document = filled(blank, loaded)
        pieces = cut(loaded.pages, document.title, self.embedder, self.cutting)
        if not pieces:
            raise DocumentError("indexing.no_text", document.remedy)
        return _Ready(number, document, pieces, former)

    def _write_waiting(self) -> Iterator[IngestProgress]:
        waiting, self.waiting = self.waiting, []
        if not waiting:
            return
        for entry in waiting:
            yield self._progress(entry.number, entry.document.source, "embedding")
        try:
            chunks = embed([piece for entry in waiting for piece in entry.pieces], self.embedder)
        except EmbeddingError as exc:
            if len(waiting) > 1:  # find the file that is to blame
                for entry in waiting:
                    self.waiting = [entry]
                    yield from self._write_waiting()
                return
            yield self._done(waiting[0].number, self._failed(waiting[0].document, exc.message, None))
            return
        new = []
        for entry in waiting:
            yield self._progress(entry.number, entry.document.source, "writing")
            own, chunks = chunks[: len(entry.pieces)], chunks[len(entry.pieces) :]
            new.append(replace(entry.document, chunks=own))
        stored = storage.store(self.library.ledger, self.library.vectors, self._index(), new)
        for entry, document, _ in zip(waiting, new, stored, strict=True):
            former = entry.former
            if former is not None and document.source.startswith(UPLOAD) and former.sha256 != document.sha256:
                drop_upload(self.library.ledger, self.library.uploads, self.kb_id, former.sha256, document.source)
            status: FileStatus = "indexed" if former is None else "replaced"
            yield self._done(entry.number, document.verdict(status, document.reason, document.remedy))

    def _index(self) -> Index:
        if self.index is None:
            self.index = storage.begin_index(self.library.ledger, self.kb_id, self.embedder)
        return self.index

    def _failed(self, blank: NewDocument, reason: Message | None, remedy: Message | None) -> Verdict:
        with self.library.ledger.reading() as connection:
            former = documents.named(connection, self.kb_id, blank.source)
        if former is not None and former.sha256 != blank.sha256:
            reason = joined(reason, Message("indexing.still_answers", day=former.indexed_at[:10]))
        failed = replace(blank, reason=reason, remedy=remedy)
        storage.record_failure(self.library.ledger, self.kb_id, failed)
        if blank.source.startswith(UPLOAD) and (former is None or former.sha256 != blank.sha256):
            drop_upload(self.library.ledger, self.library.uploads, self.kb_id, blank.sha256, blank.source)
        return failed.verdict("failed", reason, remedy)

    def _of(
        self,
        row: DocumentRow,
        blank: NewDocument,
        status: FileStatus,
        reason: Message | None = None,
        remedy: Message | None = None,
    ) -> Verdict:
        return Verdict(
            blank.source, row.title, status, reason, remedy,
            row.pages_indexed, row.pages_present, row.chunks, row.encoding,
        )  # fmt: skip

    def _progress(self, number: int, source: str, stage: Literal["reading", "embedding", "writing"]) -> IngestProgress:
        return IngestProgress(source, stage, number, self.files)

    def _done(self, number: int, verdict: Verdict) -> IngestProgress:
        return IngestProgress(verdict.source, "done", number, self.files, verdict)
