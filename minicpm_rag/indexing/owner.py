"""The worker: runs the queued jobs one after the other, in one thread of the process that owns the library.

In PostgreSQL no process owns the library: the workers of all processes take jobs by leases. Knows which function does
which job, and how progress is recorded; not how the work is done.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from minicpm_rag.errors import DatabaseUnreachableError, LeaseLostError, LibraryError, RAGError, VectorStoreError
from minicpm_rag.indexing import importing, passwords, reindexing, removing, repair, storing
from minicpm_rag.indexing.ingest import ingest
from minicpm_rag.library import Library
from minicpm_rag.library.ledger import documents, jobs, knowledge_bases, leases
from minicpm_rag.library.ledger.connection import Connection
from minicpm_rag.library.ledger.jobs import Job
from minicpm_rag.library.ledger.postgres import Lease, PostgresLedger
from minicpm_rag.messages import Message, reason_of
from minicpm_rag.records import ChunkSize, IngestProgress

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.1  # between two looks at the queue, soon after there was work
QUIET_SECONDS = 1.0  # the same later: ten looks a second took half a percent of a core
CLAIM_SECONDS = 0.5  # between two tries to become the owner
AWAY_SECONDS = 2.0  # between two tries to reach a database that did not answer
RECORD_SECONDS = 0.1  # progress is written at most this often, because each time is a transaction


class Worker:
    """Becomes the owner of the library as soon as no other process is, and runs the queued jobs until closed.

    Every process that submits jobs starts one; `follow` works the same whichever process runs the job.
    """

    def __init__(
        self, library: Library, size: ChunkSize | None = None, *, ocr: bool = True, ray: str | None = None
    ) -> None:
        """`ray` is the address of a Ray cluster that reads and embeds what is ingested."""
        self.library = library
        self.size = size or ChunkSize()
        self.ocr = ocr
        self.ray = ray
        self.owns_library = False
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._prepared = False  # since this process became the owner, or a job failed
        self._compared = False
        self._quiet_looks = 0  # at the queue, since there was something to do
        self._left: Lease | None = None  # of a job that was begun and not ended
        self._left_to_blame = False

    def __enter__(self) -> Worker:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Become the owner if no process is, and start the background thread; harmless when repeated."""
        if self._thread is None:
            self._claim()
            self._thread = threading.Thread(target=self._work, name="library-worker", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Finish the current file, leave the rest of the job in the queue, release the library."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _claim(self) -> bool:
        self.owns_library = self.owns_library or self.library.vectors.claim()
        return self.owns_library

    def _work(self) -> None:
        try:
            while not self._stop.is_set():
                try:
                    pause = self._step()
                except RAGError as exc:  # the disk is full, say; what a job raises is recorded with it
                    log.error("The library's worker tries again: %s", exc)
                    pause = AWAY_SECONDS if isinstance(exc, DatabaseUnreachableError) else CLAIM_SECONDS
                except Exception:  # a defect of ours: the thread must live on, or nothing is ever done again
                    log.exception("The library's worker tries again")
                    self._prepared = False  # queues the job again, and gives it up after a few times
                    pause = CLAIM_SECONDS
                self._stop.wait(pause)
        finally:
            if self.owns_library:
                self.owns_library = False
                self.library.vectors.release()

    def _step(self) -> float:
        """Do the next thing there is to do; returns the seconds to wait after it."""
        if not self._claim():
            return CLAIM_SECONDS
        if isinstance(self.library.ledger, PostgresLedger):
            return self._step_leased(self.library.ledger)
        if not self._prepared:
            self._prepared = True
            with self.library.ledger.writing() as connection:
                jobs.requeue(connection)
            self._repaired(self._open_and_clear)
        with self.library.ledger.reading() as connection:
            waiting = jobs.waiting(connection)
        if not waiting:
            if not self._compared:  # a power cut or a full disk may have left Chroma behind the ledger
                self._compared = True
                self._repaired(lambda: repair.heal(self.library))
            return self._quiet()
        self._quiet_looks = 0
        with self.library.ledger.writing() as connection:
            job = jobs.take(connection)
        if job is not None:
            self._run(job)
        return 0

    def _quiet(self) -> float:
        self._quiet_looks += 1
        return LOOK_SECONDS if self._quiet_looks < 50 else QUIET_SECONDS

    def _step_leased(self, ledger: PostgresLedger) -> float:
        """Take a job and do it. One that this worker could not end is left to whoever can, itself included."""
        if not self._prepared:
            self._prepared = True
            storing.clear_uploads(self.library)
        if self._left is not None:
            leases.hand_back(ledger, self._left, to_blame=self._left_to_blame)
            self._left = None
        taken = leases.claim(ledger)
        if taken is None:
            return self._quiet()
        self._quiet_looks = 0
        job, lease = taken
        self._left, self._left_to_blame = lease, False
        try:
            with leases.kept(ledger, lease):
                if job.kind == "import":
                    storing.clear(self.library)  # what another worker may have left of it
                self._run(job)
            self._left = None
        except LeaseLostError as exc:
            log.warning("%s", exc)
            self._left = None
        except RAGError:
            raise
        except Exception:
            self._left_to_blame = True
            raise
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
            elif self._stop.is_set():
                status = "queued"
        except (DatabaseUnreachableError, LeaseLostError):
            raise  # the job is not to blame
        except RAGError as exc:
            status, kind, error = "failed", type(exc).__name__, exc.message
            self._prepared = self._compared = False  # it may have left something, or broken Chroma
        except Exception as exc:  # a defect of ours must reach the user who asked, not only the log
            log.exception("job %s %s", job.id, job.kind)
            status, kind = "failed", "LibraryError"
            error = Message("indexing.unexpected", kind=type(exc).__name__, why=reason_of(exc))
        try:
            recorder.record()
            with self.library.ledger.writing() as connection:
                made = _made_to_fill(connection, job)
                if made is not None:  # nothing may be submitted into it between the look and its deletion
                    self.library.ledger.alone(connection)  # before a row is changed for which a short write waits
                jobs.finish(connection, job.id, status, kind, error)
                if made is not None:
                    _keep_if_wanted(connection, made)
                if (
                    status == "failed" and job.kind != "sweep" and self.library.ledger.shared
                ):  # nobody clears as an owner does at its start
                    jobs.submit(connection, "sweep", None, {})
        except (DatabaseUnreachableError, LeaseLostError):
            raise  # it is done again
        except LibraryError as exc:  # a full disk: whoever follows in this process must still learn of it
            self.library.unrecorded[job.id] = LibraryError(error or exc.message)
            raise

    def _events(self, job: Job, recorder: _Recorder) -> Iterator[IngestProgress]:
        library, arguments = self.library, job.arguments

        def stopped() -> bool:
            return self._stop.is_set() or recorder.cancelled()

        if job.kb_id is not None:
            yield from self._events_in(job.kb_id, job, stopped)
        elif job.kind == "import":
            yield from importing.import_file(
                library, Path(arguments["file"]), arguments["name"], self.size, arguments.get("user")
            )
        elif job.kind == "check":
            report = repair.compare(library, self.size, repair=arguments["repair"], ocr=self.ocr)
            with library.ledger.writing() as connection:
                jobs.set_result(connection, job.id, report.as_json())
        elif job.kind == "sweep":
            storing.clear(library)
        else:
            raise LibraryError("indexing.unknown_job", kind=job.kind)

    def _events_in(self, kb_id: int, job: Job, stopped: Callable[[], bool]) -> Iterator[IngestProgress]:
        library, arguments = self.library, job.arguments
        with library.ledger.reading() as connection:
            knowledge_bases.name_of(connection, kb_id)  # raises where it was deleted meanwhile
        if job.kind == "ingest":
            yield from ingest(
                library, kb_id, arguments["sources"], size=self.size, ocr=self.ocr,
                password=passwords.taken(library.home, job.id), sync=arguments["sync"],
                asks=arguments.get("asks", False), cancelled=stopped, ray=self.ray,
            )  # fmt: skip
        elif job.kind == "remove":
            yield from removing.remove(library, kb_id, arguments["sources"])
        elif job.kind == "reindex":
            yield from reindexing.reindex(
                library, kb_id, self.size, embedder=arguments["embedder"], revision=arguments["revision"],
                cancelled=stopped,
            )  # fmt: skip
        else:
            raise LibraryError("indexing.unknown_job", kind=job.kind)

    def _open_and_clear(self) -> None:
        if self.library.vectors.url is None and self.library.vectors.folder.is_dir():  # importing Chroma is slow
            self.library.vectors.collections()  # a folder that cannot be opened is rebuilt before the first job
        storing.clear(self.library)

    def _repaired(self, action: Callable[[], None]) -> None:
        """Do something with Chroma; where its folder does not work, rebuild it from the ledger first."""
        try:
            action()
        except VectorStoreError:
            if self.library.vectors.url is not None:
                raise
            repair.rebuild_folder(self.library)
            action()


def _made_to_fill(connection: Connection, job: Job) -> int | None:
    """The knowledge base of an ingest, where it was made for one and nothing had come into it yet."""
    if job.kind != "ingest" or job.kb_id is None:
        return None
    is_made = knowledge_bases.setting(connection, job.kb_id, knowledge_bases.MADE_TO_FILL)
    return job.kb_id if is_made else None


def _keep_if_wanted(connection: Connection, kb_id: int) -> None:
    """Delete a knowledge base that an ingest made and nothing came into: for a mistyped path, an empty folder."""
    if knowledge_bases.is_wanted(connection, kb_id):
        if documents.sources(connection, kb_id):
            knowledge_bases.forget_setting(connection, kb_id, knowledge_bases.MADE_TO_FILL)
        return
    knowledge_bases.hide(connection, kb_id)
    jobs.submit(connection, "sweep", None, {})


class _Recorder:
    """Writes the progress of one job into the ledger, and looks whether the job is to be cancelled."""

    def __init__(self, library: Library, job: Job) -> None:
        self._library = library
        self._job = job
        self._pending: list[IngestProgress] = []
        self._recorded_at = time.monotonic()
        self._looked_at = 0.0
        self._cancelled = job.cancel_requested
        with library.ledger.reading() as connection:
            earlier = jobs.events(connection, job.id)
        self._headway = False  # whether a file was done that no owner before this one did
        self._judged = {event.source for _, event in earlier if event.verdict is not None}

    def add(self, event: IngestProgress) -> None:
        """Take note of an event; it is written soon."""
        verdict = event.verdict
        if verdict is not None:
            if verdict.status == "unchanged" and event.source in self._judged:
                return  # an owner before this one stored the file, in this very job, and said so
            self._headway = self._headway or event.source not in self._judged
        self._pending.append(event)
        # An event without a verdict announces something that takes time, so it must be seen now.
        if verdict is None or time.monotonic() - self._recorded_at > RECORD_SECONDS:
            self.record()

    def record(self) -> None:
        """Write what is pending."""
        if self._pending:
            with self._library.ledger.writing() as connection:
                jobs.add_events(connection, self._job.id, self._pending)
                if self._headway:
                    jobs.note_headway(connection, self._job.id)
            self._pending, self._headway = [], False
        self._recorded_at = time.monotonic()

    def cancelled(self) -> bool:
        """Whether this job is to be cancelled."""
        if not self._cancelled and time.monotonic() - self._looked_at > RECORD_SECONDS:
            self._looked_at = time.monotonic()
            with self._library.ledger.reading() as connection:
                job = jobs.get(connection, self._job.id)
            self._cancelled = job is None or job.cancel_requested
        return self._cancelled
