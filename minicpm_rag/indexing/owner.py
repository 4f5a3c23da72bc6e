"""The owner: the one process that may write takes jobs from the queue and does them, in one thread.

Knows which function does which job, and how progress is recorded; not how the work is done.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from minicpm_rag.errors import LibraryError, RAGError, VectorStoreError
from minicpm_rag.indexing import importing, reindexing, removing, repair, vector_repair
from minicpm_rag.indexing.cutting import Cutting
from minicpm_rag.indexing.ingest import ingest
from minicpm_rag.indexing.sweep import sweep
from minicpm_rag.library import Library
from minicpm_rag.library.ledger import jobs, knowledge_bases
from minicpm_rag.library.ledger.jobs import Job
from minicpm_rag.messages import Message, reason_of
from minicpm_rag.records import IngestProgress

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.1  # between two looks at the queue
CLAIM_SECONDS = 0.5  # between two tries to become the owner
RECORD_SECONDS = 0.1  # progress is written at most this often, because each time is a transaction


class Owner:
    """Becomes the owner of the library as soon as nobody else is, and does the queued jobs until stopped."""

    def __init__(self, library: Library, cutting: Cutting, *, ocr: bool) -> None:
        self.library = library
        self.cutting = cutting
        self.ocr = ocr
        self.stop = threading.Event()
        self.holds_library = False
        self._prepared = False
        self._compared = False

    def claim(self) -> bool:
        """Try to become the owner; says whether this process is it."""
        self.holds_library = self.holds_library or self.library.vectors.claim()
        return self.holds_library

    def work(self) -> None:
        """Do jobs until `stop` is set, then give the library up."""
        try:
            while not self.stop.is_set():
                try:
                    pause = self._step()
                except RAGError as exc:  # nothing could be written, for one; jobs have their own errors
                    log.error("The library's worker tries again: %s", exc)
                    pause = CLAIM_SECONDS
                self.stop.wait(pause)
        finally:
            if self.holds_library:
                self.holds_library = False
                self.library.vectors.release()

    def _step(self) -> float:
        """Do the next thing there is to do; returns the seconds to wait after it."""
        if not self.holds_library and not self.claim():
            return CLAIM_SECONDS
        if not self._prepared:
            self._prepared = True
            with self.library.ledger.writing() as connection:
                jobs.requeue(connection)
            self._repaired(self._open_and_sweep)
        with self.library.ledger.reading() as connection:
            waiting = jobs.waiting(connection)
        if not waiting:
            self._compare_once()
            return LOOK_SECONDS
        with self.library.ledger.writing() as connection:
            job = jobs.take(connection)
        if job is not None:
            self._run(job)
        return 0

    def _run(self, job: Job) -> None:
        recorder = _Recorder(self.library, job)
        status, kind = "done", ""
        error: Message | None = None
        try:
            for event in self._events(job, recorder):
                recorder.add(event)
            if recorder.cancelled():
                status = "cancelled"
            elif self.stop.is_set():
                status = "queued"
        except RAGError as exc:
            status, kind, error = "failed", type(exc).__name__, exc.message
            self._prepared = self._compared = False  # it may have left something, or broken Chroma
        except Exception as exc:  # a defect of ours must reach the person who asked, not only the log
            log.exception("job %s %s", job.id, job.kind)
            status, kind = "failed", "LibraryError"
            error = Message("indexing.unexpected", kind=type(exc).__name__, why=reason_of(exc))
        try:
            recorder.record()
            with self.library.ledger.writing() as connection:
                jobs.finish(connection, job.id, status, kind, error)
        except LibraryError as exc:  # a full disk: who follows in this process must still learn of it
            self.library.unrecorded[job.id] = LibraryError(error or exc.message)
            raise

    def _events(self, job: Job, recorder: _Recorder) -> Iterator[IngestProgress]:
        library, arguments = self.library, job.arguments

        def stopped() -> bool:
            return self.stop.is_set() or recorder.cancelled()

        if job.kb_id is not None:
            yield from self._events_in(job.kb_id, job, stopped)
        elif job.kind == "import":
            yield from importing.import_file(library, Path(arguments["file"]), arguments["name"], self.cutting)
        elif job.kind == "check":
            report = repair.compare(library.ledger, library.vectors, repair=arguments["repair"])
            with library.ledger.writing() as connection:
                jobs.set_result(connection, job.id, report.as_json())
        elif job.kind == "sweep":
            sweep(library.ledger, library.vectors, library.uploads)
        else:
            raise _unknown(job)

    def _events_in(self, kb_id: int, job: Job, stopped: Callable[[], bool]) -> Iterator[IngestProgress]:
        library, arguments = self.library, job.arguments
        with library.ledger.reading() as connection:
            knowledge_bases.name_of(connection, kb_id)  # raises where it was deleted meanwhile
        if job.kind == "ingest":
            yield from ingest(
                library, kb_id, arguments["sources"], cutting=self.cutting, ocr=self.ocr,
                sync=arguments["sync"], cancelled=stopped,
            )  # fmt: skip
        elif job.kind == "remove":
            yield from removing.remove(library, kb_id, arguments["sources"])
        elif job.kind == "reindex":
            yield from reindexing.reindex(
                library, kb_id, self.cutting, embedder=arguments["embedder"], revision=arguments["revision"],
                cancelled=stopped,
            )  # fmt: skip
        else:
            raise _unknown(job)

    def _open_and_sweep(self) -> None:
        if self.library.vectors.url is None and self.library.vectors.folder.is_dir():  # importing Chroma takes 0.6 s
            self.library.vectors.collections()  # a folder that cannot be opened is mended before the first job
        sweep(self.library.ledger, self.library.vectors, self.library.uploads)

    def _compare_once(self) -> None:
        """After a power cut or a full disk Chroma and the ledger may be apart: see, while there is time."""
        if not self._compared:
            self._compared = True
            self._repaired(lambda: vector_repair.heal(self.library.ledger, self.library.vectors))

    def _repaired(self, action: Callable[[], None]) -> None:
        """Do something with Chroma; where its folder does not work, make it anew from the ledger first."""
        try:
            action()
        except VectorStoreError:
            if self.library.vectors.url is not None:
                raise
            vector_repair.make_anew(self.library.ledger, self.library.vectors)
            action()


def _unknown(job: Job) -> LibraryError:
    return LibraryError("indexing.unknown_job", kind=job.kind)


class _Recorder:
    """Writes the progress of one job into the ledger, and watches for the wish to cancel it."""

    def __init__(self, library: Library, job: Job) -> None:
        self._library = library
        self._job = job
        self._pending: list[IngestProgress] = []
        self._recorded_at = time.monotonic()
        self._looked_at = 0.0
        self._cancelled = job.cancel_requested
        with library.ledger.reading() as connection:
            earlier = jobs.events(connection, job.id)
        self._judged = {event.source for _, event in earlier if event.verdict is not None}

    def add(self, event: IngestProgress) -> None:
        """Take note of an event; it is written soon."""
        verdict = event.verdict
        if verdict is not None and verdict.status == "unchanged" and event.source in self._judged:
            return  # an owner before us did this file, in this very job, and said so
        self._pending.append(event)
        # What is no verdict announces something that takes time, so it must be seen now.
        if verdict is None or time.monotonic() - self._recorded_at > RECORD_SECONDS:
            self.record()

    def record(self) -> None:
        """Write what is pending."""
        if self._pending:
            with self._library.ledger.writing() as connection:
                jobs.add_events(connection, self._job.id, self._pending)
            self._pending = []
        self._recorded_at = time.monotonic()

    def cancelled(self) -> bool:
        """Whether someone has asked to stop this job."""
        if not self._cancelled and time.monotonic() - self._looked_at > RECORD_SECONDS:
            self._looked_at = time.monotonic()
            with self._library.ledger.reading() as connection:
                job = jobs.get(connection, self._job.id)
            self._cancelled = job is None or job.cancel_requested
        return self._cancelled
