"""Ingest: read each file, split and embed it, store it, and say what became of it. For the owner of the library.

Decides what a file is to the library (unchanged, a copy, moved, new, changed); does not know how documents are
stored, nor who asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from minicpm_rag.errors import DocumentError, EmbeddingError
from minicpm_rag.indexing import sources, storing
from minicpm_rag.indexing.removing import remove_missing
from minicpm_rag.library import Library
from minicpm_rag.library.ledger import documents, knowledge_bases
from minicpm_rag.library.originals import UPLOAD, upload_source
from minicpm_rag.messages import Message, joined
from minicpm_rag.records import (
    Chunk,
    ChunkSize,
    DocumentRow,
    FileStatus,
    IngestProgress,
    LoadedFile,
    NewDocument,
    Page,
    Verdict,
)

if TYPE_CHECKING:
    from minicpm_rag.indexing.on_ray import Cluster

# Small files are embedded together up to this many chunks, so that the embedder gets full batches.
GROUP_CHUNKS = 128
LONG_SECONDS = 600  # a file that takes longer is indexed after a question, where somebody is there to answer it


def ingest(
    library: Library,
    kb_id: int,
    named: Sequence[str],
    *,
    size: ChunkSize,
    ocr: bool = True,
    password: str = "",
    sync: bool = False,
    asks: bool = False,
    cancelled: Callable[[], bool] = lambda: False,
    ray: str | None = None,
) -> Iterator[IngestProgress]:
    """Bring absolute paths and addresses into a knowledge base, one verdict for each file.

    With `sync`, documents that have left the named folders are removed. If it `asks`, a file that would take longer
    than LONG_SECONDS is left with a verdict that says how long. Once `cancelled()`, the files already begun
    are finished and the others left. `ray` is the address of a Ray cluster that reads and embeds, see `on_ray`.
    Raises LibraryError or EmbeddingError where no file could succeed.
    """
    run = _Ingest(library, kb_id, size=size, ocr=ocr, password=password, asks=asks)
    if ray is None:
        yield from run.all(named, sync, cancelled)
        return
    from minicpm_rag.indexing import on_ray

    with on_ray.opened(ray, run.embedder) as cluster:
        run.use(cluster)
        yield from run.all(named, sync, cancelled)


def would_take_long(reason: Message | None) -> bool:
    """Whether a file waits for somebody to say that it is worth its time."""
    if reason is None:
        return False
    inside = [value for value in reason.values.values() if isinstance(value, Message)]
    return reason.key == "indexing.would_take_long" or any(map(would_take_long, inside))


@dataclass(frozen=True)
class _Case:
    """What a file is to the library, by its bytes and its name.

    new     no document has these bytes: it is read
    same    `document` has them under this name
    reread  the same, but there is a remedy that the user may have followed since: it is read again
    damaged `document` has them, under any name, but what is stored of it is damaged: it is read again
    copy    `document` has them under another name, whose file is still there
    moved   the same, but that file (`former`) is gone
    """

    kind: Literal["new", "same", "reread", "damaged", "copy", "moved"]
    document: DocumentRow | None = None
    former: str = ""


@dataclass(frozen=True)
class _Waiting:
    """A file that has been read and split, waiting to be embedded with others."""

    number: int
    document: NewDocument
    former: DocumentRow | None  # what its source names now
    mends: bool  # whether it takes the place of the same document, which is damaged


class _Ingest:
    """One run over named files: what was read waits here until it is embedded with others."""

    def __init__(self, library: Library, kb_id: int, *, size: ChunkSize, ocr: bool, password: str, asks: bool) -> None:
        self.library = library
        self.kb_id = kb_id
        self.size = size
        self.asks = asks
        self.ocr = ocr
        self.password = password
        self.reader = sources.Reader(ocr=ocr, password=password, is_new=self._is_new)
        self.cluster: Cluster | None = None
        self.group_chunks = GROUP_CHUNKS
        self.files = 0
        self.waiting: list[_Waiting] = []
        with library.ledger.reading() as connection:
            name = knowledge_bases.name_of(connection, kb_id)
            self.index = knowledge_bases.find_index(connection, kb_id)
        self.embedder = library.embedder_for(self.index, name)

    def use(self, cluster: Cluster) -> None:
        """Have files read and chunks embedded by a cluster."""
        from minicpm_rag.indexing.on_ray import RayReader

        self.cluster = cluster
        self.group_chunks = GROUP_CHUNKS * cluster.workers
        self.reader = RayReader(cluster, self.size, ocr=self.ocr, password=self.password, is_new=self._is_new)

    def all(self, named: Sequence[str], sync: bool, cancelled: Callable[[], bool]) -> Iterator[IngestProgress]:
        from minicpm_rag.loaders import SUFFIXES

        for path in named:
            if not sources.is_address(path):
                self.library.bring(Path(path))
        found = sources.find_sources(named, SUFFIXES, self.library.home)
        self.files = len(found.refused) + len(found.sources)
        for number, refusal in enumerate(found.refused, start=1):
            yield self._done(number, refusal)
        try:
            for place, path in enumerate(found.sources):
                if cancelled():
                    break
                for following in found.sources[place + 1 : place + 1 + self.reader.ahead]:
                    self.reader.begin(following)
                yield from self._one(len(found.refused) + 1 + place, path)
        finally:  # whatever ended it, a cluster reads nothing more for it
            self.reader.close()
        yield from self._write_waiting()
        if sync and not cancelled():
            for verdict in remove_missing(self.library, self.kb_id, found):
                yield self._done(self.files, verdict)

    def _one(self, number: int, path: str) -> Iterator[IngestProgress]:
        """Classify one file or web page, then act on what it is."""
        address = sources.is_address(path)
        source = path if address else upload_source(self.library.uploads, Path(path)) or path
        new = NewDocument(source, title=path if address else Path(path).name)
        loaded: LoadedFile | None = None
        try:
            if address:
                yield self._progress(number, source, "reading")
                loaded = self.reader.address(path)
            sha256, size_bytes = sources.measure_text(loaded) if loaded else self.reader.measure(Path(path))
            new = replace(new, sha256=sha256, size_bytes=size_bytes)
            if any(entry.document.sha256 == sha256 for entry in self.waiting):
                yield from self._write_waiting()  # a copy of it, which that one must be stored for
            case = self._classify(new)
            if case.document is not None and case.kind not in ("reread", "damaged"):
                yield self._done(number, self._kept(case.kind, case.document, case.former, new))
                return
            if loaded is None:
                yield self._progress(number, source, "reading")
                loaded = self.reader.file(Path(path))
            if (
                case.kind == "reread"
                and case.document is not None
                and self._stored_pages(case.document) == list(loaded.pages)
            ):
                kept = case.document  # the remedy was not followed
                yield self._done(number, _verdict(kept, source, "unchanged", kept.reason, kept.remedy))
                return
            self.waiting.append(self._split(number, new, loaded, mends=case.kind == "damaged"))
        except DocumentError as exc:
            yield self._done(number, self._failed(new, exc.reason, exc.remedy))
            return
        if sum(len(entry.document.chunks) for entry in self.waiting) >= self.group_chunks:
            yield from self._write_waiting()

    def _classify(self, new: NewDocument) -> _Case:
        document = self._of_bytes(new.sha256)
        if document is None:
            return _Case("new")
        with self.library.ledger.reading() as connection:
            if documents.damage(connection, document.id):
                return _Case("damaged", document)
        names = (document.source, *document.other_names)
        if new.source in names:
            return _Case("reread" if document.remedy else "same", document)
        former = next((name for name in names if sources.is_gone(name)), None)
        return _Case("copy", document) if former is None else _Case("moved", document, former)

    def _is_new(self, sha256: str) -> bool:
        return self._of_bytes(sha256) is None

    def _of_bytes(self, sha256: str) -> DocumentRow | None:
        with self.library.ledger.reading() as connection:
            return documents.of_bytes(connection, self.kb_id, sha256)

    def _kept(self, kind: str, document: DocumentRow, former: str, new: NewDocument) -> Verdict:
        """Act on a file whose bytes are stored already: at most it becomes one more name of its document."""
        if kind == "same":
            self._forget_failure(new.source)
            return _verdict(document, new.source, "unchanged")
        storing.add_name(self.library, self.kb_id, document.id, new.source, new.title, former=former or None)
        if kind == "moved":
            return _verdict(document, new.source, "moved", Message("indexing.moved", former=former))
        return _verdict(document, new.source, "duplicate", Message("indexing.duplicate", source=document.source))

    def _forget_failure(self, source: str) -> None:
        with self.library.ledger.reading() as connection:
            failed = documents.has_failed(connection, self.kb_id, source)
        if failed:  # only then: each write waits for those of other processes
            with self.library.ledger.writing() as connection:
                documents.forget_failure(connection, self.kb_id, source)
                knowledge_bases.note_change(connection, self.kb_id)

    def _stored_pages(self, document: DocumentRow) -> list[Page]:
        with self.library.ledger.reading() as connection:
            return documents.pages(connection, document.id)

    def _split(self, number: int, new: NewDocument, loaded: LoadedFile, *, mends: bool) -> _Waiting:
        document = replace(
            new,
            title=loaded.title or new.title,
            pages=loaded.pages,
            pages_present=loaded.pages_present,
            encoding=loaded.encoding,
            reason=joined(loaded.note, storing.sampled(loaded.pages)),
            remedy=loaded.remedy,
        )
        chunks = self.reader.cut(loaded, document.title, self.embedder, self.size)
        if not chunks:
            raise DocumentError("indexing.no_text", document.remedy)
        with self.library.ledger.reading() as connection:
            former = documents.named(connection, self.kb_id, document.source)
        return _Waiting(number, replace(document, chunks=chunks), former, mends)

    def _write_waiting(self) -> Iterator[IngestProgress]:
        waiting, self.waiting = self.waiting, []
        if not waiting:
            return
        for entry in waiting:
            yield self._progress(entry.number, entry.document.source, "embedding")
        done: list[Chunk] = []
        total = sum(len(entry.document.chunks) for entry in waiting)
        begun = time.monotonic()
        largest = max(waiting, key=lambda entry: len(entry.document.chunks))
        try:
            chunks = [chunk for entry in waiting for chunk in entry.document.chunks]
            for group in storing.embed_in_groups(chunks, self.embedder, self.cluster):
                done += group
                seconds_each = (time.monotonic() - begun) / len(done)
                if self.asks and len(done) < total and seconds_each * len(largest.document.chunks) > LONG_SECONDS:
                    yield from self._ask(largest, seconds_each)
                    self.waiting = [entry for entry in waiting if entry is not largest]
                    yield from self._write_waiting()
                    return
                if len(done) < total:
                    left = max(1, round(seconds_each * (total - len(done))))
                    step = self._progress(largest.number, largest.document.source, "embedding")
                    yield replace(step, share=len(done) / total, seconds_left=left)
        except EmbeddingError as exc:
            if len(waiting) == 1:
                unread = replace(waiting[0].document, chunks=())
                yield self._done(waiting[0].number, self._failed(unread, exc.message, None))
                return
            for entry in waiting:  # one by one, to find the file that is to blame
                self.waiting = [entry]
                yield from self._write_waiting()
            return
        new = []
        embedded = iter(done)
        for entry in waiting:
            yield self._progress(entry.number, entry.document.source, "writing")
            new.append(replace(entry.document, chunks=[next(embedded) for _ in entry.document.chunks]))
        if self.index is None:
            self.index = storing.begin_index(self.library, self.kb_id, self.embedder)
        for entry, document, _ in zip(waiting, new, storing.store(self.library, self.index, new), strict=True):
            former = entry.former
            if former is not None and former.sha256 != document.sha256:
                self._drop_upload(document.source, former.sha256)
            verdict = storing.verdict(document, "indexed" if former is None else "replaced")
            if entry.mends:
                verdict = replace(verdict, reason=joined(Message("indexing.was_damaged"), verdict.reason))
            yield self._done(entry.number, verdict)

    def _ask(self, entry: _Waiting, seconds_each: float) -> Iterator[IngestProgress]:
        """Leave a file with a verdict that asks whether it is worth the time that it would take."""
        minutes = max(1, round(seconds_each * len(entry.document.chunks) / 60))
        unread = replace(entry.document, chunks=())
        reason = Message("indexing.would_take_long", minutes=minutes)
        yield self._done(entry.number, self._failed(unread, reason, Message("indexing.would_take_long.remedy")))

    def _failed(self, new: NewDocument, reason: Message | None, remedy: Message | None) -> Verdict:
        with self.library.ledger.reading() as connection:
            former = documents.named(connection, self.kb_id, new.source)
        if former is not None and former.sha256 != new.sha256:
            reason = joined(reason, Message("indexing.still_answers", day=former.indexed_at[:10]))
        failed = replace(new, reason=reason, remedy=remedy)
        with self.library.ledger.writing() as connection:
            documents.record_failure(connection, self.kb_id, failed)
            knowledge_bases.note_change(connection, self.kb_id)
        return storing.verdict(failed, "failed")

    def _drop_upload(self, source: str, sha256: str) -> None:
        if source.startswith(UPLOAD):
            storing.drop_upload(self.library, self.kb_id, sha256, source)

    def _progress(self, number: int, source: str, stage: Literal["reading", "embedding", "writing"]) -> IngestProgress:
        return IngestProgress(source, stage, number, self.files)

    def _done(self, number: int, verdict: Verdict) -> IngestProgress:
        return IngestProgress(verdict.source, "done", number, self.files, verdict)


def _verdict(
    row: DocumentRow, source: str, status: FileStatus, reason: Message | None = None, remedy: Message | None = None
) -> Verdict:
    """What became of a file whose text is stored already."""
    return Verdict(
        source, row.title, status, reason, remedy, row.pages_indexed, row.pages_present, row.chunks, row.encoding
    )
